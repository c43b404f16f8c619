/* SPDX-License-Identifier: Apache-2.0 */
/* float32 arithmetic that gives the same bits on every core and compiler: what ops/float32.py does, in C.
 * Every product and every sum is rounded on its own, in the order that is written here; which NaN comes out is not
 * defined. Compile with -ffp-contract=off (GCC does with -std=c11) and never with -ffast-math. */
#ifndef SMG_FLOAT_H
#define SMG_FLOAT_H
#include "smg_requantize.h"
#include <float.h>
#include <stdint.h>

#if FLT_EVAL_METHOD != 0
#error "float32 kernels need a compiler that computes float in float (FLT_EVAL_METHOD 0)"
#endif
#if defined(__FAST_MATH__)
#error "float32 kernels must not be compiled with -ffast-math: it changes results"
#endif
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

/* NaN stays. */
SMG_INLINE float smg_clip(float v, float lo, float hi) {
    const float raised = v < lo ? lo : v;
    return raised > hi ? hi : raised;
}

/* v if it is larger than best, or NaN (which alone differs from itself). */
SMG_INLINE float smg_larger(float best, float v) { return v > best || v != v ? v : best; }

SMG_INLINE uint32_t smg_bits(float v) {
    uint32_t bits;
    __builtin_memcpy(&bits, &v, sizeof bits);
    return bits;
}

SMG_INLINE float smg_from_bits(uint32_t bits) {
    float v;
    __builtin_memcpy(&v, &bits, sizeof v);
    return v;
}

/* 2^n, -126 <= n <= 127. */
SMG_INLINE float smg_power_of_two(int32_t n) { return smg_from_bits((uint32_t)(n + 127) << 23); }

/* e^x, see ops/float32.py: x = n ln 2 + r, a polynomial in r, times 2^n in two factors (results may be subnormal). */
SMG_INLINE float smg_exp(float x) {
    const float rounder = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer, ties to even */
    const float bounded = smg_clip(x, -104.0f, 89.0f);
    const float shifted = bounded * 1.44269504f + rounder;
    const float n = shifted - rounder;
    const float r = (bounded - n * 0.693359375f) - n * -2.12194440e-4f;
    float q = 0.00138204684f;
    q = q * r + 0.00836925022f;
    q = q * r + 0.0416682847f;
    q = q * r + 0.166665167f;
    q = q * r + 0.49999994f;
    const float y = r * r * q + r + 1.0f;
    const int32_t power = (int32_t)(smg_bits(shifted) - smg_bits(rounder)), half = power >> 1;
    return y * smg_power_of_two(half) * smg_power_of_two(power - half);
}

#endif
