/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_f16_weights.h"

#include "smg_conv2d_f32_scalar.inc.h"

smg_conv2d_f16_kernel smg_conv2d_half_f32_scalar;

/* Any shape, any core; weights in half precision. */
void smg_conv2d_half_f32_scalar(const smg_conv2d_f16_params *p, const float *x, const void *w, const float *b, float *y,
                                void *scratch) {
    (void)scratch;
    conv2d_f32(p, x, w, b, y);
}
