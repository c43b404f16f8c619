/* SPDX-License-Identifier: Apache-2.0 */
/* float32 depthwise convolutions whose weights smg_f32_weights.h or smg_f16_weights.h, included before this, reads. */
#include "smg_f32_window.h"
#include "smg_float.h"
#include "smg_kernels.h"

/* acc and the products of one window of one channel, by rows and columns; padding adds nothing. */
SMG_INLINE float window(const smg_depthwise_f32_params *p, const float *x /* (in_h, in_w, in_c), at its channel */,
                        const smg_weight *w /* (k_h, k_w, out_c), at its channel */, smg_taps rows, smg_taps cols,
                        float acc) {
    for (int32_t ky = rows.first; ky < rows.end; ky++) {
        for (int32_t kx = cols.first; kx < cols.end; kx++) {
            const int32_t iy = rows.start + ky * p->dilation_h, ix = cols.start + kx * p->dilation_w;
            acc = acc + x[(iy * p->in_w + ix) * p->in_c] * smg_weight_value(w[(ky * p->k_w + kx) * p->out_c]);
        }
    }
    return acc;
}

/* Any shape, any core: outputs in memory order; output channel o reads input channel o / multiplier. */
SMG_INLINE void depthwise_f32(const smg_depthwise_f32_params *p, const float *x /* (batch, in_h, in_w, in_c) */,
                              const smg_weight *w /* (k_h, k_w, out_c) */, const float *b /* (out_c) or null */,
                              float *y /* (batch, out_h, out_w, out_c) */) {
    const smg_axes a = SMG_AXES(p);
    for (int32_t n = 0; n < p->batch; n++, x += p->in_h * p->in_w * p->in_c) {
        for (int32_t oy = 0; oy < p->out_h; oy++) {
            const smg_taps rows = smg_taps_at(&a.rows, oy);
            for (int32_t ox = 0; ox < p->out_w; ox++) {
                const smg_taps cols = smg_taps_at(&a.cols, ox);
                for (int32_t o = 0; o < p->out_c; o++) {
                    const float start = b ? b[o] + 0.0f : 0.0f; /* -0 becomes 0 */
                    const float sum = window(p, x + o / p->multiplier, w + o, rows, cols, start);
                    *y++ = smg_clip(sum, p->act_min, p->act_max);
                }
            }
        }
    }
}
