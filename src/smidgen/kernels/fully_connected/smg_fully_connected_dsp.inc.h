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
    const smg_byte_range range = smg_output_bytes(p->out_offset, p->act_min, p->act_max);
    const int32_t in_c = p->in_c, out_c = p->out_c, eights = (in_c + 7) / 8;
    for (int32_t r = p->rows; r > 0; r--, x += in_c, y += out_c) {
        const int8_t *wo = w;
        const int32_t *bo = b;
        smg_expand(scratch, 2, 1, x, in_c);
        for (int32_t o = 0; o < out_c; o += 4, wo += 32 * eights) {
            const smg_sums start = {bo[0], bo[SMG_CHANNEL_WORDS], bo[2 * SMG_CHANNEL_WORDS], bo[3 * SMG_CHANNEL_WORDS]};
            const smg_sums s = smg_one_by_four(start, scratch, wo, eights);
            const uint32_t b0 = smg_output_byte(rounding, s.a, bo, range.offset);
            const uint32_t b1 = smg_output_byte(rounding, s.b, bo + SMG_CHANNEL_WORDS, range.offset);
            const uint32_t b2 = smg_output_byte(rounding, s.c, bo + 2 * SMG_CHANNEL_WORDS, range.offset);
            const uint32_t b3 = smg_output_byte(rounding, s.d, bo + 3 * SMG_CHANNEL_WORDS, range.offset);
            uint32_t bytes = smg_clamp_bytes(b0, b1, b2, b3, range);
            bo += 4 * SMG_CHANNEL_WORDS;
            if (o + 4 <= out_c) {
                smg_store32(y + o, bytes);
            } else {
                for (int32_t i = o; i < out_c; i++, bytes >>= 8) y[i] = (int8_t)bytes;
            }
        }
    }
}
#endif
