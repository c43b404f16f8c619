/* SPDX-License-Identifier: Apache-2.0 */
/* Two output pixels by two output channels at a time; shared by the DSP convolutions.
 * The record folds the input's zero point into the bias, so bytes are multiplied as they are; packs weights as
 * (out_c / 2, inputs / 4, 2 channels, 4), inputs rounded up to 8, zeros past the ends; and proves that accumulators fit. */
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
    const int32_t *mult = p->mult, *shift = p->shift, out_c = p->out_c;
    for (int32_t o = 0; o < out_c; o += 2, w += 16 * eights) {
        const int32_t next = o + 1 < out_c ? o + 1 : o;
        const smg_sums start = {b[o], b[o], b[next], b[next]};
        const smg_sums s = smg_two_by_two(start, x, w, eights);
        const smg_scale first = smg_channel_scale(mult[o], shift[o]);
        const smg_scale second = smg_channel_scale(mult[next], shift[next]);
        y0[next] = smg_dsp_output(rounding, s.c, second, range);
        y1[next] = smg_dsp_output(rounding, s.d, second, range);
        y0[o] = smg_dsp_output(rounding, s.a, first, range);
        y1[o] = smg_dsp_output(rounding, s.b, first, range);
    }
}
#endif
