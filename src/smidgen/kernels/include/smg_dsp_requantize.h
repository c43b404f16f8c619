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

/* What the record packs for an output channel beside the weights, in place of the bias, mult and shift.
 * bias: with the input's zero point folded in. left: shift before the multiplication, with the doubling. right: after
 * it. half: what to add in between, in the high word. tie: with double rounding, what to add to half for a negative
 * value; with ties to even, the low word below half, which is not zero where right is. */
typedef struct {
    int32_t bias, mult, left, right, half, tie;
} smg_channel;

enum { SMG_CHANNEL_WORDS = 6 };

/* The same for one multiplier, as smg_requantize.h takes it. -31 <= shift. */
SMG_INLINE smg_channel smg_rescale(smg_rounding rounding, int32_t bias, int32_t mult, int32_t shift) {
    const int32_t left = shift > 0 ? shift : 0, right = shift > 0 ? 0 : -shift;
    const int32_t tie = rounding == SMG_DOUBLE ? -(right > 0) : right > 0 ? 0 : INT32_MIN;
    const smg_channel channel = {bias, mult, left + 1, right, (int32_t)(1U << right >> 1), tie};
    return channel;
}

SMG_INLINE smg_channel smg_load_channel(const int32_t *packed /* (6) */) {
    const smg_channel channel = {packed[0], packed[1], packed[2], packed[3], packed[4], packed[5]};
    return channel;
}

/* smg_requantize for |acc| << (max(shift, 0) + 1) < 2^31, so that doubling may come before the high multiplication.
 * Ties away from zero: half is added, less 1 for a negative value, but nothing where nothing is shifted out. The sign
 * may come from acc: it differs from the product's only where that rounds to 0, and (half - 1) >> right is 0 too. */
SMG_INLINE int32_t smg_requantize_doubled(int32_t acc, smg_channel s) {
    return smg_smmlar((int32_t)((uint32_t)acc << s.left), s.mult, s.half + smg_if_negative(acc, s.tie)) >> s.right;
}

/* smg_rne_shift_right(v, 33 + right), 0 <= right <= 29: the half is added in the high word, whose low bits and the low
 * word are all zero exactly at a tie. */
SMG_INLINE int32_t smg_rne_high(int64_t v, int32_t right) {
    const int32_t high = (int32_t)(v >> 32) + (1 << right);
    const int32_t result = high >> (right + 1);
    if ((uint32_t)v == 0 && ((uint32_t)high << (31 - right)) == 0) return result & ~1;
    return result;
}

/* smg_requantize_rne for the same acc: v / 2^(32 + right), half added; what is shifted out is all zero exactly at a
 * tie. */
SMG_INLINE int32_t smg_requantize_even(int32_t acc, smg_channel s) {
    const int64_t half = (int64_t)((uint64_t)(uint32_t)s.half << 32 | (uint32_t)s.tie);
    const int64_t v = half + (int64_t)(int32_t)((uint32_t)acc << s.left) * s.mult;
    const int32_t high = (int32_t)(v >> 32), result = high >> s.right;
    if ((uint32_t)v == 0 && (uint32_t)result << s.right == (uint32_t)high) return result & ~1;
    return result;
}

/* A zero point and clamp for four outputs at once, as bytes that are 128 more than they mean: each of above, span and
 * base holds four times what smg_clamp_bytes adds or takes away. */
typedef struct {
    int32_t offset;
    uint32_t above, span, base;
} smg_byte_range;

SMG_INLINE smg_byte_range smg_output_bytes(int32_t offset, int32_t act_min, int32_t act_max) {
    const uint32_t above = (uint32_t)(INT8_MAX - act_max), below = (uint32_t)(act_min - INT8_MIN), four = 0x01010101U;
    const smg_byte_range range = {offset - INT8_MIN, above * four, (above + below) * four, (uint8_t)act_min * four};
    return range;
}

/* A rescaled output plus 128, clamped only to a byte. No sum overflows: |acc| << left < 2^31. */
SMG_INLINE uint32_t smg_output_byte(smg_rounding rounding, int32_t acc, const int32_t *channel, int32_t offset) {
    const smg_channel s = smg_load_channel(channel);
    return smg_usat8((rounding == SMG_EVEN ? smg_requantize_even(acc, s) : smg_requantize_doubled(acc, s)) + offset);
}

/* Four of those bytes, clamped, as outputs in a word, the first lowest. Adding above brings act_max to 255, where it
 * saturates; taking span away brings act_min to 0; adding act_min gives the clamped outputs. */
SMG_INLINE uint32_t smg_clamp_bytes(uint32_t b0, uint32_t b1, uint32_t b2, uint32_t b3, smg_byte_range range) {
    const uint32_t bytes = b0 | b1 << 8 | b2 << 16 | b3 << 24;
    return smg_uadd8(smg_uqsub8(smg_uqadd8(bytes, range.above), range.span), range.base);
}
#endif
