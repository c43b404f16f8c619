/* SPDX-License-Identifier: Apache-2.0 */
/* Clamps for cores without saturating instructions, where a branch that is not taken costs least. */
#ifndef SMG_OUTPUT_CLAMP_H
#define SMG_OUTPUT_CLAMP_H
#include "smg_requantize.h"

/* v, where the compiler cannot tell it: a constant stays in a register instead of being made anew for each use, and
 * sums are added up in the order in which they stand, which needs the fewest registers. */
SMG_INLINE int32_t smg_in_register(int32_t v) {
    __asm__("" : "+r"(v));
    return v;
}

/* v clamped; lowest in a register, highest a constant. After ReLU many values lie below, few above: those are dealt
 * with out of the way. */
SMG_INLINE int8_t smg_clamp_output(int32_t v, int32_t lowest, int32_t highest) {
    int32_t clamped = smg_in_register(v < lowest ? lowest : v);
    if (__builtin_expect(clamped > highest, 0)) {
        __asm__ volatile(""); /* keeps compilers from making this a move that is always executed */
        clamped = highest;
    }
    return (int8_t)clamped;
}
#endif
