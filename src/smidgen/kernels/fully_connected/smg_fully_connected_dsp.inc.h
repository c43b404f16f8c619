/* SPDX-License-Identifier: Apache-2.0 */
/* Fully connected layer on the DSP extension: four outputs at a time share the expanded input.
 * The record folds the input's zero point into the bias; packs weights as (out_c / 4, inputs / 4, 4 outputs, 4),
 * inputs rounded up to 8, zeros past the ends, and b as smg_channel, also rounded up to 4; and proves that
 * accumulators fit. */
#ifndef SMG_FULLY_CONNECTED_DSP_INC_H
#define SMG_FULLY_CONNECTED_DSP_INC_H
#include "smg_dsp_products.h"
#include "smg_dsp_requantize.h"
#include "smg_expand.h"
#include "smg_kernels.h"

/* Rows one by one; weights are read once a row, in order. scratch: a row as int16 lanes (eights, 2, even, odd). */
SMG_INLINE void smg_fully_connected_dsp(smg_rounding rounding, const smg_fully_connected_params *p,
                                        const int8_t *x,  /* (rows, in_c) */
                                        const int8_t *w,  /* packed, see above */
                                        const int32_t *b, /* (out_c rounded up to 4) smg_channel */
                                        int8_t *y,        /* (rows, out_c) */
                                        uint32_t *scratch) {
    const smg_range range = smg_output_range(p->out_offset, p->act_min, p->act_max);
    const int32_t in_c = p->in_c, out_c = p->out_c, eights = (in_c + 7) / 8;
    for (int32_t r = p->rows; r > 0; r--, x += in_c, y += out_c) {
        const int8_t *wo = w;
        const int32_t *bo = b;
        smg_expand(scratch, 2, 1, x, in_c);
        for (int32_t o = 0; o < out_c; o += 4, wo += 32 * eights) {
            const smg_sums start = {bo[0], bo[SMG_CHANNEL_WORDS], bo[2 * SMG_CHANNEL_WORDS], bo[3 * SMG_CHANNEL_WORDS]};
            const smg_sums s = smg_one_by_four(start, scratch, wo, eights);
            const int32_t sums[4] = {s.a, s.b, s.c, s.d};
            for (int32_t i = 0; i < 4; i++, bo += SMG_CHANNEL_WORDS) {
                if (o + i < out_c) y[o + i] = smg_dsp_output(rounding, sums[i], smg_load_channel(bo), range);
            }
        }
    }
}
#endif
