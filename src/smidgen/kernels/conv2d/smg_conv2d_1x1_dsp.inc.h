/* SPDX-License-Identifier: Apache-2.0 */
/* 1x1 convolution with stride 1 on the DSP extension: a matrix product straight from the input's pixels. */
#ifndef SMG_CONV2D_1X1_DSP_INC_H
#define SMG_CONV2D_1X1_DSP_INC_H
#include "smg_conv2d_dsp.inc.h"

/* Pixels in memory order, two at a time; an odd last pixel is computed twice, into the same place.
 * scratch: both pixels as int16 lanes, see smg_conv2d_two_pixels. */
SMG_INLINE void smg_conv2d_1x1_dsp(smg_rounding rounding, const smg_conv2d_params *p,
                                   const int8_t *x,  /* (pixels, in_c) */
                                   const int8_t *w,  /* packed, see smg_conv2d_dsp.inc.h */
                                   const int32_t *b, /* (out_c) smg_channel */
                                   int8_t *y,        /* (pixels, out_c) */
                                   uint32_t *scratch) {
    const int32_t eights = (p->in_c + 7) / 8;
    for (int32_t left = p->batch * p->out_h * p->out_w; left > 0; left -= 2) {
        const int8_t *x1 = left > 1 ? x + p->in_c : x;
        int8_t *y1 = left > 1 ? y + p->out_c : y;
        smg_expand(scratch, 4, 2, x, p->in_c);
        smg_expand(scratch + 1, 4, 2, x1, p->in_c);
        smg_conv2d_two_pixels(rounding, p, scratch, w, b, eights, y, y1);
        x = x1 + p->in_c;
        y = y1 + p->out_c;
    }
}
#endif
