/* SPDX-License-Identifier: Apache-2.0 */
/* Fully connected rows by four-bit weights, in the plainest form. An instance defines SMG_GROUP and SMG_EVEN_TIES. */
#include "smg_four_bit_weights.h"
#include "smg_kernels.h"

smg_fully_connected_kernel SMG_FUNCTION;

/* Outputs in memory order: one dot product each. b: (out_c) or null. */
void SMG_FUNCTION(const smg_fully_connected_params *p, const int8_t *x /* (rows, in_c) */,
                  const int8_t *w /* (out_c) rows of (in_c), see smg_four_bit_weights.h */, const int32_t *b,
                  int8_t *y /* (rows, out_c) */, void *scratch) {
    (void)scratch;
    for (int32_t r = 0; r < p->rows; r++, x += p->in_c) {
        for (int32_t o = 0; o < p->out_c; o++) {
            const smg_four_bit_row row = smg_four_bit_row_at(w, p->out_c, p->in_c, o);
            const int32_t channel = o * p->channel_step;
            uint32_t acc = b ? (uint32_t)b[o] : 0U;
            for (int32_t c = 0; c < p->in_c; c++) {
                acc += (uint32_t)((x[c] + p->in_offset) * smg_four_bit_weight(row, c));
            }
            *y++ = smg_output((smg_rounding)SMG_EVEN_TIES, (int32_t)acc, p->mult[channel], p->shift[channel],
                              p->out_offset, p->act_min, p->act_max);
        }
    }
}
