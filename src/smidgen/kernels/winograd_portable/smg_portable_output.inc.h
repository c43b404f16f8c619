/* SPDX-License-Identifier: Apache-2.0 */
/* The output transform: A'MA is 2^SMG_SCALE_BITS * odd times the accumulator modulo 2^32 (the bias came in with the
 * sums' starts), times the inverse of the odd number it is 2^SMG_SCALE_BITS times it, the true value where that fits.
 */
#ifndef SMG_PORTABLE_OUTPUT_INC_H
#define SMG_PORTABLE_OUTPUT_INC_H
#include "smg_portable_winograd.inc.h"

/* One tile of one channel, from its sums SMG_SUM_STEP apart, to pixels at y. */
SMG_INLINE void smg_channel_outputs(const uint32_t *m, int8_t *y, int32_t pitch, int32_t pixel,
                                    const smg_word *constants) {
    const int32_t mult = (int32_t)constants[0], addend = (int32_t)constants[SMG_CHANNELS];
    const int32_t shift = (int32_t)constants[2 * SMG_CHANNELS];
    uint32_t rows[SMG_SUMS][SMG_TILE];
    SMG_UNROLLED_ROWS
    for (int32_t i = 0; i < SMG_SUMS; i++) {
        uint32_t line[SMG_SUMS];
        SMG_UNROLLED
        for (int32_t j = 0; j < SMG_SUMS; j++) line[j] = m[(SMG_SUMS * i + j) * SMG_SUM_STEP];
        smg_output_line(line, rows[i]);
    }
    SMG_UNROLLED_ROWS
    for (int32_t k = 0; k < SMG_TILE; k++) {
        uint32_t line[SMG_SUMS], z[SMG_TILE];
        SMG_UNROLLED
        for (int32_t i = 0; i < SMG_SUMS; i++) line[i] = rows[i][k];
        smg_output_line(line, z);
        SMG_UNROLLED
        for (int32_t i = 0; i < SMG_TILE; i++) {
            y[i * pitch + k * pixel] = smg_requantize_scaled(z[i] * SMG_INVERSE, mult, addend, shift);
        }
    }
}

/* The first ``channels`` of one tile. */
SMG_INLINE void smg_outputs(const uint32_t *m, const smg_word *constants, int8_t *y, int32_t channels) {
    for (int32_t c = 0; c < channels; c++) {
        smg_channel_outputs(m + c, y + c, SMG_OUT_PITCH, SMG_OUT_C, constants + c);
    }
}

/* The same of one channel, to a tile of its own. */
SMG_INLINE void smg_edge_outputs(const uint32_t *m, const smg_word *constants, int8_t *y, int32_t channels) {
    (void)channels;
    smg_channel_outputs(m, y, SMG_TILE, 1, constants);
}
#endif
