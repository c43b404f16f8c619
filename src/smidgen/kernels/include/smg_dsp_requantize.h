/* SPDX-License-Identifier: Apache-2.0 */
/* Requantisation by SMMULR and SMLAL: equal to smg_requantize.h where the kernel's record proves the bounds. */
#ifndef SMG_DSP_REQUANTIZE_H
#define SMG_DSP_REQUANTIZE_H
#include "smg_dsp.h"

/* Double rounding. |acc| << (max(shift, 0) + 1) < 2^31, so that doubling may come before the high multiply.
 * Ties away from zero: add half, less 1 for a negative value, but nothing where nothing is shifted out. */
SMG_INLINE int32_t smg_requantize_doubled(int32_t acc, int32_t mult, int32_t shift) {
    const int32_t left = shift > 0 ? shift : 0, right = shift > 0 ? 0 : -shift;
    const int32_t half = (int32_t)(1U << right >> 1), if_shifted = shift >> 31;
    const int32_t v = smg_smmulr((int32_t)((uint32_t)acc << (left + 1)), mult);
    return (v + half + ((v >> 31) & if_shifted)) >> right;
}

/* v / 2^(33 + right), ties to even, 0 <= right <= 29: the half is added in the high word, whose low bits and the low
 * word are all zero exactly at a tie. */
SMG_INLINE int32_t smg_rne_high(int64_t v, int32_t right) {
    const int32_t high = (int32_t)(v >> 32) + (1 << right);
    const int32_t result = high >> (right + 1);
    if ((uint32_t)v == 0 && ((uint32_t)high << (31 - right)) == 0) return result & ~1;
    return result;
}

SMG_INLINE int32_t smg_requantize_even(int32_t acc, int32_t mult, int32_t shift) {
    if (shift > -2) return smg_requantize_rne(acc, mult, shift);
    return smg_rne_high((int64_t)acc * mult, -2 - shift);
}

/* smg_output with the functions above. */
SMG_INLINE int8_t smg_dsp_output(smg_rounding rounding, int32_t acc, int32_t mult, int32_t shift, int32_t offset,
                                 int32_t lo, int32_t hi) {
    const int32_t v =
        rounding == SMG_EVEN ? smg_requantize_even(acc, mult, shift) : smg_requantize_doubled(acc, mult, shift);
    return (int8_t)(smg_clamp(v, lo - offset, hi - offset) + offset);
}
#endif
