/* SPDX-License-Identifier: Apache-2.0 */
/* From a sum that began at its channel's bias to an output byte, for instances that define SMG_HIGH, SMG_ROUNDING_MODE,
 * SMG_ACT_MIN and SMG_ACT_MAX; high_requantize.py proves the constants. */
#ifndef SMG_HIGH_REQUANTIZE_H
#define SMG_HIGH_REQUANTIZE_H
#include "smg_high.h"

#if SMG_HIGH == 0 /* the product of the doubled sum is rounded */
#include "smg_fast_requantize.h"
SMG_INLINE int8_t smg_requantize_high(uint32_t sum, int32_t mult, int32_t addend, int32_t shift) {
    return smg_requantize_fast((int32_t)(sum << 1), mult, addend, shift);
}
#else
SMG_INLINE int32_t smg_scaled(uint32_t sum, int32_t mult) {
#if SMG_HIGH == 1
    return smg_high_mul((int32_t)sum, mult);
#else /* the product of the doubled sum, less 1 below zero */
    return smg_high_mul((int32_t)(sum << 1), mult) + ((int32_t)sum >> 31);
#endif
}
SMG_INLINE int8_t smg_requantize_high(uint32_t sum, int32_t mult, int32_t addend, int32_t shift) {
    return (int8_t)smg_clamp((smg_scaled(sum, mult) + addend) >> shift, SMG_ACT_MIN, SMG_ACT_MAX);
}
#endif
#endif
