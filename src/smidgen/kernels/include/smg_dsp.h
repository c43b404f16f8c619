/* SPDX-License-Identifier: Apache-2.0 */
/* The Armv7E-M SIMD instructions that kernels use, under their Arm names (Armv7-M ARM, A7.7); in plain C elsewhere, so
 * that the same kernels run in host tests. A uint32_t holds two int16 lanes or four int8. */
#ifndef SMG_DSP_H
#define SMG_DSP_H
#include "smg_requantize.h"
#include <stdint.h>

SMG_INLINE uint32_t smg_ror8(uint32_t v) { return v >> 8 | v << 24; }

/* Low half of a, low half of b above it; high half of a, high half of b above it: PKHBT and PKHTB. */
SMG_INLINE uint32_t smg_low_halves(uint32_t a, uint32_t b) { return (a & 0xffffU) | b << 16; }
SMG_INLINE uint32_t smg_high_halves(uint32_t a, uint32_t b) { return a >> 16 | (b & 0xffff0000U); }

#if defined(__ARM_FEATURE_SIMD32)
#include <arm_acle.h>
#pragma GCC diagnostic ignored "-Woverlength-strings" /* a kernel's assembly is one string */
SMG_INLINE uint32_t smg_sxtb16(uint32_t v) { return (uint32_t)__sxtb16((int8x4_t)v); }
SMG_INLINE uint32_t smg_sxtab16(uint32_t acc, uint32_t v) { return (uint32_t)__sxtab16((int16x2_t)acc, (int8x4_t)v); }
SMG_INLINE uint32_t smg_sadd16(uint32_t a, uint32_t b) { return (uint32_t)__sadd16((int16x2_t)a, (int16x2_t)b); }
SMG_INLINE uint32_t smg_ssub16(uint32_t a, uint32_t b) { return (uint32_t)__ssub16((int16x2_t)a, (int16x2_t)b); }
SMG_INLINE int32_t smg_smlad(uint32_t a, uint32_t b, int32_t acc) { return __smlad((int16x2_t)a, (int16x2_t)b, acc); }
SMG_INLINE uint32_t smg_usat8(int32_t v) { return __usat(v, 8); }
SMG_INLINE uint32_t smg_uqadd8(uint32_t a, uint32_t b) { return (uint32_t)__uqadd8((uint8x4_t)a, (uint8x4_t)b); }
SMG_INLINE uint32_t smg_uqsub8(uint32_t a, uint32_t b) { return (uint32_t)__uqsub8((uint8x4_t)a, (uint8x4_t)b); }
SMG_INLINE uint32_t smg_uadd8(uint32_t a, uint32_t b) { return (uint32_t)__uadd8((uint8x4_t)a, (uint8x4_t)b); }
SMG_INLINE uint32_t smg_max8(uint32_t a, uint32_t b) { /* one block: compilers do not follow the GE flags */
    uint32_t result;
    __asm__("ssub8 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(result) : "r"(a), "r"(b));
    return result;
}
SMG_INLINE uint32_t smg_min8(uint32_t a, uint32_t b) {
    uint32_t result;
    __asm__("ssub8 %0, %1, %2\n\tsel %0, %2, %1" : "=&r"(result) : "r"(a), "r"(b));
    return result;
}
SMG_INLINE int32_t smg_if_negative(int32_t v, int32_t mask) { /* compilers would compare and branch over a move */
    int32_t result;
    __asm__("and %0, %1, %2, asr #31" : "=r"(result) : "r"(mask), "r"(v));
    return result;
}
SMG_INLINE int32_t smg_smmlar(int32_t a, int32_t b, int32_t c) { /* has no intrinsic everywhere */
    int32_t result;
    __asm__("smmlar %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(c));
    return result;
}
#else
SMG_INLINE int32_t smg_lane(uint32_t v, int32_t i) { return (int16_t)(v >> (16 * i)); }
SMG_INLINE uint32_t smg_lanes(int32_t low, int32_t high) { return (uint16_t)low | (uint32_t)(uint16_t)high << 16; }
/* Bytes 0 and 2, each sign-extended into a lane. */
SMG_INLINE uint32_t smg_sxtb16(uint32_t v) { return smg_lanes((int8_t)v, (int8_t)(v >> 16)); }
SMG_INLINE uint32_t smg_sadd16(uint32_t a, uint32_t b) {
    return smg_lanes(smg_lane(a, 0) + smg_lane(b, 0), smg_lane(a, 1) + smg_lane(b, 1));
}
SMG_INLINE uint32_t smg_ssub16(uint32_t a, uint32_t b) {
    return smg_lanes(smg_lane(a, 0) - smg_lane(b, 0), smg_lane(a, 1) - smg_lane(b, 1));
}
/* acc's lanes plus bytes 0 and 2. */
SMG_INLINE uint32_t smg_sxtab16(uint32_t acc, uint32_t v) { return smg_sadd16(acc, smg_sxtb16(v)); }
/* acc + the products of both lanes, modulo 2^32. */
SMG_INLINE int32_t smg_smlad(uint32_t a, uint32_t b, int32_t acc) {
    const uint32_t low = (uint32_t)(smg_lane(a, 0) * smg_lane(b, 0));
    const uint32_t high = (uint32_t)(smg_lane(a, 1) * smg_lane(b, 1));
    return (int32_t)((uint32_t)acc + low + high);
}
/* v saturated to 0 .. 255. */
SMG_INLINE uint32_t smg_usat8(int32_t v) { return (uint32_t)smg_clamp(v, 0, 255); }
/* Each byte of a plus or less that of b; UQADD8 and UQSUB8 saturate to 0 .. 255, UADD8 wraps. */
SMG_INLINE uint32_t smg_uqadd8(uint32_t a, uint32_t b) {
    uint32_t result = 0;
    for (int32_t i = 0; i < 32; i += 8) result |= smg_usat8((uint8_t)(a >> i) + (uint8_t)(b >> i)) << i;
    return result;
}
SMG_INLINE uint32_t smg_uqsub8(uint32_t a, uint32_t b) {
    uint32_t result = 0;
    for (int32_t i = 0; i < 32; i += 8) result |= smg_usat8((uint8_t)(a >> i) - (uint8_t)(b >> i)) << i;
    return result;
}
SMG_INLINE uint32_t smg_uadd8(uint32_t a, uint32_t b) {
    return ((a & 0x7f7f7f7fU) + (b & 0x7f7f7f7fU)) ^ ((a ^ b) & 0x80808080U);
}
/* The larger and the smaller of each pair of signed bytes: SSUB8 and SEL. */
SMG_INLINE uint32_t smg_max8(uint32_t a, uint32_t b) {
    uint32_t result = 0;
    for (int32_t i = 0; i < 32; i += 8) result |= ((int8_t)(a >> i) > (int8_t)(b >> i) ? a : b) & (255U << i);
    return result;
}
SMG_INLINE uint32_t smg_min8(uint32_t a, uint32_t b) { return a ^ b ^ smg_max8(a, b); }
/* mask where v is negative, else 0. */
SMG_INLINE int32_t smg_if_negative(int32_t v, int32_t mask) { return v < 0 ? mask : 0; }
/* c + a * b / 2^32, ties up. */
SMG_INLINE int32_t smg_smmlar(int32_t a, int32_t b, int32_t c) {
    return (int32_t)(((int64_t)a * b + ((int64_t)c * (1LL << 32)) + (1LL << 31)) >> 32);
}
#endif

/* Bytes 1 and 3, each sign-extended into a lane: SXTB16 with its rotation. */
SMG_INLINE uint32_t smg_sxtb16_odd(uint32_t v) { return smg_sxtb16(smg_ror8(v)); }

/* acc's lanes plus bytes 1 and 3. */
SMG_INLINE uint32_t smg_sxtab16_odd(uint32_t acc, uint32_t v) { return smg_sxtab16(acc, smg_ror8(v)); }
#endif
