/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution of int16, any shape with one group, on the DSP extension: each output pixel's window becomes a row. */
#include "smg_conv2d_s16_block.inc.h"

smg_conv2d_s16_kernel SMG_FUNCTION;

/* count elements of one value; the empty asm keeps compilers from calling a library. */
SMG_INLINE void fill(int16_t *to, int32_t value, int32_t count) {
    for (; count > 0; count--) {
        *to++ = (int16_t)value;
        __asm__("" ::: "memory");
    }
}

/* taps columns of one input row from column ix on, the zero point where they lie outside. Returns the end. */
SMG_INLINE int16_t *copy_taps(const smg_conv2d_params *p, int16_t *to, const in_t *row /* (in_w, in_c) */, int32_t ix,
                              int32_t taps) {
    const int32_t first = smg_clamp(-ix, 0, taps), end = smg_clamp(p->in_w - ix, first, taps);
    fill(to, -p->in_offset, first * p->in_c);
    SMG_FOR(smg_widen, SMG_IN_BITS)
    (to + first * p->in_c, row + smg_clamp(ix, 0, p->in_w) * p->in_c, (end - first) * p->in_c);
    fill(to + end * p->in_c, -p->in_offset, (taps - end) * p->in_c);
    return to + taps * p->in_c;
}

/* The window of output pixel (oy, ox) as (k_h, k_w, in_c). Whole rows at once unless columns are dilated. */
SMG_INLINE void copy_window(const smg_conv2d_params *p, int16_t *to, const in_t *x, int32_t oy, int32_t ox) {
    const int32_t y0 = oy * p->stride_h - p->pad_t, x0 = ox * p->stride_w - p->pad_l;
    const int32_t taps = p->dilation_w == 1 ? p->k_w : 1, row = p->k_w * p->in_c;
    for (int32_t ky = 0; ky < p->k_h; ky++) {
        const int32_t iy = y0 + ky * p->dilation_h;
        if (iy < 0 || iy >= p->in_h) {
            fill(to, -p->in_offset, row);
            to += row;
            continue;
        }
        for (int32_t kx = 0; kx < p->k_w; kx += taps) {
            to = copy_taps(p, to, x + iy * p->in_w * p->in_c, x0 + kx * p->dilation_w, taps);
        }
    }
}

/* Pixels in memory order, two at a time across row ends; an odd last pixel is computed twice, into the same place.
 * scratch: both windows as int16. */
void SMG_FUNCTION(const smg_conv2d_params *p, const void *x /* (batch, in_h, in_w, in_c) */, const int8_t *w,
                  const int32_t *b, void *y /* (batch, out_h, out_w, out_c) */, void *scratch) {
    const int32_t eights = (p->k_h * p->k_w * p->in_c + 7) / 8;
    const in_t *image = x;
    out_t *to = y;
    int16_t *windows = scratch;
    for (int32_t n = 0; n < p->batch; n++, image += p->in_h * p->in_w * p->in_c) {
        int32_t oy = 0, ox = 0;
        for (int32_t left = p->out_h * p->out_w; left > 0; left -= 2) {
            out_t *next = left > 1 ? to + p->out_c : to;
            for (int32_t pixel = 0; pixel < 2; pixel++) {
                copy_window(p, windows + 8 * eights * pixel, image, oy, ox);
                if (left == 1) continue;
                if (++ox == p->out_w) ox = 0, oy++;
            }
            two_pixels(p, windows, windows + 8 * eights, w, b, eights, to, next);
            to = next + p->out_c;
        }
    }
}
