/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution of any shape by four-bit weights: channel by channel, whose filter is unpacked first. Before it, a file
 * defines output_of: from an accumulator, mult and shift to an output. */
#include "smg_four_bit_weights.h"
#include "smg_kernels.h"

/* The sum of (x + in_offset) * w over one window whose top left corner is (y0, x0); padding adds nothing. */
SMG_INLINE sum_t window_sum(const smg_conv2d_params *p, const in_t *x /* (in_h, in_w, in_c) */,
                            const int8_t *w /* (k_h, k_w, channels) */, int32_t y0, int32_t x0, int32_t channels,
                            sum_t acc) {
    for (int32_t ky = 0; ky < p->k_h; ky++) {
        const int32_t iy = y0 + ky * p->dilation_h;
        if (iy < 0 || iy >= p->in_h) continue;
        for (int32_t kx = 0; kx < p->k_w; kx++) {
            const int32_t ix = x0 + kx * p->dilation_w;
            if (ix < 0 || ix >= p->in_w) continue;
            const in_t *xi = x + (iy * p->in_w + ix) * p->in_c;   /* (channels) */
            const int8_t *wi = w + (ky * p->k_w + kx) * channels; /* (channels) */
            for (int32_t c = 0; c < channels; c++) acc += (xi[c] + p->in_offset) * wi[c];
        }
    }
    return acc;
}

/* scratch: a filter's bytes. */
SMG_INLINE void four_bit_conv2d(const smg_conv2d_params *p, const in_t *x /* (batch, in_h, in_w, in_c) */,
                                const int8_t *w /* (out_c) rows of (k_h, k_w, in_c / groups) */,
                                const int32_t *b /* (out_c) or null */, out_t *y /* (batch, out_h, out_w, out_c) */,
                                int8_t *scratch) {
    const int32_t channels = p->in_c / p->groups, group_outputs = p->out_c / p->groups;
    for (int32_t o = 0; o < p->out_c; o++) {
        const in_t *image = x + o / group_outputs * channels;
        out_t *to = y + o;
        smg_four_bit_unpack_row(scratch, w, p->out_c, p->k_h * p->k_w * channels, o);
        for (int32_t n = 0; n < p->batch; n++, image += p->in_h * p->in_w * p->in_c) {
            for (int32_t oy = 0; oy < p->out_h; oy++) {
                for (int32_t ox = 0; ox < p->out_w; ox++, to += p->out_c) {
                    const sum_t acc = window_sum(p, image, scratch, oy * p->stride_h - p->pad_t,
                                                 ox * p->stride_w - p->pad_l, channels, b ? b[o] : 0);
                    *to = output_of(acc, p->mult[o], p->shift[o], p->out_offset, p->act_min, p->act_max);
                }
            }
        }
    }
}
