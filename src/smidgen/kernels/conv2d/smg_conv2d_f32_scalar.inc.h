/* SPDX-License-Identifier: Apache-2.0 */
/* float32 convolutions whose weights smg_f32_weights.h or smg_f16_weights.h, included before this, reads. */
#include "smg_f32_window.h"
#include "smg_float.h"
#include "smg_kernels.h"

/* acc and the products of one window, by rows, columns and channels; padding adds nothing. */
SMG_INLINE float window(const smg_conv2d_f32_params *p, smg_axes a,
                        const float *x /* (in_h, in_w, in_c), at the group */,
                        const smg_weight *w /* (k_h, k_w, channels) */, smg_taps rows, smg_taps cols, float acc) {
    const int32_t channels = p->in_c / p->groups;
    for (int32_t ky = rows.first; ky < rows.end; ky++) {
        for (int32_t kx = cols.first; kx < cols.end; kx++) {
            const int32_t iy = rows.start + ky * p->dilation_h, ix = cols.start + kx * p->dilation_w;
            const float *xi = x + iy * a.rows.x_step + ix * a.cols.x_step; /* (channels) */
            const smg_weight *wi = w + (ky * p->k_w + kx) * channels;      /* (channels) */
            for (int32_t c = 0; c < channels; c++) acc = acc + xi[c] * smg_weight_value(wi[c]);
        }
    }
    return acc;
}

/* Any shape, any core: outputs in memory order, each sums its own window. */
SMG_INLINE void conv2d_f32(const smg_conv2d_f32_params *p, const float *x /* (batch, in_h, in_w, in_c) */,
                           const smg_weight *w /* (out_c, k_h, k_w, in_c / groups) */,
                           const float *b /* (out_c) or null */, float *y /* (batch, out_h, out_w, out_c) */) {
    const smg_axes a = SMG_AXES(p);
    const int32_t channels = p->in_c / p->groups, group_outputs = p->out_c / p->groups;
    const int32_t filter = p->k_h * p->k_w * channels;
    for (int32_t n = 0; n < p->batch; n++, x += p->in_h * p->in_w * p->in_c) {
        for (int32_t oy = 0; oy < p->out_h; oy++) {
            const smg_taps rows = smg_taps_at(&a.rows, oy);
            for (int32_t ox = 0; ox < p->out_w; ox++) {
                const smg_taps cols = smg_taps_at(&a.cols, ox);
                for (int32_t o = 0; o < p->out_c; o++) {
                    const float start = b ? b[o] + 0.0f : 0.0f; /* -0 becomes 0 */
                    const float sum = window(p, a, x + o / group_outputs * channels, w + o * filter, rows, cols, start);
                    *y++ = smg_clip(sum, p->act_min, p->act_max);
                }
            }
        }
    }
}
