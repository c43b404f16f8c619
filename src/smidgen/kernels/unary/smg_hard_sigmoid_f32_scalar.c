/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_curves.inc.h"
#include "smg_kernels.h"

smg_unary_f32_kernel smg_hard_sigmoid_f32_scalar;

/* Any core: a x + b between 0 and 1. */
void smg_hard_sigmoid_f32_scalar(const smg_unary_f32_params *p, const float *x /* (count) */,
                                 float *y /* (count), may be x */, void *scratch) {
    (void)scratch;
    for (int32_t i = 0; i < p->count; i++) y[i] = smg_hard_sigmoid(x[i], p->a, p->b);
}
