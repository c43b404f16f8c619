/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_float.h"
#include "smg_pool_window.h"

smg_pool_f32_kernel smg_avgpool_f32_scalar;

/* The mean of a window's elements inside the input: their sum by rows and columns, then one division. */
SMG_INLINE float average(const smg_pool_f32_params *p, const float *x, smg_span rows, smg_span cols) {
    const int32_t count = (rows.end - rows.first) * (cols.end - cols.first);
    float sum = 0.0f;
    for (int32_t iy = rows.first; iy < rows.end; iy++) {
        for (int32_t ix = cols.first; ix < cols.end; ix++) sum = sum + x[(iy * p->in_w + ix) * p->in_c];
    }
    return sum / (float)(p->divisor ? p->divisor : count);
}

/* Any shape, any core: outputs in memory order. */
void smg_avgpool_f32_scalar(const smg_pool_f32_params *p, const float *x, float *y, void *scratch) {
    (void)scratch;
    for (int32_t n = 0; n < p->batch; n++, x += p->in_h * p->in_w * p->in_c) {
        for (int32_t oy = 0; oy < p->out_h; oy++) {
            const smg_span rows = smg_pool_span(oy, p->stride_h, p->pad_t, p->k_h, p->in_h);
            for (int32_t ox = 0; ox < p->out_w; ox++) {
                const smg_span cols = smg_pool_span(ox, p->stride_w, p->pad_l, p->k_w, p->in_w);
                for (int32_t c = 0; c < p->in_c; c++) {
                    *y++ = smg_clip(average(p, x + c, rows, cols), p->act_min, p->act_max);
                }
            }
        }
    }
}
