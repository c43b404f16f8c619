/* SPDX-License-Identifier: Apache-2.0 */
/* Sixteen outputs from sums of 32 bits, for instances with the macros of smg_mve_requantize.inc.h. Multiplication of
 * bytes to 16 bits and widening to 32 leave every fourth channel in a vector: 0, 4, 8, 12; 2, ...; 1, ...; 3, .... */
#ifndef SMG_MVE_SUMS_INC_H
#define SMG_MVE_SUMS_INC_H
#include "smg_mve_requantize.inc.h"
#include "smg_requantize.h"
#include <arm_mve.h>

SMG_INLINE int32x4_t smg_scaled(int32x4_t sum, int32x4_t mult, int32x4_t shift) {
    int32x4_t high = SMG_ROUNDING_MODE == SMG_ROUND_EVEN ? vqdmulhq_s32(sum, mult) : vqrdmulhq_s32(sum, mult);
    if (SMG_ROUNDING_MODE == SMG_ROUND_DOUBLE) high = vaddq_s32(high, vshrq_n_s32(high, 31));
    return vrshlq_s32(high, shift);
}

/* Every second channel of sixteen: first has 0, 4, 8, 12 or 1, 5, ..., second those between. */
SMG_INLINE int16x8_t smg_every_second(int32x4_t first, int32x4_t second) {
    int16x8_t both = vqmovntq_s32(vqmovnbq_s32(vdupq_n_s16(0), first), second);
    if (SMG_OUT_OFFSET != 0) both = vqaddq_n_s16(both, SMG_OUT_OFFSET);
    if (SMG_ACT_MIN > -128) both = vmaxq_s16(both, vdupq_n_s16(SMG_ACT_MIN));
    return SMG_ACT_MAX < 127 ? vminq_s16(both, vdupq_n_s16(SMG_ACT_MAX)) : both;
}

SMG_INLINE int8x16_t smg_sixteen(int16x8_t even, int16x8_t odd) {
    return vqmovntq_s16(vqmovnbq_s16(vdupq_n_s8(0), even), odd);
}
#endif
