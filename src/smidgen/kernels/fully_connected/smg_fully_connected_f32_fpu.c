/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_f32_weights.h"

#include "smg_fully_connected_f32_fpu.inc.h"

smg_fully_connected_f32_kernel smg_fully_connected_f32_fpu;

/* Rows and channels by four. */
void smg_fully_connected_f32_fpu(const smg_fully_connected_f32_params *p, const float *x, const float *w,
                                 const float *b, float *y, void *scratch) {
    (void)scratch;
    fully_connected_f32_blocks(p, x, w, b, y);
}
