/* SPDX-License-Identifier: Apache-2.0 */
/* From an accumulator to an output integer: the two roundings that docs/numerics.md defines. */
#ifndef SMG_REQUANTIZE_H
#define SMG_REQUANTIZE_H
#include <stdint.h>

#define SMG_INLINE static inline __attribute__((always_inline))

SMG_INLINE int32_t smg_clamp(int32_t v, int32_t lo, int32_t hi) { return v < lo ? lo : v > hi ? hi : v; }

/* Saturating rounding doubling high multiply: (a * b * 2 + 2^31) >> 32, ties up. mult is never INT32_MIN. */
SMG_INLINE int32_t smg_doubling_high_mul(int32_t a, int32_t mult) {
    return (int32_t)(((int64_t)a * mult + (1LL << 30)) >> 31);
}

/* v / 2^exponent, 0 <= exponent <= 31, ties away from zero. */
SMG_INLINE int32_t smg_rounding_shift_right(int32_t v, int32_t exponent) {
    const int32_t mask = (int32_t)((1U << exponent) - 1U);
    const int32_t remainder = v & mask;
    return (v >> exponent) + (remainder > ((mask >> 1) + (v < 0)));
}

/* acc * mult * 2^(shift - 31) with TFLite's two roundings ("double"). -31 <= shift; acc << shift stays in int32. */
SMG_INLINE int32_t smg_requantize(int32_t acc, int32_t mult, int32_t shift) {
    const int32_t left = shift > 0 ? shift : 0, right = shift > 0 ? 0 : -shift;
    return smg_rounding_shift_right(smg_doubling_high_mul((int32_t)((uint32_t)acc << left), mult), right);
}

/* v / 2^exponent, 1 <= exponent <= 62, ties to even, saturated to int32. |v| < 2^62. */
SMG_INLINE int32_t smg_rne_shift_right(int64_t v, int32_t exponent) {
    const int64_t half = 1LL << (exponent - 1);
    const int64_t result = (v + (half - 1) + ((v >> exponent) & 1)) >> exponent;
    return result < INT32_MIN ? INT32_MIN : result > INT32_MAX ? INT32_MAX : (int32_t)result;
}

/* acc * mult * 2^(shift - 31) with one exact rounding, ties to even ("even"). -31 <= shift <= 30. */
SMG_INLINE int32_t smg_requantize_rne(int32_t acc, int32_t mult, int32_t shift) {
    return smg_rne_shift_right((int64_t)acc * mult, 31 - shift);
}

/* Which of the two a kernel uses: a constant where a shared body is inlined, so no branch is left. */
typedef enum { SMG_DOUBLE, SMG_EVEN } smg_rounding;

/* From accumulator to output byte: rescale, clamp, add the output's zero point (last, for the sum could overflow). */
SMG_INLINE int8_t smg_output(smg_rounding rounding, int32_t acc, int32_t mult, int32_t shift, int32_t offset,
                             int32_t lo, int32_t hi) {
    const int32_t v = rounding == SMG_EVEN ? smg_requantize_rne(acc, mult, shift) : smg_requantize(acc, mult, shift);
    return (int8_t)(smg_clamp(v, lo - offset, hi - offset) + offset);
}
#endif
