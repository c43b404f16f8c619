/* SPDX-License-Identifier: Apache-2.0 */
/* The weight transform of F(4x4, 3x3) at run time: U = G g G' from int8 weights into scratch, so that flash holds 9
 * bytes a pair of channels instead of 72. Two channels travel in one integer high * 65536 + low (see the input
 * transform); here low may be negative at the end, and then high is one too small. */
#ifndef SMG_WINOGRAD_WEIGHTS_INC_H
#define SMG_WINOGRAD_WEIGHTS_INC_H
#include "smg_winograd.inc.h"

#if SMG_TILE == 4
/* G of three values: 6 a, -4 (a + b + c), -4 (a - b + c), a + 2 b + 4 c, a - 2 b + 4 c, 12 c, ``step`` apart. */
SMG_INLINE void smg_weight_line(uint32_t a, uint32_t b, uint32_t c, uint32_t *to, int32_t step) {
    const uint32_t sum = a + c, quads = a + 4 * c;
    to[0] = 6 * a;
    to[step] = 0U - 4 * (sum + b);
    to[2 * step] = 0U - 4 * (sum - b);
    to[3 * step] = quads + 2 * b;
    to[4 * step] = quads - 2 * b;
    to[5 * step] = 12 * c;
}
#else
/* G of three values: 2 a, a + b + c, a - b + c, 2 c, ``step`` apart. */
SMG_INLINE void smg_weight_line(uint32_t a, uint32_t b, uint32_t c, uint32_t *to, int32_t step) {
    const uint32_t sum = a + c;
    to[0] = 2 * a;
    to[step] = sum + b;
    to[2 * step] = sum - b;
    to[3 * step] = 2 * c;
}
#endif

/* One more in the high half where the low one is negative. */
SMG_INLINE uint32_t smg_carried(uint32_t v) { return v + ((v & 0x8000U) << 1); }

/* Two channels of one filter: g points at the first of their 9 taps, u at position 0. */
SMG_COLD void smg_transform_filter(const int8_t *g, uint32_t rotated, uint32_t *u) {
    uint32_t columns[3 * SMG_SIDE], row[SMG_SIDE];
    for (int32_t k = 0; k < 3; k++) {
        uint32_t taps[3];
        for (int32_t i = 0; i < 3; i++) {
            const uint32_t four = smg_load32(g + (3 * i + k) * SMG_IN_C);
            const uint32_t two = smg_sxtb16(four >> rotated);
            taps[i] = two - ((two & 0x8000U) << 1);
        }
        smg_weight_line(taps[0], taps[1], taps[2], columns + k, 3);
    }
    for (int32_t i = 0; i < SMG_SIDE; i++, u += SMG_SIDE * SMG_IN_C) {
        smg_weight_line(columns[3 * i], columns[3 * i + 1], columns[3 * i + 2], row, 1);
        for (int32_t k = 0; k < SMG_SIDE; k++) u[k * SMG_IN_C] = smg_carried(row[k]);
    }
}

/* w (out_c made even, 3, 3, in_c) to u (out_c / 2, positions, in_c / 2, 2) words. */
SMG_INLINE void smg_transform_weights(const int8_t *w, uint32_t *u) {
    for (int32_t o = 0; o < SMG_OUT_C + SMG_OUT_C % 2; o++, w += 9 * SMG_IN_C) {
        uint32_t *to = u + o / 2 * SMG_POSITIONS * SMG_IN_C + o % 2;
        for (int32_t channel = 0; channel < SMG_IN_C; channel += 4, to += 4) {
            smg_transform_filter(w + channel, 0, to);
            smg_transform_filter(w + channel, 8, to + 2);
        }
    }
}
#endif
