/* SPDX-License-Identifier: Apache-2.0 */
/* Products of rows of inputs with rows of weights in plain C: SMG_ROWS rows by SMG_CHANNELS output channels at a time,
 * so that each byte loaded takes part in several products and every sum stays in a register. An instance fixes
 * SMG_INPUTS, the inputs of a row, SMG_UNROLL, which divides them, and what smg_high_requantize.h needs.
 *
 * b holds for each block of channels their starting sums, then mult, addend and shift of each; w (blocks, inputs,
 * channels). The last block of rows, and of channels, begins early where there is no whole block left: it repeats. */
#ifndef SMG_BLOCKED_ROWS_INC_H
#define SMG_BLOCKED_ROWS_INC_H
#include "smg_high_requantize.h"
#include "smg_small.h"
#include "smg_whole.h"
#include <stdint.h>

typedef struct {
    int32_t bias[SMG_CHANNELS];
    struct {
        int32_t mult, addend, shift;
    } out[SMG_CHANNELS];
} smg_blocked_channels;

/* sums += products of all inputs. Unsigned: they wrap as int32 accumulators do. */
SMG_INLINE void smg_blocked_sums(uint32_t sums[SMG_ROWS][SMG_CHANNELS], const int8_t *x /* (rows, inputs) */,
                                 const int8_t *w /* (inputs, channels) */) {
    const int8_t *const end = x + SMG_INPUTS;
    SMG_ROLLED
    do {
        SMG_WHOLE
        for (int32_t k = 0; k < SMG_UNROLL; k++) {
            int32_t weight[SMG_CHANNELS], value = x[k];
            SMG_HERE(value);
            SMG_WHOLE
            for (int32_t c = 0; c < SMG_CHANNELS; c++) {
                weight[c] = w[k * SMG_CHANNELS + c];
                SMG_HERE(weight[c]);
            }
            SMG_WHOLE
            for (int32_t r = 0; r < SMG_ROWS; r++) {
                int32_t next = 0; /* loaded before the products that precede its own: cores stall on a late load */
                if (r + 1 < SMG_ROWS) {
                    next = x[(r + 1) * SMG_INPUTS + k];
                    SMG_HERE(next);
                }
                SMG_WHOLE
                for (int32_t c = 0; c < SMG_CHANNELS; c++) {
                    sums[r][c] += (uint32_t)(value * weight[c]);
                    SMG_HERE(sums[r][c]);
                }
                value = next;
            }
        }
        x += SMG_UNROLL;
        w += SMG_UNROLL * SMG_CHANNELS;
    } while (x != end);
}

/* One block of outputs. */
SMG_INLINE void smg_blocked_block(const int8_t *x, const int8_t *w, const smg_blocked_channels *b, int8_t *y,
                                  int32_t out_c) {
    uint32_t sums[SMG_ROWS][SMG_CHANNELS];
    SMG_WHOLE
    for (int32_t r = 0; r < SMG_ROWS; r++) {
        SMG_WHOLE
        for (int32_t c = 0; c < SMG_CHANNELS; c++) sums[r][c] = (uint32_t)b->bias[c];
    }
    smg_blocked_sums(sums, x, w);
    SMG_WHOLE
    for (int32_t c = 0; c < SMG_CHANNELS; c++) {
        const int32_t mult = b->out[c].mult, addend = b->out[c].addend, shift = b->out[c].shift;
        SMG_WHOLE
        for (int32_t r = 0; r < SMG_ROWS; r++) {
            y[r * out_c + c] = smg_requantize_high(sums[r][c], mult, addend, shift);
        }
    }
}

/* All outputs of SMG_ROWS rows. */
SMG_INLINE void smg_blocked_rows(const int8_t *x, const int8_t *w, const int32_t *b, int8_t *y, int32_t out_c,
                                 void *scratch) {
    const smg_blocked_channels *channels = (const void *)b;
    (void)scratch;
    SMG_ROLLED
    for (int32_t o = 0; o < out_c; o += SMG_CHANNELS) {
        const int32_t first = o > out_c - SMG_CHANNELS ? out_c - SMG_CHANNELS : o;
        smg_blocked_block(x, w, channels++, y + first, out_c);
        w += SMG_INPUTS * SMG_CHANNELS;
    }
}
#endif
