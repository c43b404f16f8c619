/* SPDX-License-Identifier: Apache-2.0 */
/* float32 layers whose weights smg_f32_weights.h or smg_f16_weights.h, included before this, reads. */
#include "smg_float.h"
#include "smg_kernels.h"

/* Any shape, any core: outputs in memory order. */
SMG_INLINE void fully_connected_f32(const smg_fully_connected_f32_params *p, const float *x /* (rows, in_c) */,
                                    const smg_weight *w /* (out_c, in_c) */, const float *b /* (out_c) or null */,
                                    float *y /* (rows, out_c) */) {
    for (int32_t r = 0; r < p->rows; r++, x += p->in_c) {
        const smg_weight *wi = w;
        for (int32_t o = 0; o < p->out_c; o++, wi += p->in_c) {
            float acc = b ? b[o] + 0.0f : 0.0f; /* -0 becomes 0 */
            for (int32_t k = 0; k < p->in_c; k++) acc = acc + x[k] * smg_weight_value(wi[k]);
            *y++ = smg_clip(acc, p->act_min, p->act_max);
        }
    }
}
