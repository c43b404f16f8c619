/* SPDX-License-Identifier: Apache-2.0 */
/* Two products in one multiplication: with the weights of two channels in a word, 2^16 * second + first, a raw input
 * byte times the word is both products, 16 bits apart. Sums of them stay apart too while the first channel's lies in
 * -2^15 .. 2^15 - 1: then the word + 2^15, shifted right by 16, is the second channel's sum. Blocks of SMG_ROWS rows by
 * SMG_PAIRS pairs of channels add up chunks so short that this holds for any input (pairs.py proves it), the second
 * channel's sum and that of the whole words. The first channel's is what is left of the words' at the end.
 *
 * b holds for each block the starting sums of each pair (second channel's, words'), chunks: a number of steps, then for
 * each of their SMG_UNROLL inputs a word a pair; 0; mult, addend and shift of each channel. The last block of rows, and
 * of channels, begins early where there is no whole block left: it repeats. */
#ifndef SMG_BLOCKED_PAIRS_INC_H
#define SMG_BLOCKED_PAIRS_INC_H
#include "smg_high_requantize.h"
#include "smg_small.h"
#include <stdint.h>

#define SMG_VALUES SMG_ROWS
#define SMG_WORDS SMG_PAIRS
#define SMG_VALUE_AT(value, k) ((value) * SMG_INPUTS + (k))
#include "smg_blocked_lanes.inc.h"

/* One block of outputs; where the next block begins. */
SMG_INLINE const int32_t *smg_pairs_block(const int8_t *x, const int32_t *b, int8_t *y, int32_t out_c) {
    uint32_t second[SMG_ROWS][SMG_PAIRS], words[SMG_ROWS][SMG_PAIRS];
    SMG_WHOLE
    for (int32_t r = 0; r < SMG_ROWS; r++) {
        SMG_WHOLE
        for (int32_t i = 0; i < SMG_PAIRS; i++) {
            second[r][i] = (uint32_t)b[2 * i];
            words[r][i] = (uint32_t)b[2 * i + 1];
        }
    }
    b += 2 * SMG_PAIRS;
    SMG_ROLLED
    for (int32_t steps = *b++; steps != 0; steps = *b++) {
        uint32_t lanes[SMG_ROWS][SMG_PAIRS];
        smg_lanes_step(1, lanes, x, b);
        SMG_ROLLED
        while (--steps) {
            x += SMG_UNROLL;
            b += SMG_UNROLL * SMG_PAIRS;
            smg_lanes_step(0, lanes, x, b);
        }
        x += SMG_UNROLL;
        b += SMG_UNROLL * SMG_PAIRS;
        smg_lanes_end(lanes, second, words);
    }
    SMG_WHOLE
    for (int32_t c = 0; c < 2 * SMG_PAIRS; c++, b += 3) {
        const int32_t mult = b[0], addend = b[1], shift = b[2];
        SMG_WHOLE
        for (int32_t r = 0; r < SMG_ROWS; r++) {
            const uint32_t high = second[r][c / 2], sum = c % 2 ? high : words[r][c / 2] - (high << 16);
            y[r * out_c + c] = smg_requantize_high(sum, mult, addend, shift);
        }
    }
    return b;
}

/* All outputs of SMG_ROWS rows. */
SMG_INLINE void smg_blocked_rows(const int8_t *x, const int8_t *w, const int32_t *b, int8_t *y, int32_t out_c,
                                 void *scratch) {
    (void)w;
    (void)scratch;
    SMG_ROLLED
    for (int32_t o = 0; o < out_c; o += 2 * SMG_PAIRS) {
        const int32_t first = o > out_c - 2 * SMG_PAIRS ? out_c - 2 * SMG_PAIRS : o;
        b = smg_pairs_block(x, b, y + first, out_c);
    }
}
#endif
