/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_f16_weights.h"

#include "smg_depthwise_f32_scalar.inc.h"

smg_depthwise_f16_kernel smg_depthwise_half_f32_scalar;

/* Any shape, any core; weights in half precision. */
void smg_depthwise_half_f32_scalar(const smg_depthwise_f16_params *p, const float *x, const void *w, const float *b,
                                   float *y, void *scratch) {
    (void)scratch;
    depthwise_f32(p, x, w, b, y);
}
