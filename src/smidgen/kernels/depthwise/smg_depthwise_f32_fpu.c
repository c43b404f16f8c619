/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_f32_weights.h"
/* Weights (k_h, k_w, in_c). */
#define SMG_TAP_WORDS(p) ((p)->in_c)
#define SMG_CHANNEL_WORDS(p, c) (c)

#include "smg_depthwise_f32_fpu.inc.h"

smg_depthwise_f32_kernel smg_depthwise_f32_fpu;

/* Pixels and channels by four. */
void smg_depthwise_f32_fpu(const smg_depthwise_f32_params *p, const float *x, const float *w, const float *b, float *y,
                           void *scratch) {
    (void)scratch;
    depthwise_f32_blocks(p, x, w, b, y);
}
