/* SPDX-License-Identifier: Apache-2.0 */
/* Two output pixels by two output channels at a time; shared by the DSP convolutions.
 * The record folds the input's zero point into the bias, so bytes are multiplied as they are; packs weights as
 * (out_c / 2, inputs / 4, 2 channels, 4), inputs rounded up to 8, zeros past the ends, and b as (out_c) smg_channel; and
 * proves that accumulators fit. */
#ifndef SMG_CONV2D_DSP_INC_H
#define SMG_CONV2D_DSP_INC_H
#include "smg_dsp_products.h"
#include "smg_dsp_requantize.h"
#include "smg_expand.h"
#include "smg_kernels.h"

/* All channels of two pixels. An odd last channel is computed twice, into the same place. */
SMG_INLINE void smg_conv2d_two_pixels(smg_rounding rounding, const smg_conv2d_params *p,
                                      const uint32_t *x, /* (eights, 2, even lanes of both, odd lanes of both) */
                                      const int8_t *w, const int32_t *b, int32_t eights, int8_t *y0 /* (out_c) */,
                                      int8_t *y1 /* (out_c) */) {
    const smg_range range = smg_output_range(p->out_offset, p->act_min, p->act_max);
    const int32_t out_c = p->out_c;
    for (int32_t o = 0; o < out_c; o += 2, w += 16 * eights) {
        const int32_t next = o + 1 < out_c ? o + 1 : o;
        const int32_t *first = b + SMG_CHANNEL_WORDS * o, *second = b + SMG_CHANNEL_WORDS * next;
        const smg_sums start = {first[0], first[0], second[0], second[0]};
        const smg_sums s = smg_two_by_two(start, x, w, eights);
        const smg_channel channel = smg_load_channel(first), other = smg_load_channel(second);
        y0[next] = smg_dsp_output(rounding, s.c, other, range);
        y1[next] = smg_dsp_output(rounding, s.d, other, range);
        y0[o] = smg_dsp_output(rounding, s.a, channel, range);
        y1[o] = smg_dsp_output(rounding, s.b, channel, range);
    }
}
#endif
