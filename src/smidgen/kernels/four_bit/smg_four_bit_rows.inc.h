/* SPDX-License-Identifier: Apache-2.0 */
/* Fully connected rows by four-bit weights: output by output, whose weights are unpacked first. Before it, a file
 * defines output_of: from an accumulator, mult and shift to an output. */
#include "smg_four_bit_weights.h"
#include "smg_kernels.h"

/* scratch: an output's weights as bytes. */
SMG_INLINE void four_bit_rows(const smg_fully_connected_params *p, const in_t *x /* (rows, in_c) */,
                              const int8_t *w /* (out_c) rows of (in_c) */, const int32_t *b /* (out_c) or null */,
                              out_t *y /* (rows, out_c) */, int8_t *scratch) {
    for (int32_t o = 0; o < p->out_c; o++) {
        const int32_t channel = o * p->channel_step;
        const in_t *row = x;
        smg_four_bit_unpack_row(scratch, w, p->out_c, p->in_c, o);
        for (int32_t r = 0; r < p->rows; r++, row += p->in_c) {
            sum_t acc = b ? b[o] : 0;
            for (int32_t c = 0; c < p->in_c; c++) acc += (row[c] + p->in_offset) * scratch[c];
            y[r * p->out_c + o] =
                output_of(acc, p->mult[channel], p->shift[channel], p->out_offset, p->act_min, p->act_max);
        }
    }
}
