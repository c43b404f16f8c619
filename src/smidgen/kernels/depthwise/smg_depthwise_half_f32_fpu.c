/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_f16_weights.h"
/* Weights (in_c / 4, k_h, k_w, 4), the last four channels overlapping those before if need be. */
#define SMG_TAP_WORDS(p) 2
#define SMG_CHANNEL_WORDS(p, c) (((c) + 3) / 4 * 2 * (p)->k_h * (p)->k_w)

#include "smg_depthwise_f32_fpu.inc.h"

smg_depthwise_f16_kernel smg_depthwise_half_f32_fpu;

/* Pixels and channels by four; weights in half precision. */
void smg_depthwise_half_f32_fpu(const smg_depthwise_f16_params *p, const float *x, const void *w, const float *b,
                                float *y, void *scratch) {
    (void)scratch;
    depthwise_f32_blocks(p, x, w, b, y);
}
