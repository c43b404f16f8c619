/* SPDX-License-Identifier: Apache-2.0 */
/* Pointwise convolution by four-bit weights: those of two channels are unpacked once for a block of groups.
 *
 * The stream has of each pair of channels its SMG_PARAMETERS, then words of weights w + 8 as nibbles, two steps a word,
 * in lanes of two inputs: bits 0 of the even channel, 8 of the odd one, 4 and 12 of the next step's; then, if
 * SMG_GROUP, a byte for each so many inputs, the even channel's factor low, the odd one's high, filled up to words. */
#ifndef SMG_POINTWISE_FOUR_BIT_INC_H
#define SMG_POINTWISE_FOUR_BIT_INC_H
#define SMG_PAIRS 1
#include "smg_pointwise_expand.inc.h"
#include "smg_pointwise_pairs.inc.h"
#include "smg_small.h"
#if SMG_TAIL == 1
#include "smg_pointwise_pixel.inc.h"
#endif

enum {
    SMG_NIBBLE_WORDS = (SMG_STEPS + 1) / 2,
    SMG_GROUP_STEPS = SMG_GROUP ? SMG_GROUP / 2 : SMG_STEPS,
    SMG_FACTOR_WORDS = SMG_GROUP ? ((SMG_STEPS + SMG_GROUP_STEPS - 1) / SMG_GROUP_STEPS + 3) / 4 : 0,
    SMG_UNPACKED_WORDS = SMG_PARAMETERS + SMG_WEIGHT_WORDS,
};

/* A step's weight word, or its two, from nibbles at bits 0 and 8 of each lane. */
SMG_INLINE uint32_t *smg_pointwise_unpack_step(uint32_t *to, uint32_t v, uint32_t even, uint32_t odd) {
#if SMG_NARROW
    to[0] = smg_ssub16((v >> 8 & 0x000f000fU) * odd, 0x00080008U * odd);
    to[1] = smg_ssub16((v & 0x000f000fU) * even, 0x00080008U * even);
    return to + 2;
#elif SMG_GROUP
    *to = smg_ssub16((v & 0x0f000f00U) * odd + (v & 0x000f000fU) * even, 0x08000800U * odd + 0x00080008U * even);
    return to + 1;
#else
    (void)even, (void)odd;
    *to = smg_ssub16(v & 0x0f0f0f0fU, 0x08080808U);
    return to + 1;
#endif
}

/* So many steps, an even number but for the last ones. */
SMG_INLINE uint32_t *smg_pointwise_unpack_steps(uint32_t *to, const uint32_t *from, int32_t steps, uint32_t even,
                                                uint32_t odd) {
    SMG_ROLLED
    for (; steps >= 4; steps -= 4, from += 2) {
        const uint32_t v0 = from[0], v1 = from[1];
        to = smg_pointwise_unpack_step(to, v0, even, odd);
        to = smg_pointwise_unpack_step(to, v0 >> 4, even, odd);
        to = smg_pointwise_unpack_step(to, v1, even, odd);
        to = smg_pointwise_unpack_step(to, v1 >> 4, even, odd);
    }
    for (; steps > 0; steps -= 2, from++) {
        to = smg_pointwise_unpack_step(to, *from, even, odd);
        if (steps > 1) to = smg_pointwise_unpack_step(to, *from >> 4, even, odd);
    }
    return to;
}

/* A pair's parameters and weights as smg_pointwise_pairs.inc.h reads them. Returns where the next pair's begin. */
static __attribute__((noinline)) const int32_t *smg_pointwise_unpack(uint32_t *to, const int32_t *stream) {
    const uint32_t *nibbles = (const uint32_t *)stream + SMG_PARAMETERS;
    const uint8_t *factors = (const uint8_t *)(nibbles + SMG_NIBBLE_WORDS);
    SMG_ROLLED
    for (int32_t i = 0; i < SMG_PARAMETERS; i++) *to++ = (uint32_t)stream[i];
    SMG_ROLLED
    for (int32_t s = 0; s < SMG_STEPS; s += SMG_GROUP_STEPS, nibbles += SMG_GROUP_STEPS / 2) {
        const uint32_t both = SMG_GROUP ? *factors++ : 0x11U;
        const int32_t steps = SMG_STEPS - s < SMG_GROUP_STEPS ? SMG_STEPS - s : SMG_GROUP_STEPS;
        to = smg_pointwise_unpack_steps(to, nibbles, steps, both & 15U, both >> 4);
    }
    return stream + SMG_PARAMETERS + SMG_NIBBLE_WORDS + SMG_FACTOR_WORDS;
}

/* Outputs of a block, pair by pair, and of the pixel that is left after the last one's groups. */
SMG_INLINE void smg_pointwise_unpacked_pairs(const uint32_t *activations, int8_t *y, const int32_t *stream,
                                             const smg_pointwise_block *block, uint32_t *unpacked, int8_t *last) {
    for (int32_t c = 0; c < SMG_OUT_C; c += 2) {
        const int32_t at = c + 1 < SMG_OUT_C ? c : SMG_OUT_C - 2;
        stream = smg_pointwise_unpack(unpacked, stream);
        smg_pointwise_pairs(activations, y + at, (const int32_t *)unpacked, block);
#if SMG_TAIL == 1
        if (last) smg_pointwise_pixel(block->end, last + at, (const int32_t *)unpacked);
#else
        (void)last;
#endif
    }
}

/* scratch: a pair's parameters and weights, then as smg_pointwise has it. */
SMG_INLINE void smg_pointwise_four_bit(const smg_conv2d_params *p, const int8_t *x, const int32_t *stream, int8_t *y,
                                       void *scratch) {
    uint32_t *const unpacked = scratch, *const activations = unpacked + SMG_UNPACKED_WORDS;
    int32_t groups = p->batch * p->out_h * p->out_w / 4;
    smg_pointwise_block block;
    while (groups > 0) {
        const int32_t count = groups < SMG_GROUPS ? groups : SMG_GROUPS;
        uint32_t *end = activations + count * SMG_GROUP_WORDS;
        smg_pointwise_expand(x, activations, count);
        block.end = block.tail_end = end;
        block.odd = count % 2;
        x += 4 * count * SMG_IN_C;
#if SMG_TAIL == 1
        if (count == groups) smg_pointwise_expand_pixel(x, end);
#elif SMG_TAIL > 1
        if (count == groups) {
            smg_pointwise_expand(x - (4 - SMG_TAIL) * SMG_IN_C, end, 1);
            block.tail_end = end + SMG_GROUP_WORDS;
        }
#endif
        smg_pointwise_unpacked_pairs(activations, y, stream, &block, unpacked,
                                     count == groups ? y + 4 * count * SMG_OUT_C : 0);
        y += 4 * count * SMG_OUT_C;
        groups -= count;
    }
}
#endif
