/* SPDX-License-Identifier: Apache-2.0 */
/* The plain statement of a fully connected layer's arithmetic, shared by the two roundings. */
#ifndef SMG_FULLY_CONNECTED_SCALAR_INC_H
#define SMG_FULLY_CONNECTED_SCALAR_INC_H
#include "smg_kernels.h"
#include "smg_requantize.h"

/* Outputs in memory order: one dot product each. Unsigned because int32 accumulators wrap by definition. */
SMG_INLINE void smg_fully_connected_scalar(smg_rounding rounding, const smg_fully_connected_params *p,
                                           const int8_t *x,  /* (rows, in_c) */
                                           const int8_t *w,  /* (out_c, in_c) */
                                           const int32_t *b, /* (out_c) or null */
                                           int8_t *y) {      /* (rows, out_c) */
    for (int32_t r = 0; r < p->rows; r++, x += p->in_c) {
        const int8_t *wo = w; /* (in_c) of output o */
        for (int32_t o = 0; o < p->out_c; o++, wo += p->in_c) {
            uint32_t acc = b ? (uint32_t)b[o] : 0U;
            for (int32_t c = 0; c < p->in_c; c++) acc += (uint32_t)((x[c] + p->in_offset) * wo[c]);
            const int32_t channel = o * p->channel_step;
            *y++ = smg_output(rounding, (int32_t)acc, p->mult[channel], p->shift[channel], p->out_offset, p->act_min,
                              p->act_max);
        }
    }
}
#endif
