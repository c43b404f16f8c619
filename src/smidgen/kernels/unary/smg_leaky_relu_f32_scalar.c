/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_float.h"
#include "smg_kernels.h"

smg_unary_f32_kernel smg_leaky_relu_f32_scalar;

/* Any core: x, or a * x below 0. */
void smg_leaky_relu_f32_scalar(const smg_unary_f32_params *p, const float *x /* (count) */,
                               float *y /* (count), may be x */, void *scratch) {
    (void)scratch;
    for (int32_t i = 0; i < p->count; i++) y[i] = x[i] >= 0.0f ? x[i] : p->a * x[i];
}
