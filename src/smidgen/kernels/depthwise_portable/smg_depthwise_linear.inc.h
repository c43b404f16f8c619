/* SPDX-License-Identifier: Apache-2.0 */
/* Requantisation by one multiplication and a shift (linear.py proves it), for instances that define SMG_SIGNED,
 * SMG_SHORT, SMG_SHIFT, SMG_ACT_MIN and SMG_ACT_MAX. */
#ifndef SMG_DEPTHWISE_LINEAR_H
#define SMG_DEPTHWISE_LINEAR_H
#include "smg_output_clamp.h"
#include "smg_whole.h"
#include <stdint.h>

enum { SMG_LINEAR_WORDS = SMG_SIGNED ? 4 : 2 };

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

/* The upper word of a product. */
#if SMG_SHORT && defined(__thumb__) && !defined(__thumb2__)
SMG_INLINE int32_t smg_linear_high(int32_t value, int32_t mult /* a multiple of 2^16 */) {
    const int32_t short_mult = mult >> 16;
    const uint32_t low = (uint16_t)value * (uint32_t)short_mult;
    return (value >> 16) * short_mult + (int32_t)(low >> 16);
}
#else
SMG_INLINE int32_t smg_linear_high(int32_t value, int32_t mult) { return (int32_t)((int64_t)value * mult >> 32); }
#endif

/* The output of a sum. */
SMG_INLINE int8_t smg_linear_output(int32_t sum, smg_linear linear) {
    const int32_t value = SMG_SIGNED ? sum + (sum < 0 ? linear.below : 0) + linear.bias : sum;
    return smg_clamp_output(smg_linear_high(value, linear.mult) >> SMG_SHIFT, linear.lowest, SMG_ACT_MAX);
}

/* sum + a product, in this order of additions and no other: each needs one register besides the sums. */
SMG_INLINE int32_t smg_add_product(int32_t sum, int32_t w, int32_t x) {
    sum += w * x;
    SMG_HERE(sum);
    return sum;
}
#endif
