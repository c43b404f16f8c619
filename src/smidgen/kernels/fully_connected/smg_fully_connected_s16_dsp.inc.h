/* SPDX-License-Identifier: Apache-2.0 */
/* Fully connected layer of int16 on the DSP extension: four outputs at a time share the input.
 * The record folds the input's zero point into the bias, packs weights as smg_products16.h wants them, (out_c / 4,
 * inputs / 8, 2, 4 outputs, 4), zeros past the ends, and b as smg_channel, rounded up to 4; and says how wide sums are.
 */
#include "smg_kernels.h"
#include "smg_products16.h"

smg_fully_connected_s16_kernel SMG_FUNCTION;

typedef SMG_INT(SMG_IN_BITS) in_t;
typedef SMG_INT(SMG_OUT_BITS) out_t;

/* Rows one by one; weights are read once a row, in order. scratch: a row as int16, unless it can be read in place. */
void SMG_FUNCTION(const smg_fully_connected_params *p, const void *x /* (rows, in_c) */, const int8_t *w,
                  const int32_t *b, void *y /* (rows, out_c) */, void *scratch) {
    const smg_range range = smg_output_range(p->out_offset, p->act_min, p->act_max);
    const int32_t eights = (p->in_c + 7) / 8;
    const in_t *from = x;
    out_t *to = y;
    for (int32_t r = p->rows; r > 0; r--, from += p->in_c) {
        const int16_t *row = SMG_FOR(smg_row, SMG_IN_BITS)(from, p->in_c, scratch);
        const int8_t *wo = w;
        const int32_t *bo = b;
        for (int32_t left = p->out_c; left > 0; left -= 4, wo += 32 * eights) {
            const smg_sums start = {bo[0], bo[SMG_CHANNEL_WORDS], bo[2 * SMG_CHANNEL_WORDS], bo[3 * SMG_CHANNEL_WORDS]};
            const SMG_FOR(smg_sums, SMG_SUM_BITS) s = SMG_FOR(smg_one_row, SMG_SUM_BITS)(start, row, wo, eights);
            const SMG_INT(SMG_SUM_BITS) sums[4] = {s.a, s.b, s.c, s.d};
            for (int32_t i = 0; i < 4; i++, bo += SMG_CHANNEL_WORDS) {
                if (i < left) *to++ = (out_t)SMG_FOR(smg_output, SMG_OUTPUT)(sums[i], bo, range);
            }
        }
    }
}
