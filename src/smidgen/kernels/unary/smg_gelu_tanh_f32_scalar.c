/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_curves.inc.h"
#include "smg_kernels.h"

smg_unary_f32_kernel smg_gelu_tanh_f32_scalar;

/* Any core. */
void smg_gelu_tanh_f32_scalar(const smg_unary_f32_params *p, const float *x /* (count) */,
                              float *y /* (count), may be x */, void *scratch) {
    (void)scratch;
    for (int32_t i = 0; i < p->count; i++)
        y[i] = x[i] * 0.5f * (smg_tanh((x[i] * x[i] * x[i] * 0.044715f + x[i]) * 0.79788456f) + 1.0f);
}
