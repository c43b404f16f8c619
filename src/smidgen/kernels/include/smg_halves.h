/* SPDX-License-Identifier: Apache-2.0 */
/* acc plus one product of halves: SMLABB, SMLABT, SMLATB, SMLATT (Armv7-M ARM, A7.7.135), named by which half of a and
 * of b they take; in plain C elsewhere. */
#ifndef SMG_HALVES_H
#define SMG_HALVES_H
#include "smg_dsp.h"

#if defined(__ARM_FEATURE_SIMD32)
SMG_INLINE int32_t smg_smlabb(uint32_t a, uint32_t b, int32_t acc) { return __smlabb((int32_t)a, (int32_t)b, acc); }
SMG_INLINE int32_t smg_smlabt(uint32_t a, uint32_t b, int32_t acc) { return __smlabt((int32_t)a, (int32_t)b, acc); }
SMG_INLINE int32_t smg_smlatb(uint32_t a, uint32_t b, int32_t acc) { return __smlatb((int32_t)a, (int32_t)b, acc); }
SMG_INLINE int32_t smg_smlatt(uint32_t a, uint32_t b, int32_t acc) { return __smlatt((int32_t)a, (int32_t)b, acc); }
#else
SMG_INLINE int32_t smg_smlabb(uint32_t a, uint32_t b, int32_t acc) { return acc + smg_lane(a, 0) * smg_lane(b, 0); }
SMG_INLINE int32_t smg_smlabt(uint32_t a, uint32_t b, int32_t acc) { return acc + smg_lane(a, 0) * smg_lane(b, 1); }
SMG_INLINE int32_t smg_smlatb(uint32_t a, uint32_t b, int32_t acc) { return acc + smg_lane(a, 1) * smg_lane(b, 0); }
SMG_INLINE int32_t smg_smlatt(uint32_t a, uint32_t b, int32_t acc) { return acc + smg_lane(a, 1) * smg_lane(b, 1); }
#endif
#endif
