/* SPDX-License-Identifier: Apache-2.0 */
/* The plain statement of a depthwise convolution's arithmetic, shared by the two roundings. */
#ifndef SMG_DEPTHWISE_SCALAR_INC_H
#define SMG_DEPTHWISE_SCALAR_INC_H
#include "smg_kernels.h"
#include "smg_requantize.h"

/* The sum of (x + in_offset) * w over one window of one channel; padding adds nothing.
 * Unsigned because int32 accumulators wrap by definition. */
SMG_INLINE int32_t smg_depthwise_window(const smg_depthwise_params *p,
                                        const int8_t *x, /* (in_h, in_w, in_c), at the input channel */
                                        const int8_t *w, /* (k_h, k_w, out_c), at the output channel */
                                        int32_t y0, int32_t x0, uint32_t acc) {
    for (int32_t ky = 0; ky < p->k_h; ky++) {
        const int32_t iy = y0 + ky * p->dilation_h;
        if (iy < 0 || iy >= p->in_h) continue;
        for (int32_t kx = 0; kx < p->k_w; kx++) {
            const int32_t ix = x0 + kx * p->dilation_w;
            if (ix < 0 || ix >= p->in_w) continue;
            const int32_t v = x[(iy * p->in_w + ix) * p->in_c] + p->in_offset;
            acc += (uint32_t)(v * w[(ky * p->k_w + kx) * p->out_c]);
        }
    }
    return (int32_t)acc;
}

/* Outputs in memory order; output channel o reads input channel o / multiplier. */
SMG_INLINE void smg_depthwise_scalar(smg_rounding rounding, const smg_depthwise_params *p,
                                     const int8_t *x,  /* (batch, in_h, in_w, in_c) */
                                     const int8_t *w,  /* (k_h, k_w, out_c) */
                                     const int32_t *b, /* (out_c) or null */
                                     int8_t *y) {      /* (batch, out_h, out_w, out_c) */
    for (int32_t n = 0; n < p->batch; n++, x += p->in_h * p->in_w * p->in_c) {
        for (int32_t oy = 0; oy < p->out_h; oy++) {
            for (int32_t ox = 0; ox < p->out_w; ox++) {
                for (int32_t o = 0; o < p->out_c; o++) {
                    const int32_t acc =
                        smg_depthwise_window(p, x + o / p->multiplier, w + o, oy * p->stride_h - p->pad_t,
                                             ox * p->stride_w - p->pad_l, b ? (uint32_t)b[o] : 0U);
                    *y++ = smg_output(rounding, acc, p->mult[o], p->shift[o], p->out_offset, p->act_min, p->act_max);
                }
            }
        }
    }
}
#endif
