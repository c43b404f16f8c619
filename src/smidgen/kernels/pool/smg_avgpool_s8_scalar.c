/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_pool_window.h"
#include "smg_small.h"

smg_pool_kernel smg_avgpool_s8_scalar;

/* The mean of a window's elements inside the input, halves away from zero. */
SMG_INLINE int32_t average(const smg_pool_params *p, const int8_t *x, smg_span rows, smg_span cols) {
    const int32_t count = (rows.end - rows.first) * (cols.end - cols.first);
    int32_t sum = 0;
    for (int32_t iy = rows.first; iy < rows.end; iy++) {
        SMG_ROLLED
        for (int32_t ix = cols.first; ix < cols.end; ix++) sum += x[(iy * p->in_w + ix) * p->in_c];
    }
    return (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
}

/* Any shape, any core: outputs in memory order. */
SMG_SMALL void smg_avgpool_s8_scalar(const smg_pool_params *p, const int8_t *x, int8_t *y, void *scratch) {
    (void)scratch;
    for (int32_t n = 0; n < p->batch; n++, x += p->in_h * p->in_w * p->in_c) {
        for (int32_t oy = 0; oy < p->out_h; oy++) {
            const smg_span rows = smg_pool_span(oy, p->stride_h, p->pad_t, p->k_h, p->in_h);
            for (int32_t ox = 0; ox < p->out_w; ox++) {
                const smg_span cols = smg_pool_span(ox, p->stride_w, p->pad_l, p->k_w, p->in_w);
                for (int32_t c = 0; c < p->in_c; c++) {
                    *y++ = (int8_t)smg_clamp(average(p, x + c, rows, cols), p->act_min, p->act_max);
                }
            }
        }
    }
}
