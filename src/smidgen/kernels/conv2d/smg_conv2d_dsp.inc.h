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

/* Two channels of two pixels; of the last pair in an odd number of channels, only the first is written. */
SMG_INLINE void smg_conv2d_finish(smg_rounding rounding, smg_sums s, const int32_t *b /* (2) smg_channel */,
                                  smg_byte_range range, int8_t *y0, int8_t *y1, int32_t left) {
    const uint32_t b0 = smg_output_byte(rounding, s.a, b, range.offset);
    const uint32_t b2 = smg_output_byte(rounding, s.b, b, range.offset);
    const uint32_t b1 = smg_output_byte(rounding, s.c, b + SMG_CHANNEL_WORDS, range.offset);
    const uint32_t b3 = smg_output_byte(rounding, s.d, b + SMG_CHANNEL_WORDS, range.offset);
    const uint32_t bytes = smg_clamp_bytes(b0, b1, b2, b3, range);
    if (left > 1) {
        smg_store16(y0, bytes);
        smg_store16(y1, bytes >> 16);
    } else {
        *y0 = (int8_t)bytes;
        *y1 = (int8_t)(bytes >> 16);
    }
}

/* All channels of two pixels. */
SMG_INLINE void smg_conv2d_two_pixels(smg_rounding rounding, const smg_conv2d_params *p,
                                      const uint32_t *x, /* (eights, 2, even lanes of both, odd lanes of both) */
                                      const int8_t *w, const int32_t *b, int32_t eights, int8_t *y0 /* (out_c) */,
                                      int8_t *y1 /* (out_c) */) {
    const smg_byte_range range = smg_output_bytes(p->out_offset, p->act_min, p->act_max);
    for (int32_t left = p->out_c; left > 0; left -= 2) { /* the packed channels are even in number */
        const smg_sums start = {b[0], b[0], b[SMG_CHANNEL_WORDS], b[SMG_CHANNEL_WORDS]};
        smg_conv2d_finish(rounding, smg_two_by_two(start, x, w, eights), b, range, y0, y1, left);
        w += 16 * eights;
        b += 2 * SMG_CHANNEL_WORDS;
        y0 += 2;
        y1 += 2;
    }
}
#endif
