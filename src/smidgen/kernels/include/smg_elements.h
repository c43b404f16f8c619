/* SPDX-License-Identifier: Apache-2.0 */
/* Integer types by their number of bits, for instances whose activations are int8 or int16, and requantisation of sums
 * of either width. An instance defines SMG_IN_BITS (or SMG_A_BITS and SMG_B_BITS), SMG_OUT_BITS, and, where 32 may be
 * too few for its sums, SMG_SUM_BITS as 64. */
#ifndef SMG_ELEMENTS_H
#define SMG_ELEMENTS_H
#include "smg_requantize.h"
#include <stdint.h>

#define SMG_INT_OF(bits) int##bits##_t
#define SMG_INT(bits) SMG_INT_OF(bits) /* SMG_INT(SMG_IN_BITS): int8_t or int16_t */
#define SMG_FOR_OF(function, bits) function##_##bits
#define SMG_FOR(function, bits) SMG_FOR_OF(function, bits) /* SMG_FOR(smg_requantize, SMG_SUM_BITS) */

SMG_INLINE int32_t smg_requantize_32(int32_t acc, int32_t mult, int32_t shift) {
    return smg_requantize_rne(acc, mult, shift);
}

/* smg_requantize_rne for |acc| < 2^47 and shift <= 13: the product, of 78 bits, floored to a multiple of 2^16, whose
 * lowest bit then says whether that lost anything. Below the result lie at least two bits, so only a tie looks like
 * one. */
SMG_INLINE int32_t smg_requantize_64(int64_t acc, int32_t mult, int32_t shift) {
    const int64_t low = (acc & 0xffff) * mult;
    const int64_t product = (acc >> 16) * mult + (low >> 16);
    return smg_rne_shift_right(product | ((low & 0xffff) != 0), 15 - shift);
}

/* A rescaled value, clamped, with the zero point. */
SMG_INLINE int32_t smg_finish(int32_t v, int32_t offset, int32_t lo, int32_t hi) {
    return smg_clamp(v, lo - offset, hi - offset) + offset;
}
#endif
