/* SPDX-License-Identifier: Apache-2.0 */
/* The plain statement of a fully connected layer's arithmetic with int16 activations. */
#include "smg_elements.h"
#include "smg_kernels.h"

smg_fully_connected_s16_kernel SMG_FUNCTION;

typedef SMG_INT(SMG_IN_BITS) in_t;
typedef SMG_INT(SMG_OUT_BITS) out_t;
typedef SMG_INT(SMG_SUM_BITS) sum_t;

/* Any shape, any core. Outputs in memory order: one dot product each. */
void SMG_FUNCTION(const smg_fully_connected_params *p, const void *x /* (rows, in_c) */,
                  const int8_t *w /* (out_c, in_c) */, const int32_t *b /* (out_c) or null */,
                  void *y /* (rows, out_c) */, void *scratch) {
    const in_t *row = x;
    out_t *to = y;
    (void)scratch;
    for (int32_t r = 0; r < p->rows; r++, row += p->in_c) {
        const int8_t *wo = w; /* (in_c) of output o */
        for (int32_t o = 0; o < p->out_c; o++, wo += p->in_c) {
            sum_t acc = b ? b[o] : 0;
            for (int32_t c = 0; c < p->in_c; c++) acc += (row[c] + p->in_offset) * wo[c];
            const int32_t channel = o * p->channel_step;
            const int32_t v = SMG_FOR(smg_requantize, SMG_SUM_BITS)(acc, p->mult[channel], p->shift[channel]);
            *to++ = (out_t)smg_finish(v, p->out_offset, p->act_min, p->act_max);
        }
    }
}
