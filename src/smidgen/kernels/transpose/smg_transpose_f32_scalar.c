/* SPDX-License-Identifier: Apache-2.0 */
#define SMG_ELEMENT float
#include "smg_transpose.inc.h"

smg_transpose_f32_kernel smg_transpose_f32_scalar;

/* Any permutation of up to six dimensions of floats, any core: outputs in memory order. */
void smg_transpose_f32_scalar(const smg_transpose_f32_params *p, const float *x, float *y, void *scratch) {
    (void)scratch;
    transpose(p->dims, p->in_strides, x, y);
}
