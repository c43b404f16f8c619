/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_pool_window.h"

smg_avgpoolrne_kernel smg_avgpool_s8rne_scalar;

SMG_INLINE int32_t sum_of(const smg_avgpoolrne_params *p, const int8_t *x, smg_span rows, smg_span cols) {
    int32_t sum = 0;
    for (int32_t iy = rows.first; iy < rows.end; iy++) {
        for (int32_t ix = cols.first; ix < cols.end; ix++) sum += x[(iy * p->in_w + ix) * p->in_c] + p->in_offset;
    }
    return sum;
}

/* Any shape, any core: outputs in memory order; the multiplier holds the division by the number of elements. */
void smg_avgpool_s8rne_scalar(const smg_avgpoolrne_params *p, const int8_t *x, int8_t *y, void *scratch) {
    (void)scratch;
    for (int32_t n = 0; n < p->batch; n++, x += p->in_h * p->in_w * p->in_c) {
        for (int32_t oy = 0; oy < p->out_h; oy++) {
            const smg_span rows = smg_pool_span(oy, p->stride_h, p->pad_t, p->k_h, p->in_h);
            for (int32_t ox = 0; ox < p->out_w; ox++) {
                const smg_span cols = smg_pool_span(ox, p->stride_w, p->pad_l, p->k_w, p->in_w);
                const int32_t count = (rows.end - rows.first) * (cols.end - cols.first);
                const int32_t i = smg_pool_divisor(p, count);
                for (int32_t c = 0; c < p->in_c; c++) {
                    *y++ = smg_output(SMG_EVEN, sum_of(p, x + c, rows, cols), p->mult[i], p->shift[i], p->out_offset,
                                      p->act_min, p->act_max);
                }
            }
        }
    }
}
