/* SPDX-License-Identifier: Apache-2.0 */
/* The upper half of a 64-bit product of signed words. */
#ifndef SMG_HIGH_H
#define SMG_HIGH_H
#include "smg_requantize.h"
#include <stdint.h>

#if defined(__ARM_ARCH_6M__) || defined(__ARM_ARCH_8M_BASE__)
/* By 16-bit halves, a = 2^16 * a1 + a0: compilers would call a function for the whole product. */
SMG_INLINE int32_t smg_high_mul(int32_t a, int32_t b /* >= 0 */) {
    const int32_t a1 = a >> 16, b1 = b >> 16;
    const uint32_t a0 = (uint32_t)a & 0xffffU, b0 = (uint32_t)b & 0xffffU;
    const int32_t first = a1 * (int32_t)b0 + (int32_t)(a0 * b0 >> 16); /* within -2^31 .. 2^31 - 2^16 */
    const uint32_t second = a0 * (uint32_t)b1;                         /* below 2^31 */
    return a1 * b1 + (first >> 16) + (int32_t)((((uint32_t)first & 0xffffU) + second) >> 16);
}
#else
SMG_INLINE int32_t smg_high_mul(int32_t a, int32_t b) { return (int32_t)(((int64_t)a * b) >> 32); }
#endif
#endif
