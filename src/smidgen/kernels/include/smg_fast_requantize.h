/* SPDX-License-Identifier: Apache-2.0 */
/* Requantisation in three or four instructions, for kernels whose instances define SMG_ROUNDING_MODE, SMG_ACT_MIN and
 * SMG_ACT_MAX. fast_requantize.py proves what it rests on: 1 <= shift <= 22, |acc2| < 2^31, no tie with ties to even.
 *
 * Double rounding adds (half - 1) instead of half to a negative value. The sign may come from the accumulator: it
 * differs from the product's only where that rounds to 0, and (half - 1) >> shift is 0 too. */
#ifndef SMG_FAST_REQUANTIZE_H
#define SMG_FAST_REQUANTIZE_H
#include "smg_asm_clamp.h"
#include "smg_dsp.h"

#define SMG_ROUND_DOUBLE 0
#define SMG_ROUND_CLAMPED 1 /* double rounding, lower clamp at the zero point: negative ties cannot be seen */
#define SMG_ROUND_EVEN 2

/* SMG_ASM_HIGH(t, acc2, mult, addend): t = high(acc2 * mult) + addend. t may be acc2 except with SMG_ROUND_DOUBLE. */
#if SMG_ROUNDING_MODE == SMG_ROUND_DOUBLE
#define SMG_ASM_HIGH(t, acc2, mult, addend)      \
    "add " t ", " addend ", " acc2 ", asr #31\n" \
    "smmlar " t ", " acc2 ", " mult ", " t "\n"
#elif SMG_ROUNDING_MODE == SMG_ROUND_CLAMPED
#define SMG_ASM_HIGH(t, acc2, mult, addend) "smmlar " t ", " acc2 ", " mult ", " addend "\n"
#else
#define SMG_ASM_HIGH(t, acc2, mult, addend) "smmla " t ", " acc2 ", " mult ", " addend "\n"
#endif

/* t = the output byte of acc2, shift in a register. */
#define SMG_ASM_REQUANTIZE(t, acc2, mult, addend, shift) \
    SMG_ASM_HIGH(t, acc2, mult, addend)                  \
    "asr " t ", " t ", " shift "\n"                      \
    "ssat " t ", #8, " t "\n" SMG_ASM_CLAMP(t)

/* The same, shift a constant (its text, 1 .. 22). */
#define SMG_ASM_REQUANTIZE_BY(t, acc2, mult, addend, shift) \
    SMG_ASM_HIGH(t, acc2, mult, addend)                     \
    "ssat " t ", #8, " t ", asr #" shift "\n" SMG_ASM_CLAMP(t)

/* The same in C: acc2 is twice the accumulator. */
SMG_INLINE int8_t smg_requantize_fast(int32_t acc2, int32_t mult, int32_t addend, int32_t shift) {
#if SMG_ROUNDING_MODE == SMG_ROUND_DOUBLE
    const int32_t high = smg_smmlar(acc2, mult, addend + smg_if_negative(acc2, -1));
#elif SMG_ROUNDING_MODE == SMG_ROUND_CLAMPED
    const int32_t high = smg_smmlar(acc2, mult, addend);
#else
    const int32_t high = (int32_t)(((int64_t)acc2 * mult) >> 32) + addend;
#endif
    return (int8_t)smg_clamp(high >> shift, SMG_ACT_MIN, SMG_ACT_MAX);
}
#endif
