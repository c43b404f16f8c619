/* SPDX-License-Identifier: Apache-2.0 */
/* Requantisation by SMMULR and SMULL: equal to smg_requantize.h where the kernel's record proves the bounds. */
#ifndef SMG_DSP_REQUANTIZE_H
#define SMG_DSP_REQUANTIZE_H
#include "smg_dsp.h"

/* A tensor's zero point and clamp, the bounds less the zero point. Kept in locals: a store of an int8 may alias
 * anything, so parameters behind a pointer would be read again after each. */
typedef struct {
    int32_t offset, lo, hi;
} smg_range;

SMG_INLINE smg_range smg_output_range(int32_t offset, int32_t act_min, int32_t act_max) {
    const smg_range range = {offset, act_min - offset, act_max - offset};
    return range;
}

/* What the record packs for an output channel beside the weights, in place of the bias, mult and shift:
 * bias with the input's zero point folded in; left: shift before the multiplication, with the doubling; right: after
 * it; half, tie: what to add before, and add to that for a negative value. */
typedef struct {
    int32_t bias, mult, left, right, half, tie;
} smg_channel;

enum { SMG_CHANNEL_WORDS = 6 };

SMG_INLINE smg_channel smg_load_channel(const int32_t *packed /* (6) */) {
    const smg_channel channel = {packed[0], packed[1], packed[2], packed[3], packed[4], packed[5]};
    return channel;
}

/* smg_requantize for |acc| << (max(shift, 0) + 1) < 2^31, so that doubling may come before the high multiplication.
 * Ties away from zero: half is added, less 1 for a negative value, but nothing where nothing is shifted out. The sign
 * may come from acc: it differs from the product's only where that rounds to 0, and (half - 1) >> right is 0 too. */
SMG_INLINE int32_t smg_requantize_doubled(int32_t acc, smg_channel s) {
    return smg_smmlar((int32_t)((uint32_t)acc << s.left), s.mult, s.half + ((acc >> 31) & s.tie)) >> s.right;
}

/* smg_rne_shift_right(v, 33 + right), 0 <= right <= 29: the half is added in the high word, whose low bits and the low
 * word are all zero exactly at a tie. */
SMG_INLINE int32_t smg_rne_high(int64_t v, int32_t right) {
    const int32_t high = (int32_t)(v >> 32) + (1 << right);
    const int32_t result = high >> (right + 1);
    if ((uint32_t)v == 0 && ((uint32_t)high << (31 - right)) == 0) return result & ~1;
    return result;
}

/* smg_requantize_rne, quickly for multipliers below 1/4. */
SMG_INLINE int32_t smg_requantize_even(int32_t acc, smg_channel s) {
    if (s.right < 2) return smg_requantize_rne(acc, s.mult, s.left - 1 - s.right);
    return smg_rne_high((int64_t)acc * s.mult, s.right - 2);
}

/* smg_output with the functions above. */
SMG_INLINE int8_t smg_dsp_output(smg_rounding rounding, int32_t acc, smg_channel channel, smg_range range) {
    const int32_t v = rounding == SMG_EVEN ? smg_requantize_even(acc, channel) : smg_requantize_doubled(acc, channel);
    return (int8_t)(smg_clamp(v, range.lo, range.hi) + range.offset);
}
#endif
