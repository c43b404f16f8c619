/* SPDX-License-Identifier: Apache-2.0 */
/* What the portable Winograd kernels share: sizes of their buffers, types that may alias, requantisation.
 *
 * A scheme's header (smg_portable_f4.inc.h, ...) has defined, for one dimension: SMG_TILE outputs from SMG_REACH
 * inputs, SMG_STRIDE apart; SMG_SIDE products, SMG_SUMS sums of them, of which the first SMG_PAIRED are of two products
 * and the others of one; SMG_SCALE_BITS and SMG_INVERSE, the scale 2^SMG_SCALE_BITS * odd of two dimensions and the
 * inverse of its odd part modulo 2^32; SMG_OFFSET, which keeps transformed inputs from being negative. domain.py has
 * the same numbers and proves what they rest on. */
#ifndef SMG_PORTABLE_WINOGRAD_INC_H
#define SMG_PORTABLE_WINOGRAD_INC_H
#include "smg_high.h"
#include "smg_kernels.h"
#include "smg_memory.h"
#include "smg_requantize.h"
#include "smg_small.h"

#define SMG_COLD static __attribute__((noinline)) /* called seldom: not worth a copy at each call */
#if !defined(__riscv) && !defined(__arm__)        /* where it is only tested, it is to compile soon */
#define SMG_UNROLLED
#elif defined(__clang__)
#define SMG_UNROLLED _Pragma("clang loop unroll(full)")
#else
#define SMG_UNROLLED _Pragma("GCC unroll 16")
#endif

#if defined(__thumb__) && !defined(__thumb2__) /* few registers: unrolling would save little and take much flash */
#define SMG_UNROLLED_ROWS SMG_ROLLED
#else
#define SMG_UNROLLED_ROWS SMG_UNROLLED
#endif

/* What constants, tensors and scratch are read and written as. */
typedef uint32_t __attribute__((may_alias)) smg_word;
typedef uint16_t __attribute__((may_alias)) smg_input; /* a transformed input, never negative */
typedef int16_t __attribute__((may_alias)) smg_weight;

#define SMG_PRODUCTS (SMG_SIDE * SMG_SIDE)
#define SMG_ALL_SUMS (SMG_SUMS * SMG_SUMS)
#define SMG_STRIP_WORDS (2 * SMG_SIDE) /* of one column of four channels, vertically transformed */

/* V: (blocks, products, SMG_TILES, SMG_PADDED_C / 2) words of two channels, 4q and 4q + 2, then 4q + 1 and 4q + 3; of
 * these SMG_DEPTH are multiplied, those past the last channel by 0. */
#define SMG_PADDED_C ((SMG_IN_C + 3) / 4 * 4)
#define SMG_DEPTH (SMG_IN_C == 1 || SMG_IN_C == 3 ? SMG_IN_C : SMG_PADDED_C)
#define SMG_TILE_WORDS (SMG_PADDED_C / 2)
#define SMG_PRODUCT_WORDS (SMG_TILES * SMG_TILE_WORDS)
#define SMG_BLOCK_WORDS (SMG_PRODUCTS * SMG_PRODUCT_WORDS)
/* M: (sums, SMG_TILES, SMG_CHANNELS) words. */
#define SMG_SUM_STEP (SMG_TILES * SMG_CHANNELS)
/* The stream of SMG_CHANNELS output channels: mult, addend and shift of each; of each sum its start of each channel,
 * then (its products, SMG_DEPTH, SMG_CHANNELS) int16. */
#ifndef SMG_CONSTANT_WORDS
#define SMG_CONSTANT_WORDS 3
#define SMG_CONSTANT_STEP 1     /* from a channel's first to the next one's */
#define SMG_STARTS SMG_CHANNELS /* of a sum */
#endif
#define SMG_FIRST_WORDS (SMG_CONSTANT_WORDS * SMG_CHANNELS)
#define SMG_STREAM_WORDS (SMG_FIRST_WORDS + SMG_ALL_SUMS * SMG_STARTS + SMG_PRODUCTS * SMG_DEPTH * SMG_CHANNELS / 2)

SMG_INLINE int32_t smg_least(int32_t a, int32_t b) { return a < b ? a : b; }

/* Product ``p`` of a dimension is one of sum smg_sum_of(p); the first of a sum is smg_first_of(sum). */
SMG_INLINE int32_t smg_sum_of(int32_t p) { return p < 2 * SMG_PAIRED ? p / 2 : p - SMG_PAIRED; }
SMG_INLINE int32_t smg_first_of(int32_t sum) { return sum < SMG_PAIRED ? 2 * sum : sum + SMG_PAIRED; }
SMG_INLINE int32_t smg_members(int32_t sum) { return sum < SMG_PAIRED ? 2 : 1; }

/* Where product (p, q) of both dimensions lies: sums in order, a sum's products beside each other. */
SMG_INLINE int32_t smg_place(int32_t p, int32_t q) {
    const int32_t i = smg_sum_of(p), j = smg_sum_of(q);
    const int32_t member = (p - smg_first_of(i)) * smg_members(j) + q - smg_first_of(j);
    return SMG_SIDE * smg_first_of(i) + smg_members(i) * smg_first_of(j) + member;
}

/* x: 2^SMG_SCALE_BITS times the accumulator. As smg_fast_requantize.h, scaled: the upper word is that of a product with
 * 2^(SMG_SCALE_BITS - 1) times the doubled accumulator, and one floor of a floor is the floor. With SMG_SHIFT all
 * channels share it, and their constants were searched for (requantize.py). */
SMG_INLINE int8_t smg_requantize_scaled(uint32_t x, int32_t mult, int32_t addend, int32_t shift) {
    const int32_t high = smg_high_mul((int32_t)x, mult) + addend;
#if SMG_SHIFT
    (void)shift;
    const int32_t v = high >> SMG_SHIFT;
#elif SMG_NEGATIVE_TIES
    const int32_t v = ((high >> (SMG_SCALE_BITS - 1)) + ((int32_t)x >> 31)) >> shift;
#else
    const int32_t v = high >> shift;
#endif
    return (int8_t)smg_clamp(v, SMG_ACT_MIN, SMG_ACT_MAX);
}
#endif
