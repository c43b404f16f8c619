/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution of any shape with one group, on the DSP extension: each output pixel's window becomes a row of bytes. */
#ifndef SMG_CONV2D_IM2COL_DSP_INC_H
#define SMG_CONV2D_IM2COL_DSP_INC_H
#include "smg_conv2d_dsp.inc.h"

/* taps columns of one input row from column ix on, the zero point where they lie outside. Returns the end. */
SMG_INLINE int8_t *smg_conv2d_copy_taps(const smg_conv2d_params *p, int8_t *to, const int8_t *row /* (in_w, in_c) */,
                                        int32_t ix, int32_t taps) {
    const int8_t zero = (int8_t)-p->in_offset;
    const int32_t first = smg_clamp(-ix, 0, taps), end = smg_clamp(p->in_w - ix, first, taps);
    if (first > 0) smg_fill(to, zero, first * p->in_c);
    smg_copy(to + first * p->in_c, row + smg_clamp(ix, 0, p->in_w) * p->in_c, (end - first) * p->in_c);
    if (end < taps) smg_fill(to + end * p->in_c, zero, (taps - end) * p->in_c);
    return to + taps * p->in_c;
}

/* The window of output pixel (oy, ox) as (k_h, k_w, in_c) bytes. Whole rows at once unless columns are dilated. */
SMG_INLINE void smg_conv2d_window_bytes(const smg_conv2d_params *p, int8_t *to, const int8_t *x, int32_t oy,
                                        int32_t ox) {
    const int32_t y0 = oy * p->stride_h - p->pad_t, x0 = ox * p->stride_w - p->pad_l;
    const int32_t taps = p->dilation_w == 1 ? p->k_w : 1, row = p->k_w * p->in_c;
    if (p->dilation_w == 1 && y0 >= 0 && x0 >= 0 && x0 + p->k_w <= p->in_w &&
        y0 + (p->k_h - 1) * p->dilation_h < p->in_h) { /* all inside: the most frequent case, much quicker */
        const int8_t *from = x + (y0 * p->in_w + x0) * p->in_c;
        for (int32_t ky = 0; ky < p->k_h; ky++, to += row, from += p->dilation_h * p->in_w * p->in_c) {
            smg_copy(to, from, row);
        }
        return;
    }
    for (int32_t ky = 0; ky < p->k_h; ky++) {
        const int32_t iy = y0 + ky * p->dilation_h;
        if (iy < 0 || iy >= p->in_h) {
            smg_fill(to, (int8_t)-p->in_offset, row);
            to += row;
            continue;
        }
        for (int32_t kx = 0; kx < p->k_w; kx += taps) {
            to = smg_conv2d_copy_taps(p, to, x + iy * p->in_w * p->in_c, x0 + kx * p->dilation_w, taps);
        }
    }
}

/* Pixels in memory order, two at a time across row ends; an odd last pixel is computed twice, into the same place.
 * scratch: both windows as int16 lanes, see smg_conv2d_two_pixels, then one window's bytes. */
SMG_INLINE void smg_conv2d_im2col_dsp(smg_rounding rounding, const smg_conv2d_params *p,
                                      const int8_t *x,  /* (batch, in_h, in_w, in_c) */
                                      const int8_t *w,  /* packed, see smg_conv2d_dsp.inc.h */
                                      const int32_t *b, /* (out_c) smg_channel */
                                      int8_t *y,        /* (batch, out_h, out_w, out_c) */
                                      uint32_t *scratch) {
    const int32_t window = p->k_h * p->k_w * p->in_c, eights = (window + 7) / 8;
    int8_t *bytes = (int8_t *)(scratch + 8 * eights);
    for (int32_t n = 0; n < p->batch; n++, x += p->in_h * p->in_w * p->in_c) {
        int32_t oy = 0, ox = 0;
        for (int32_t left = p->out_h * p->out_w; left > 0; left -= 2) {
            int8_t *y1 = left > 1 ? y + p->out_c : y;
            for (int32_t pixel = 0; pixel < 2; pixel++) {
                smg_conv2d_window_bytes(p, bytes, x, oy, ox);
                smg_expand(scratch + pixel, 4, 2, bytes, window);
                if (left == 1) continue;
                if (++ox == p->out_w) ox = 0, oy++;
            }
            smg_conv2d_two_pixels(rounding, p, scratch, w, b, eights, y, y1);
            y = y1 + p->out_c;
        }
    }
}
#endif
