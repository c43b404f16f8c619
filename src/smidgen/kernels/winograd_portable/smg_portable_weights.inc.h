/* SPDX-License-Identifier: Apache-2.0 */
/* The weight transform at run time: U = G g G' and the sums' starts from int8 weights into scratch, so that flash holds
 * 9 bytes of a filter's channel instead of 32 to 162. */
#ifndef SMG_PORTABLE_WEIGHTS_INC_H
#define SMG_PORTABLE_WEIGHTS_INC_H
#include "smg_portable_winograd.inc.h"

/* One channel of one filter: g points at the first of its 9 taps, u at the weight of the first product. Sums of each
 * sum's weights grow. */
SMG_COLD void smg_transform_taps(const int8_t *g, smg_weight *u, uint32_t *totals) {
    int32_t columns[3][SMG_SIDE];
    for (int32_t k = 0; k < 3; k++) {
        const int32_t taps[3] = {g[k * SMG_IN_C], g[(3 + k) * SMG_IN_C], g[(6 + k) * SMG_IN_C]};
        smg_weight_line(taps, columns[k]);
    }
    for (int32_t p = 0; p < SMG_SIDE; p++) {
        const int32_t taps[3] = {columns[0][p], columns[1][p], columns[2][p]};
        int32_t line[SMG_SIDE];
        smg_weight_line(taps, line);
        for (int32_t q = 0; q < SMG_SIDE; q++) {
            const int32_t sum = SMG_SUMS * smg_sum_of(p) + smg_sum_of(q);
            const int32_t at = smg_place(p, q) * SMG_DEPTH + 2 * (sum + 1);
            u[at * SMG_CHANNELS] = (int16_t)line[q];
            totals[sum] += (uint32_t)line[q];
        }
    }
}

/* One filter: g (3, 3, in_c), to the stream of its block as channel c; first: what the sum of all outputs starts from.
 */
SMG_COLD void smg_transform_filter(const int8_t *g, smg_word *stream, int32_t c, uint32_t first) {
    uint32_t totals[SMG_ALL_SUMS];
    smg_weight *u = (smg_weight *)(stream + 3 * SMG_CHANNELS) + c;
    for (int32_t s = 0; s < SMG_ALL_SUMS; s++) totals[s] = 0;
    for (int32_t k = 0; k < SMG_DEPTH; k++, u += SMG_CHANNELS) {
        const int32_t channel = k % 4 == 1 ? k + 1 : k % 4 == 2 ? k - 1 : k; /* the order of V */
        if (channel < SMG_IN_C) {
            smg_transform_taps(g + channel, u, totals);
        } else {
            for (int32_t p = 0; p < SMG_PRODUCTS; p++) {
                const int32_t i = smg_sum_of(p / SMG_SIDE), j = smg_sum_of(p % SMG_SIDE);
                const int32_t at = smg_place(p / SMG_SIDE, p % SMG_SIDE) * SMG_DEPTH + 2 * (SMG_SUMS * i + j + 1);
                u[at * SMG_CHANNELS] = 0;
            }
        }
    }
    smg_word *start = stream + 3 * SMG_CHANNELS + c;
    for (int32_t i = 0; i < SMG_SUMS; i++) {
        for (int32_t j = 0; j < SMG_SUMS; j++) {
            const uint32_t raised = i == SMG_UNIT && j == SMG_UNIT ? first : 0;
            *start = raised - SMG_OFFSET * totals[SMG_SUMS * i + j];
            start += SMG_CHANNELS + smg_members(i) * smg_members(j) * (SMG_DEPTH * SMG_CHANNELS / 2);
        }
    }
}

/* w (out_c, 3, 3, in_c) and constants (out_c, 4) mult, addend, shift and first, to the stream; channels past the last
 * are left as they are: nobody looks at their sums. */
SMG_INLINE void smg_transform_weights(const int8_t *w, const smg_word *constants, smg_word *stream) {
    for (int32_t o = 0; o < SMG_OUT_C; o++, w += 9 * SMG_IN_C, constants += 4) {
        smg_word *block = stream + o / SMG_CHANNELS * SMG_STREAM_WORDS;
        for (int32_t i = 0; i < 3; i++) block[SMG_CHANNELS * i + o % SMG_CHANNELS] = constants[i];
        smg_transform_filter(w, block, o % SMG_CHANNELS, constants[3]);
    }
}
#endif
