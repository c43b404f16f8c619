/* SPDX-License-Identifier: Apache-2.0 */
/* What the Winograd kernels share: where assembly is used, and requantisation of a scaled accumulator.
 *
 * The output transform gives SMG_SCALE * acc, SMG_SCALE = 2^SMG_SCALE_BITS, so the upper word of its product with the
 * multiplier is floor(acc * mult / 2^(32 - SMG_SCALE_BITS)). One floor of a floor is the floor, so where negative ties
 * need no care the rounding constants of both steps add up to one addend and one shift. With SMG_ROUND_DOUBLE the
 * upper word is first brought to the doubled product's unit, and a negative one is made 1 less; as its sign that of
 * the accumulator may serve (see smg_fast_requantize.h). With SMG_SHIFT all channels
 * share that shift and constants of their own making: one multiplication, rounded, and SSAT. requantize.py proves what
 * all of it rests on. */
#ifndef SMG_WINOGRAD_INC_H
#define SMG_WINOGRAD_INC_H
#include "smg_dsp.h"
#include "smg_fast_requantize.h"
#include "smg_kernels.h"
#include "smg_memory.h"

#define SMG_COLD static __attribute__((noinline)) /* called seldom: not worth a copy at each call */

#define SMG_SIDE (SMG_TILE + 2)                /* of a tile of inputs */
#define SMG_POSITIONS (SMG_SIDE * SMG_SIDE)    /* of a tile in the transform's domain */
#define SMG_STRIP_WORDS (2 * SMG_SIDE)         /* of one column of four channels, vertically transformed */
#define SMG_SCALE_BITS (SMG_TILE == 4 ? 6 : 2) /* the output transform gives 2^that times the accumulator */

/* V: (rounds, positions, SMG_BLOCKS, in_c / 2, SMG_BLOCK tiles). A round is multiplied with each weight before the next
 * weight is read; with SMG_ROUND it is that many blocks, and sums lie as they are made, otherwise one block, and the
 * sums of a tile and channel lie together. */
#if SMG_ROUND
#define SMG_BLOCKS SMG_ROUND
#define SMG_BLOCK_STEP (SMG_IN_C / 2 * SMG_BLOCK) /* words from a block to the next */
#define SMG_SUM_STEP (2 * SMG_ROUND_TILES)        /* from a position's sum to the next */
#define SMG_TILE_STEP 2                           /* from a tile's sums to the next tile's */
#define SMG_CHANNEL_STEP 1
#else
#define SMG_BLOCKS 1
#define SMG_BLOCK_STEP SMG_ROUND_WORDS
#define SMG_SUM_STEP 1
#define SMG_TILE_STEP (2 * SMG_POSITIONS)
#define SMG_CHANNEL_STEP SMG_POSITIONS
#endif
#define SMG_POSITION_WORDS (SMG_IN_C / 2 * SMG_BLOCK * SMG_BLOCKS) /* of one position of a round */
#define SMG_ROUND_WORDS (SMG_POSITIONS * SMG_POSITION_WORDS)
#define SMG_ROUND_TILES (SMG_BLOCK * SMG_BLOCKS)

/* Where the rows of pixels of a row of tiles begin. With SMG_IN_PITCH all but the first and last are rows of the image,
 * that far apart, so that row[1] stands for them. */
typedef struct {
    const int8_t *row[SMG_SIDE];
} smg_rows;

#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)
#define SMG_ASSEMBLY 1
/* Naked functions take their parameters from registers. */
#if defined(__clang__)
#define SMG_NAKED __attribute__((naked, noinline))
#pragma clang diagnostic ignored "-Wunused-parameter"
#pragma clang diagnostic ignored "-Woverlength-strings" /* C99's limit of 4095 characters, of no compiler today */
#else                                                   /* GCC must not infer which registers they leave alone */
#define SMG_NAKED __attribute__((naked, noinline, noipa))
#pragma GCC diagnostic ignored "-Wunused-parameter"
#endif
#else
#define SMG_ASSEMBLY 0
#endif

/* Constants of one output channel. */
typedef struct {
    int32_t mult, addend, shift;
    int32_t bias;      /* SMG_SCALE times the bias, with the input's zero point (and raise of 128) folded in */
    int32_t corner[4]; /* F(4x4): of outputs (2,2) (2,3) (3,2) (3,3), which also see the offset D of the tile */
} smg_winograd_channel;

#if SMG_TILE == 4
#define SMG_DOUBLED_SHIFT "5" /* from the scaled product to the doubled one */
#else
#define SMG_DOUBLED_SHIFT "1"
#endif

/* x: SMG_SCALE * acc in a register, lost; t: the output byte. r10 mult, r11 addend, lr shift. */
#if SMG_SHIFT
#define SMG_ASM_SCALED(t, x)          \
    "smmlar " t ", " x ", r10, r11\n" \
    "ssat " t ", #8, " t ", asr #" SMG_TEXT(SMG_SHIFT) "\n" SMG_ASM_CLAMP(t)
#elif SMG_ROUNDING_MODE == SMG_ROUND_DOUBLE
#define SMG_ASM_SCALED(t, x)                                \
    "smmla " t ", " x ", r10, r11\n"                        \
    "asrs " x ", " x ", #31\n"                              \
    "add " t ", " x ", " t ", asr #" SMG_DOUBLED_SHIFT "\n" \
    "asr " t ", " t ", lr\n"                                \
    "ssat " t ", #8, " t "\n" SMG_ASM_CLAMP(t)
#else
#define SMG_ASM_SCALED(t, x)         \
    "smmla " t ", " x ", r10, r11\n" \
    "asr " t ", " t ", lr\n"         \
    "ssat " t ", #8, " t "\n" SMG_ASM_CLAMP(t)
#endif

/* The same in C. */
SMG_INLINE int8_t smg_requantize_scaled(int32_t x, const smg_winograd_channel *c) {
#if SMG_SHIFT
    const int32_t v = smg_smmlar(x, c->mult, c->addend);
#else
    const int32_t high = (int32_t)(((int64_t)x * c->mult) >> 32) + c->addend;
#endif
#if SMG_SHIFT
#elif SMG_ROUNDING_MODE == SMG_ROUND_DOUBLE
    const int32_t v = (high >> (SMG_SCALE_BITS - 1)) + smg_if_negative(x, -1);
#else
    const int32_t v = high;
#endif
    return (int8_t)smg_clamp(v >> c->shift, SMG_ACT_MIN, SMG_ACT_MAX);
}
#endif
