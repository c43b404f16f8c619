/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_float.h"
#include "smg_kernels.h"

smg_mean_f32_kernel smg_mean_f32_scalar;

/* Any shape, any core: outputs in memory order, each a sum from 0 in order of the middle dimension, then a division. */
void smg_mean_f32_scalar(const smg_mean_f32_params *p, const float *x /* (outer, reduced, inner) */,
                         float *y /* (outer, inner) */, void *scratch) {
    (void)scratch;
    const float count = (float)p->reduced;
    for (int32_t n = 0; n < p->outer; n++, x += p->reduced * p->inner) {
        for (int32_t i = 0; i < p->inner; i++) {
            float sum = 0.0f;
            for (int32_t r = 0; r < p->reduced; r++) sum = sum + x[r * p->inner + i];
            *y++ = smg_clip(sum / count, p->act_min, p->act_max);
        }
    }
}
