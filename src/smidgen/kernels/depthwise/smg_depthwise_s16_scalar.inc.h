/* SPDX-License-Identifier: Apache-2.0 */
/* The plain statement of a depthwise convolution's arithmetic with int16 activations. */
#include "smg_elements.h"
#include "smg_kernels.h"

smg_depthwise_s16_kernel SMG_FUNCTION;

typedef SMG_INT(SMG_IN_BITS) in_t;
typedef SMG_INT(SMG_OUT_BITS) out_t;
typedef SMG_INT(SMG_SUM_BITS) sum_t;

/* The sum of (x + in_offset) * w over one window of one channel; padding adds nothing. */
SMG_INLINE sum_t window_sum(const smg_depthwise_params *p, const in_t *x, /* (in_h, in_w, in_c), at the input channel */
                            const int8_t *w,                              /* (k_h, k_w, out_c), at the output channel */
                            int32_t y0, int32_t x0, sum_t acc) {
    for (int32_t ky = 0; ky < p->k_h; ky++) {
        const int32_t iy = y0 + ky * p->dilation_h;
        if (iy < 0 || iy >= p->in_h) continue;
        for (int32_t kx = 0; kx < p->k_w; kx++) {
            const int32_t ix = x0 + kx * p->dilation_w;
            if (ix < 0 || ix >= p->in_w) continue;
            acc += (x[(iy * p->in_w + ix) * p->in_c] + p->in_offset) * w[(ky * p->k_w + kx) * p->out_c];
        }
    }
    return acc;
}

/* Any shape, any core. Outputs in memory order; output channel o reads input channel o / multiplier. */
void SMG_FUNCTION(const smg_depthwise_params *p, const void *x /* (batch, in_h, in_w, in_c) */,
                  const int8_t *w /* (k_h, k_w, out_c) */, const int32_t *b /* (out_c) or null */,
                  void *y /* (batch, out_h, out_w, out_c) */, void *scratch) {
    const in_t *image = x;
    out_t *to = y;
    (void)scratch;
    for (int32_t n = 0; n < p->batch; n++, image += p->in_h * p->in_w * p->in_c) {
        for (int32_t oy = 0; oy < p->out_h; oy++) {
            for (int32_t ox = 0; ox < p->out_w; ox++) {
                for (int32_t o = 0; o < p->out_c; o++) {
                    const sum_t acc = window_sum(p, image + o / p->multiplier, w + o, oy * p->stride_h - p->pad_t,
                                                 ox * p->stride_w - p->pad_l, b ? b[o] : 0);
                    const int32_t v = SMG_FOR(smg_requantize, SMG_SUM_BITS)(acc, p->mult[o], p->shift[o]);
                    *to++ = (out_t)smg_finish(v, p->out_offset, p->act_min, p->act_max);
                }
            }
        }
    }
}
