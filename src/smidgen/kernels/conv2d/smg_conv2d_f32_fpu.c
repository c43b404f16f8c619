/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_f32_weights.h"

#include "smg_conv2d_f32_fpu.inc.h"

smg_conv2d_f32_kernel smg_conv2d_f32_fpu;

/* Pixels and channels by four. */
void smg_conv2d_f32_fpu(const smg_conv2d_f32_params *p, const float *x, const float *w, const float *b, float *y,
                        void *scratch) {
    (void)scratch;
    conv2d_f32_blocks(p, x, w, b, y);
}
