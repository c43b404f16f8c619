/* SPDX-License-Identifier: Apache-2.0 */
/* What the pointwise kernels derive from an instance's constants: SMG_IN_C, SMG_OUT_C, SMG_TAIL (pixels modulo 4),
 * SMG_GROUPS (groups of a block), SMG_CHUNKS and SMG_CHUNK_STEPS (smg_pointwise_pairs.inc.h), SMG_AFFINE
 * (requantisation in two instructions, by SMG_SHIFT_EVEN and SMG_SHIFT_ODD), and those of smg_fast_requantize.h for
 * layers that are not affine.
 *
 * Four pixels and two channels at a time. An activation word holds a step, two inputs of one pixel as int16; a group is
 * the words of four pixels, step by step. Inputs come in the order in which SXTB16 takes words apart: 0, 2 then 1, 3 of
 * each four, and zero weights stand where in_c ends.
 *
 * Narrow (few inputs): a weight word holds two int16 weights of one channel and activations are 256 times the input,
 * so that the requantisation sees more bits. Otherwise a weight word holds two int16 lanes 256 * w1 + w0 of two
 * channels: SMLAD with the word accumulates 256 * A1 + A0 modulo 2^32, SXTB16 leaves w0 of both lanes and SMLAD
 * accumulates A0; their difference is 256 * A1, exact because |A1| < 2^23 for at most 512 inputs. */
#ifndef SMG_POINTWISE_SHAPE_INC_H
#define SMG_POINTWISE_SHAPE_INC_H
#include "smg_fast_requantize.h"
#include "smg_kernels.h"
#include "smg_memory.h"

#define SMG_STEPS ((SMG_IN_C + 1) / 2)
#define SMG_GROUP_WORDS (4 * SMG_STEPS + 8 * (SMG_CHUNKS - 1)) /* eight sums between the steps of two chunks */
#if SMG_AFFINE
#define SMG_PARAMETERS 5 /* bias, mult and addend of the even channel, mult and addend of the odd one */
#else
#define SMG_PARAMETERS 8 /* bias of both; mult, addend and shift of the even channel; the same of the odd one */
#endif
#define SMG_NARROW (SMG_IN_C <= SMG_NARROW_IN_C)
#define SMG_NARROW_IN_C \
    (SMG_AFFINE ? 24 : 22) /* both weights of a step, all parameters and two pointers in 32 registers */
#define SMG_TWICE (SMG_NARROW && SMG_STEPS <= (SMG_AFFINE ? 8 : 5)) /* a loop over two groups fits 1 KB of cache */
#define SMG_WEIGHT_WORDS (SMG_NARROW ? 2 * SMG_STEPS : SMG_STEPS)

#ifndef SMG_PAIRS
#define SMG_PAIRS ((SMG_OUT_C + 1) / 2) /* of channels, that a call computes: all of them, or one after the other */
#endif

/* Where in a group a step's words lie. */
#if SMG_CHUNKS > 1
#define SMG_STEP_WORD(step) (4 * (step) + (step) / SMG_CHUNK_STEPS * 8)
#else
#define SMG_STEP_WORD(step) (4 * (step))
#endif
#endif
