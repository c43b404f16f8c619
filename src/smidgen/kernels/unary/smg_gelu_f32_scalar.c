/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_curves.inc.h"
#include "smg_kernels.h"

smg_unary_f32_kernel smg_gelu_f32_scalar;

/* Any core. */
void smg_gelu_f32_scalar(const smg_unary_f32_params *p, const float *x /* (count) */, float *y /* (count), may be x */,
                         void *scratch) {
    (void)scratch;
    for (int32_t i = 0; i < p->count; i++) y[i] = x[i] * 0.5f * (smg_erf(x[i] * 0.70710678f) + 1.0f);
}
