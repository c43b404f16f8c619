/* SPDX-License-Identifier: Apache-2.0 */
/* Two output pixels by two output channels at a time; shared by the DSP convolutions.
 * The record folds the input's zero point into the bias, so bytes are multiplied as they are; packs weights as
 * (out_c / 2, inputs / 4, 2 channels, 4), inputs rounded up to 8, zeros past the ends, and b as (out_c) smg_channel;
 * and proves that accumulators fit. */
#ifndef SMG_CONV2D_DSP_INC_H
#define SMG_CONV2D_DSP_INC_H
#include "smg_dsp_products.h"
#include "smg_dsp_requantize.h"
#include "smg_expand.h"
#include "smg_kernels.h"

/* One channel of two pixels. */
SMG_INLINE void smg_conv2d_finish(smg_rounding rounding, int32_t sum0, int32_t sum1, const int32_t *b, smg_range range,
                                  int8_t *y0, int8_t *y1) {
    const smg_channel channel = smg_load_channel(b);
    *y0 = smg_dsp_output(rounding, sum0, channel, range);
    *y1 = smg_dsp_output(rounding, sum1, channel, range);
}

/* All channels of two pixels. */
SMG_INLINE void smg_conv2d_two_pixels(smg_rounding rounding, const smg_conv2d_params *p,
                                      const uint32_t *x, /* (eights, 2, even lanes of both, odd lanes of both) */
                                      const int8_t *w, const int32_t *b, int32_t eights, int8_t *y0 /* (out_c) */,
                                      int8_t *y1 /* (out_c) */) {
    const smg_range range = smg_output_range(p->out_offset, p->act_min, p->act_max);
    const int32_t *second = b + SMG_CHANNEL_WORDS; /* the packed channels are even in number */
    for (int32_t left = p->out_c; left > 0; left -= 2, w += 16 * eights) {
        const smg_sums start = {b[0], b[0], second[0], second[0]};
        const smg_sums s = smg_two_by_two(start, x, w, eights);
        smg_conv2d_finish(rounding, s.a, s.b, b, range, y0++, y1++);
        if (left > 1) smg_conv2d_finish(rounding, s.c, s.d, second, range, y0++, y1++);
        b = second + SMG_CHANNEL_WORDS;
        second = b + SMG_CHANNEL_WORDS;
    }
}
#endif
