/* SPDX-License-Identifier: Apache-2.0 */
/* TFLite's fixed-point exponential and reciprocal. Qm.n: m integer bits, n fraction bits and a sign in an int32.
 * The product of Qa.b and Qc.d by smg_doubling_high_mul is Q(a+c).(31-a-c). */
#ifndef SMG_FIXED_POINT_INC_H
#define SMG_FIXED_POINT_INC_H
#include "smg_requantize.h"

/* v * 2^exponent, saturated. 0 <= exponent <= 30. */
SMG_INLINE int32_t smg_saturating_shift_left(int32_t v, int32_t exponent) {
    const int32_t limit = INT32_MAX >> exponent;
    if (v > limit) return INT32_MAX;
    if (v < -limit - 1) return INT32_MIN;
    return v * (1 << exponent);
}

/* exp(a) for -1/4 <= a < 0, Q0.31 to Q0.31: fourth-order Taylor series about -1/8. */
SMG_INLINE int32_t smg_exp_quarter(int32_t a) {
    const int32_t exp_minus_eighth = 1895147668, third = 715827883;
    const int32_t x = a + (1 << 28);
    const int32_t x2 = smg_doubling_high_mul(x, x);
    const int32_t x3 = smg_doubling_high_mul(x2, x);
    const int32_t x4 = smg_doubling_high_mul(x2, x2);
    const int32_t cubic = smg_doubling_high_mul(smg_rounding_shift_right(x4, 2) + x3, third);
    const int32_t tail = smg_rounding_shift_right(cubic + x2, 1); /* x^4/24 + x^3/6 + x^2/2 */
    return exp_minus_eighth + smg_doubling_high_mul(exp_minus_eighth, x + tail);
}

/* exp(a) for a <= 0, Q5.26 to Q0.31: the series for a modulo 1/4, times a constant for each bit above. */
SMG_INLINE int32_t smg_exp_negative(int32_t a) {
    static const int32_t factors[7] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
    const int32_t quarter = 1 << 24;
    if (a == 0) return INT32_MAX;
    const int32_t modulo = (a & (quarter - 1)) - quarter;
    const int32_t rest = modulo - a; /* a multiple of 1/4 */
    int32_t result = smg_exp_quarter(modulo * 32);
    for (int32_t i = 0; i < 7; i++) { /* exp(-2^(i - 2)) */
        if (rest & (quarter << i)) result = smg_doubling_high_mul(result, factors[i]);
    }
    return result;
}

/* 1 / (1 + a) for 0 <= a < 1, Q0.31 to Q0.31: three Newton-Raphson steps from the usual line. */
SMG_INLINE int32_t smg_reciprocal(int32_t a) {
    const int32_t half = (int32_t)(((int64_t)a + INT32_MAX + 1) / 2);  /* (1 + a) / 2 */
    int32_t x = 1515870810 + smg_doubling_high_mul(half, -1010580540); /* Q2.29: 48/17 - 32/17 * half */
    for (int32_t i = 0; i < 3; i++) {
        const int32_t error = (1 << 29) - smg_doubling_high_mul(half, x);
        x += smg_saturating_shift_left(smg_doubling_high_mul(x, error), 2);
    }
    return smg_saturating_shift_left(x, 1); /* x is 1 / half: half of it, from Q2.29 to Q0.31 */
}
#endif
