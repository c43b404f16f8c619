/* SPDX-License-Identifier: Apache-2.0 */
/* Requantisation by one multiplication and a shift (linear.py proves it), for instances that define SMG_SIGNED,
 * SMG_ACT_MIN and SMG_ACT_MAX. */
#ifndef SMG_DEPTHWISE_LINEAR_H
#define SMG_DEPTHWISE_LINEAR_H
#include "smg_output_clamp.h"
#include <stdint.h>

enum { SMG_LINEAR_SHIFT = 12, SMG_LINEAR_WORDS = SMG_SIGNED ? 4 : 2 };

/* What a channel's weights are followed by. start: what its sums begin with. */
typedef struct {
    int32_t start, mult, bias, below, lowest;
} smg_linear;

SMG_INLINE smg_linear smg_linear_of(const int32_t *packed /* (SMG_LINEAR_WORDS) */) {
    const int32_t lowest = smg_in_register(SMG_ACT_MIN);
#if SMG_SIGNED
    const smg_linear linear = {packed[2], packed[1], packed[0], packed[3], lowest};
#else
    const smg_linear linear = {packed[0], packed[1], 0, 0, lowest};
#endif
    return linear;
}

/* The output of a sum. */
SMG_INLINE int8_t smg_linear_output(int32_t sum, smg_linear linear) {
    const int32_t value = SMG_SIGNED ? sum + (sum < 0 ? linear.below : 0) + linear.bias : sum;
    const int32_t v = (int32_t)((int64_t)value * linear.mult >> 32) >> SMG_LINEAR_SHIFT;
    return smg_clamp_output(v, linear.lowest, SMG_ACT_MAX);
}
#endif
