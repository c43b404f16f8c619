/* SPDX-License-Identifier: Apache-2.0 */
/* Two products in one multiplication: with an input of two rows in a word, 2^16 * second + first, a weight times the
 * word is both products, 16 bits apart. Sums of them stay apart too while the first row's lies in -2^15 .. 2^15 - 1:
 * then the word + 2^15, shifted right by 16, is the second row's sum. Blocks of SMG_ROWS rows, two in a word, by
 * SMG_CHANNELS channels add up chunks so short that this holds for any input (row_pairs.py proves it), the second
 * row's sum and that of the whole words. The first row's is what is left of the words' at the end.
 *
 * The words of a block of rows are made once, in scratch. w (blocks, padded inputs, channels). b holds for each block
 * the starting sums of each channel (second row's, words'), the numbers of steps of SMG_UNROLL inputs of its chunks, 0,
 * and mult, addend and shift of each channel. The last block of rows, and of channels, begins early where there is no
 * whole block left: it repeats. */
#ifndef SMG_BLOCKED_ROW_PAIRS_INC_H
#define SMG_BLOCKED_ROW_PAIRS_INC_H
#include "smg_high_requantize.h"
#include "smg_small.h"
#include <stdint.h>

#define SMG_VALUES SMG_CHANNELS
#define SMG_WORDS (SMG_ROWS / 2)
#define SMG_VALUE_AT(value, k) ((k) * SMG_CHANNELS + (value))
#include "smg_blocked_lanes.inc.h"

/* Inputs with those that meet no weight but 0: steps of two are the shortest that pay. */
#define SMG_PADDED (SMG_INPUTS + SMG_INPUTS % 2)

/* The rows' inputs in words. */
SMG_INLINE void smg_row_words(const int8_t *x /* (rows, inputs) */, int32_t *words /* (padded, row pairs) */) {
    SMG_ROLLED
    for (int32_t k = 0; k < SMG_INPUTS; k++, x++, words += SMG_WORDS) {
        SMG_WHOLE
        for (int32_t i = 0; i < SMG_WORDS; i++) {
            const uint32_t first = (uint32_t)x[2 * i * SMG_INPUTS], second = (uint32_t)x[(2 * i + 1) * SMG_INPUTS];
            words[i] = (int32_t)(first + (second << 16));
        }
    }
    SMG_WHOLE
    for (int32_t i = 0; i < (SMG_PADDED - SMG_INPUTS) * SMG_WORDS; i++) words[i] = 0;
}

/* One block of outputs; where the next block begins in b. */
SMG_INLINE const int32_t *smg_row_pairs_block(const int32_t *x, const int8_t *w, const int32_t *b, int8_t *y,
                                              int32_t out_c) {
    uint32_t second[SMG_CHANNELS][SMG_WORDS], both[SMG_CHANNELS][SMG_WORDS];
    SMG_WHOLE
    for (int32_t c = 0; c < SMG_CHANNELS; c++) {
        SMG_WHOLE
        for (int32_t i = 0; i < SMG_WORDS; i++) {
            second[c][i] = (uint32_t)b[2 * c];
            both[c][i] = (uint32_t)b[2 * c + 1];
        }
    }
    b += 2 * SMG_CHANNELS;
    SMG_ROLLED
    for (int32_t steps = *b++; steps != 0; steps = *b++) {
        uint32_t lanes[SMG_CHANNELS][SMG_WORDS];
        smg_lanes_step(1, lanes, w, x);
        SMG_ROLLED
        while (--steps) {
            x += SMG_UNROLL * SMG_WORDS;
            w += SMG_UNROLL * SMG_CHANNELS;
            smg_lanes_step(0, lanes, w, x);
        }
        x += SMG_UNROLL * SMG_WORDS;
        w += SMG_UNROLL * SMG_CHANNELS;
        smg_lanes_end(lanes, second, both);
    }
    SMG_WHOLE
    for (int32_t c = 0; c < SMG_CHANNELS; c++, b += 3) {
        const int32_t mult = b[0], addend = b[1], shift = b[2];
        SMG_WHOLE
        for (int32_t r = 0; r < SMG_ROWS; r++) {
            const uint32_t high = second[c][r / 2], sum = r % 2 ? high : both[c][r / 2] - (high << 16);
            y[r * out_c + c] = smg_requantize_high(sum, mult, addend, shift);
        }
    }
    return b;
}

/* All outputs of SMG_ROWS rows. */
SMG_INLINE void smg_blocked_rows(const int8_t *x, const int8_t *w, const int32_t *b, int8_t *y, int32_t out_c,
                                 void *scratch /* (padded, row pairs) words */) {
    int32_t *const words = scratch;
    smg_row_words(x, words);
    SMG_ROLLED
    for (int32_t o = 0; o < out_c; o += SMG_CHANNELS) {
        const int32_t first = o > out_c - SMG_CHANNELS ? out_c - SMG_CHANNELS : o;
        b = smg_row_pairs_block(words, w, b, y + first, out_c);
        w += SMG_PADDED * SMG_CHANNELS;
    }
}
#endif
