/* SPDX-License-Identifier: Apache-2.0 */
/* Fully connected layer on the DSP extension: four outputs at a time share the expanded input.
 * The record folds the input's zero point into the bias; packs weights as (out_c / 4, groups of 4 inputs, 4 outputs, 4)
 * and the bias to a multiple of 4, zeros past the ends; and proves that accumulators fit. */
#ifndef SMG_FULLY_CONNECTED_DSP_INC_H
#define SMG_FULLY_CONNECTED_DSP_INC_H
#include "smg_dsp_requantize.h"
#include "smg_expand.h"
#include "smg_kernels.h"

/* acc += w . x over a group of four. */
SMG_INLINE int32_t smg_dot4(const int8_t *w, uint32_t even, uint32_t odd, int32_t acc) {
    const uint32_t v = smg_load32(w);
    return smg_smlad(smg_sxtb16_odd(v), odd, smg_smlad(smg_sxtb16(v), even, acc));
}

/* Output o, where there is one: the packed weights may have rows past the last. */
SMG_INLINE void smg_fully_connected_finish(smg_rounding rounding, const smg_fully_connected_params *p, int32_t acc,
                                           int32_t o, int8_t *y) {
    const int32_t channel = o * p->channel_step;
    if (o >= p->out_c) return;
    y[o] = smg_dsp_output(rounding, acc, p->mult[channel], p->shift[channel], p->out_offset, p->act_min, p->act_max);
}

/* Rows one by one; weights are read once a row, in order. scratch: a row as int16 lanes. */
SMG_INLINE void smg_fully_connected_dsp(smg_rounding rounding, const smg_fully_connected_params *p,
                                        const int8_t *x,  /* (rows, in_c) */
                                        const int8_t *w,  /* packed, see above */
                                        const int32_t *b, /* (out_c rounded up to 4) */
                                        int8_t *y,        /* (rows, out_c) */
                                        uint32_t *scratch) {
    const int32_t groups = (p->in_c + 3) / 4;
    for (int32_t r = 0; r < p->rows; r++, x += p->in_c, y += p->out_c) {
        const int8_t *wo = w;
        smg_expand(scratch, 2, x, p->in_c);
        for (int32_t o = 0; o < p->out_c; o += 4) {
            const uint32_t *lanes = scratch; /* (groups, 2) */
            int32_t a0 = b[o], a1 = b[o + 1], a2 = b[o + 2], a3 = b[o + 3];
            for (int32_t left = groups; left > 0; left--, lanes += 2, wo += 16) {
                const uint32_t even = lanes[0], odd = lanes[1];
                a0 = smg_dot4(wo, even, odd, a0);
                a1 = smg_dot4(wo + 4, even, odd, a1);
                a2 = smg_dot4(wo + 8, even, odd, a2);
                a3 = smg_dot4(wo + 12, even, odd, a3);
            }
            smg_fully_connected_finish(rounding, p, a0, o, y);
            smg_fully_connected_finish(rounding, p, a1, o + 1, y);
            smg_fully_connected_finish(rounding, p, a2, o + 2, y);
            smg_fully_connected_finish(rounding, p, a3, o + 3, y);
        }
    }
}
#endif
