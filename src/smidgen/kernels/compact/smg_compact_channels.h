/* SPDX-License-Identifier: Apache-2.0 */
/* What the compact kernels share: numbers packed in words, and requantisation from eight bytes a channel. An instance
 * defines SMG_EVEN_TIES. Loops are kept as they are written: these kernels are for the least flash. */
#ifndef SMG_COMPACT_CHANNELS_H
#define SMG_COMPACT_CHANNELS_H
#include "smg_dsp.h"
#include "smg_kernels.h"
#include "smg_memory.h"
#include "smg_small.h"

#define SMG_OUTLINE static __attribute__((noinline))

SMG_INLINE int32_t smg_low(int32_t word) { return (int16_t)word; }
SMG_INLINE int32_t smg_high(int32_t word) { return word >> 16; }
SMG_INLINE int32_t smg_byte(int32_t word, int32_t i) { return (int8_t)(word >> (8 * i)); }

/* What all outputs share, in locals: a store of an int8 may alias parameters behind a pointer. */
typedef struct {
    int32_t shift, offset, lo, hi;
} smg_compact_range;

SMG_INLINE smg_compact_range smg_compact_range_of(const smg_compact_params *p) {
    const smg_compact_range r = {smg_byte(p->record, 0), smg_byte(p->range, 1), smg_byte(p->range, 2),
                                 smg_byte(p->range, 3)};
    return r;
}

/* Words of multipliers: one a channel, or one. */
SMG_INLINE int32_t smg_compact_words(const smg_compact_params *p) {
    return p->record & 1 << 15 ? smg_high(p->channels) : 1;
}

/* Where a layer's biases are: after its words, 1 to 4 bytes each. */
typedef struct {
    const int8_t *end; /* of the first channel's, at least four bytes into b */
    int32_t size, unused_bits;
} smg_compact_biases;

SMG_INLINE smg_compact_biases smg_compact_biases_of(const smg_compact_params *p, const int32_t *b) {
    const int32_t size = p->record >> 8 & 7;
    const smg_compact_biases r = {(const int8_t *)(b + smg_compact_words(p)) + size, size, 32 - 8 * size};
    return r;
}

/* Channel c's bias. The bytes before it are of its table or of the words. */
SMG_INLINE int32_t smg_compact_bias(smg_compact_biases r, int32_t c) {
    return (int32_t)smg_load32(r.end + c * r.size - 4) >> r.unused_bits;
}

/* The output of an accumulator: word has 28 bits of multiplier below an implied one, and what to add to the layer's
 * least shift. No sum overflows: |acc| < 2^30, shift <= 22. */
SMG_INLINE int8_t smg_compact_output(smg_compact_range r, int32_t acc, uint32_t word) {
    const int32_t shift = r.shift + (int32_t)(word >> 28), half = 1 << (shift - 1);
    const int32_t mult = (int32_t)(word << 4 >> 2 | 1U << 30), acc2 = (int32_t)((uint32_t)acc * 2U);
#if SMG_EVEN_TIES
    const int32_t high = (int32_t)(((int64_t)acc2 * mult) >> 32) + half;
#else
    const int32_t high = smg_smmlar(acc2, mult, half + (acc >> 31));
#endif
    return (int8_t)smg_clamp((high >> shift) + r.offset, r.lo, r.hi);
}
#endif
