/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution of any shape by four-bit weights, in the plainest form. An instance defines SMG_GROUP and
 * SMG_EVEN_TIES. */
#include "smg_four_bit_weights.h"
#include "smg_kernels.h"

smg_conv2d_kernel SMG_FUNCTION;

/* The sum of (x + in_offset) * w over one window whose top left corner is (y0, x0); padding adds nothing. */
SMG_INLINE int32_t smg_four_bit_window(const smg_conv2d_params *p, const int8_t *x /* (in_h, in_w, in_c) */,
                                       smg_four_bit_row w /* (k_h, k_w, channels) */, int32_t y0, int32_t x0,
                                       int32_t channels, uint32_t acc) {
    for (int32_t ky = 0; ky < p->k_h; ky++) {
        const int32_t iy = y0 + ky * p->dilation_h;
        if (iy < 0 || iy >= p->in_h) continue;
        for (int32_t kx = 0; kx < p->k_w; kx++) {
            const int32_t ix = x0 + kx * p->dilation_w;
            if (ix < 0 || ix >= p->in_w) continue;
            const int8_t *xi = x + (iy * p->in_w + ix) * p->in_c; /* (channels) */
            const int32_t k = (ky * p->k_w + kx) * channels;
            for (int32_t c = 0; c < channels; c++) {
                acc += (uint32_t)((xi[c] + p->in_offset) * smg_four_bit_weight(w, k + c));
            }
        }
    }
    return (int32_t)acc;
}

/* Outputs in memory order; each sums its own window. b: (out_c) or null. */
void SMG_FUNCTION(const smg_conv2d_params *p, const int8_t *x /* (batch, in_h, in_w, in_c) */,
                  const int8_t *w /* (out_c) rows of (k_h, k_w, in_c / groups), see smg_four_bit_weights.h */,
                  const int32_t *b, int8_t *y /* (batch, out_h, out_w, out_c) */, void *scratch) {
    const int32_t channels = p->in_c / p->groups, group_outputs = p->out_c / p->groups;
    const int32_t filter = p->k_h * p->k_w * channels;
    (void)scratch;
    for (int32_t n = 0; n < p->batch; n++, x += p->in_h * p->in_w * p->in_c) {
        for (int32_t at = 0; at < p->out_h * p->out_w; at++) {
            const int32_t y0 = at / p->out_w * p->stride_h - p->pad_t, x0 = at % p->out_w * p->stride_w - p->pad_l;
            for (int32_t o = 0; o < p->out_c; o++) {
                const int32_t acc = smg_four_bit_window(p, x + o / group_outputs * channels,
                                                        smg_four_bit_row_at(w, p->out_c, filter, o), y0, x0, channels,
                                                        b ? (uint32_t)b[o] : 0U);
                *y++ = smg_output((smg_rounding)SMG_EVEN_TIES, acc, p->mult[o], p->shift[o], p->out_offset, p->act_min,
                                  p->act_max);
            }
        }
    }
}
