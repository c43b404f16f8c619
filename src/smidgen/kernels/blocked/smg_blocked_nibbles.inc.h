/* SPDX-License-Identifier: Apache-2.0 */
/* Two products in one multiplication, as in smg_blocked_pairs.inc.h, of weights that lie in flash as four bits each:
 * a word holds those of two channels and four inputs, w + 8 each, one channel's in its lower half. Two instructions
 * and a shift make 2^16 * second + first of them. Weights so small let lanes take the sums of 31 inputs or more.
 *
 * b holds for each block the starting sums of each pair (second channel's, words'), chunks: a number of steps, then for
 * each step, of four inputs, a word a pair; 0; the inputs that are left, if any, in a chunk of one step; mult, addend
 * and shift of each channel. With SMG_GROUPED chunks do not cross groups, and a chunk begins with a word a pair:
 * 2^16 * steps + 2^8 * factor of the second channel + factor of the first; starting sums are the channels' own. The
 * last block of rows, and of channels, begins early where there is no whole block left: it repeats. */
#ifndef SMG_BLOCKED_NIBBLES_INC_H
#define SMG_BLOCKED_NIBBLES_INC_H
#include "smg_high_requantize.h"
#include "smg_small.h"
#include "smg_whole.h"
#include <stdint.h>

#define SMG_LANE_START (1U << 15) /* so that an arithmetic shift by 16 leaves the second sum, whatever the first */
#define SMG_INPUTS_LEFT (SMG_INPUTS % 4)
#define SMG_HEAD_WORDS (SMG_GROUPED ? SMG_PAIRS : 1)

/* lanes, or where they begin, plus products of count inputs, 4 or fewer. */
SMG_INLINE void smg_nibbles_step(int begin, uint32_t lanes[SMG_ROWS][SMG_PAIRS], const int8_t *x, const int32_t *b,
                                 int32_t count) {
    uint32_t four[SMG_PAIRS];
    SMG_WHOLE
    for (int32_t i = 0; i < SMG_PAIRS; i++) four[i] = (uint32_t)b[i];
    SMG_WHOLE
    for (int32_t k = 0; k < count; k++) {
        int32_t values[SMG_ROWS];
        SMG_WHOLE
        for (int32_t r = 0; r < SMG_ROWS; r++) {
            values[r] = x[r * SMG_INPUTS + k];
            SMG_HERE(values[r]);
        }
        SMG_WHOLE
        for (int32_t i = 0; i < SMG_PAIRS; i++) {
            uint32_t word = ((four[i] >> (4 * k)) & 0x000F000FU) - 0x00080008U;
            SMG_HERE(word);
            SMG_WHOLE
            for (int32_t r = 0; r < SMG_ROWS; r++) {
                lanes[r][i] = (begin && k == 0 ? SMG_LANE_START : lanes[r][i]) + (uint32_t)values[r] * word;
                SMG_HERE(lanes[r][i]);
            }
        }
    }
}

/* A chunk's sums to the totals: the second channels' and the words', or with factors the second and first channels'. */
SMG_INLINE void smg_nibbles_end(const uint32_t lanes[SMG_ROWS][SMG_PAIRS], const int32_t *head,
                                uint32_t second[SMG_ROWS][SMG_PAIRS], uint32_t words[SMG_ROWS][SMG_PAIRS]) {
    SMG_WHOLE
    for (int32_t i = 0; i < SMG_PAIRS; i++) {
        const uint32_t factors = SMG_GROUPED ? (uint32_t)head[i] : 0;
        SMG_WHOLE
        for (int32_t r = 0; r < SMG_ROWS; r++) {
            const uint32_t high = (uint32_t)((int32_t)lanes[r][i] >> 16);
            if (SMG_GROUPED) {
                second[r][i] += high * (factors >> 8 & 255);
                words[r][i] += (lanes[r][i] - (high << 16) - SMG_LANE_START) * (factors & 255);
            } else {
                second[r][i] += high;
                words[r][i] += lanes[r][i];
            }
        }
    }
}

/* One block of outputs; where the next block begins. */
SMG_INLINE const int32_t *smg_nibbles_block(const int8_t *x, const int32_t *b, int8_t *y, int32_t out_c) {
    uint32_t second[SMG_ROWS][SMG_PAIRS], words[SMG_ROWS][SMG_PAIRS], lanes[SMG_ROWS][SMG_PAIRS];
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
    while (*b != 0) {
        const int32_t *const head = b;
        int32_t steps = SMG_GROUPED ? *b >> 16 : *b;
        b += SMG_HEAD_WORDS;
        smg_nibbles_step(1, lanes, x, b, 4);
        SMG_ROLLED
        while (--steps) {
            x += 4;
            b += SMG_PAIRS;
            smg_nibbles_step(0, lanes, x, b, 4);
        }
        x += 4;
        b += SMG_PAIRS;
        smg_nibbles_end(lanes, head, second, words);
    }
    b++;
    if (SMG_INPUTS_LEFT) {
        const int32_t *const head = b;
        b += SMG_GROUPED * SMG_PAIRS;
        smg_nibbles_step(1, lanes, x, b, SMG_INPUTS_LEFT);
        b += SMG_PAIRS;
        smg_nibbles_end(lanes, head, second, words);
    }
    SMG_WHOLE
    for (int32_t c = 0; c < 2 * SMG_PAIRS; c++, b += 3) {
        const int32_t mult = b[0], addend = b[1], shift = b[2];
        SMG_WHOLE
        for (int32_t r = 0; r < SMG_ROWS; r++) {
            const uint32_t high = second[r][c / 2], word = words[r][c / 2];
            const uint32_t sum = c % 2 ? high : SMG_GROUPED ? word : word - (high << 16);
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
        b = smg_nibbles_block(x, b, y + first, out_c);
    }
}
#endif
