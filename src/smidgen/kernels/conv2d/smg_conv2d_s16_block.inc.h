/* SPDX-License-Identifier: Apache-2.0 */
/* Two output pixels by two output channels at a time, of int16 rows; shared by the DSP convolutions.
 * The record folds the input's zero point into the bias, packs weights as smg_products16.h wants them, (out_c / 2,
 * inputs / 8, 2, 2 channels, 4), zeros past the ends, and b as (out_c) smg_channel; and says how wide sums are. */
#ifndef SMG_CONV2D_S16_BLOCK_INC_H
#define SMG_CONV2D_S16_BLOCK_INC_H
#include "smg_kernels.h"
#include "smg_products16.h"

typedef SMG_INT(SMG_IN_BITS) in_t;
typedef SMG_INT(SMG_OUT_BITS) out_t;

/* All channels of two pixels; of an odd number of channels the packed ones are one more. */
SMG_INLINE void two_pixels(const smg_conv2d_params *p, const int16_t *x0, const int16_t *x1 /* (eights, 8) */,
                           const int8_t *w, const int32_t *b, int32_t eights, out_t *y0 /* (out_c) */,
                           out_t *y1 /* (out_c) */) {
    const smg_range range = smg_output_range(p->out_offset, p->act_min, p->act_max);
    for (int32_t left = p->out_c; left > 0; left -= 2) {
        const int32_t *b1 = b + SMG_CHANNEL_WORDS;
        const smg_sums start = {b[0], b[0], b1[0], b1[0]};
        const SMG_FOR(smg_sums, SMG_SUM_BITS) s = SMG_FOR(smg_two_rows, SMG_SUM_BITS)(start, x0, x1, w, eights);
        const int32_t a0 = SMG_FOR(smg_output, SMG_OUTPUT)(s.a, b, range);
        const int32_t a1 = SMG_FOR(smg_output, SMG_OUTPUT)(s.b, b, range);
        *y0++ = (out_t)a0;
        *y1++ = (out_t)a1;
        if (left == 1) return;
        const int32_t c0 = SMG_FOR(smg_output, SMG_OUTPUT)(s.c, b1, range);
        const int32_t c1 = SMG_FOR(smg_output, SMG_OUTPUT)(s.d, b1, range);
        *y0++ = (out_t)c0;
        *y1++ = (out_t)c1;
        w += 16 * eights;
        b = b1 + SMG_CHANNEL_WORDS;
    }
}
#endif
