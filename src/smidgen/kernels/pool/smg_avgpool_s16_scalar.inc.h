/* SPDX-License-Identifier: Apache-2.0 */
/* Average pooling with int16; the multiplier holds the division by the number of elements. */
#include "smg_elements.h"
#include "smg_pool_window.h"

smg_avgpool_s16_kernel SMG_FUNCTION;

typedef SMG_INT(SMG_IN_BITS) in_t;
typedef SMG_INT(SMG_OUT_BITS) out_t;
typedef SMG_INT(SMG_SUM_BITS) sum_t;

SMG_INLINE sum_t sum_of(const smg_avgpoolrne_params *p, const in_t *x, smg_span rows, smg_span cols) {
    sum_t sum = 0;
    for (int32_t iy = rows.first; iy < rows.end; iy++) {
        for (int32_t ix = cols.first; ix < cols.end; ix++) sum += x[(iy * p->in_w + ix) * p->in_c] + p->in_offset;
    }
    return sum;
}

/* Any shape, any core: outputs in memory order. */
void SMG_FUNCTION(const smg_avgpoolrne_params *p, const void *x /* (batch, in_h, in_w, in_c) */,
                  void *y /* (batch, out_h, out_w, in_c) */, void *scratch) {
    const in_t *image = x;
    out_t *to = y;
    (void)scratch;
    for (int32_t n = 0; n < p->batch; n++, image += p->in_h * p->in_w * p->in_c) {
        for (int32_t oy = 0; oy < p->out_h; oy++) {
            const smg_span rows = smg_pool_span(oy, p->stride_h, p->pad_t, p->k_h, p->in_h);
            for (int32_t ox = 0; ox < p->out_w; ox++) {
                const smg_span cols = smg_pool_span(ox, p->stride_w, p->pad_l, p->k_w, p->in_w);
                const int32_t i = smg_pool_divisor(p, (rows.end - rows.first) * (cols.end - cols.first));
                for (int32_t c = 0; c < p->in_c; c++) {
                    const sum_t sum = sum_of(p, image + c, rows, cols);
                    const int32_t v = SMG_FOR(smg_requantize, SMG_SUM_BITS)(sum, p->mult[i], p->shift[i]);
                    *to++ = (out_t)smg_finish(v, p->out_offset, p->act_min, p->act_max);
                }
            }
        }
    }
}
