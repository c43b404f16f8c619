/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_float.h"
#include "smg_kernels.h"

smg_fully_connected_f32_kernel smg_fully_connected_f32_scalar;

/* Any shape, any core: outputs in memory order. */
void smg_fully_connected_f32_scalar(const smg_fully_connected_f32_params *p, const float *x /* (rows, in_c) */,
                                    const float *w /* (out_c, in_c) */, const float *b /* (out_c) or null */,
                                    float *y /* (rows, out_c) */, void *scratch) {
    (void)scratch;
    for (int32_t r = 0; r < p->rows; r++, x += p->in_c) {
        const float *wi = w;
        for (int32_t o = 0; o < p->out_c; o++, wi += p->in_c) {
            float acc = b ? b[o] + 0.0f : 0.0f; /* -0 becomes 0 */
            for (int32_t k = 0; k < p->in_c; k++) acc = acc + x[k] * wi[k];
            *y++ = smg_clip(acc, p->act_min, p->act_max);
        }
    }
}
