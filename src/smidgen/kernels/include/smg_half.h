/* SPDX-License-Identifier: Apache-2.0 */
/* IEEE 754 half precision to float32, exactly; not for infinities and NaNs, which kernels never meet. */
#ifndef SMG_HALF_H
#define SMG_HALF_H
#include "smg_float.h"

/* On any core: the exponent's bias changes by 112; a subnormal is a number of 2^-24. */
SMG_INLINE float smg_half_portable(uint16_t half) {
    const uint32_t sign = (half & 0x8000u) << 16, rest = half & 0x7fffu;
    const float tiny = (float)(int32_t)rest * 5.9604644775390625e-8f;
    return smg_from_bits(sign | (rest < 0x400u ? smg_bits(tiny) : (rest << 13) + (112u << 23)));
}

#if defined(__thumb2__) && defined(__ARM_FP) && (__ARM_FP & 2) /* the FPU converts halves */
SMG_INLINE float smg_half_low(uint32_t pair) {
    float v;
    __asm__("vcvtb.f32.f16 %0, %1" : "=t"(v) : "t"(smg_from_bits(pair)));
    return v;
}

SMG_INLINE float smg_half_high(uint32_t pair) {
    float v;
    __asm__("vcvtt.f32.f16 %0, %1" : "=t"(v) : "t"(smg_from_bits(pair)));
    return v;
}

SMG_INLINE float smg_half(uint16_t half) { return smg_half_low(half); }
#else
SMG_INLINE float smg_half_low(uint32_t pair) { return smg_half_portable((uint16_t)pair); }

SMG_INLINE float smg_half_high(uint32_t pair) { return smg_half_portable((uint16_t)(pair >> 16)); }

SMG_INLINE float smg_half(uint16_t half) { return smg_half_portable(half); }
#endif
#endif
