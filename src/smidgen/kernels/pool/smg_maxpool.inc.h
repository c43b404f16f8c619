/* SPDX-License-Identifier: Apache-2.0 */
/* Maximum pooling of integers of the type SMG_ELEMENT, which the file that includes this defines. */
#include "smg_pool_window.h"

SMG_INLINE int32_t maximum(const smg_pool_params *p, const SMG_ELEMENT *x, smg_span rows, smg_span cols) {
    int32_t best = INT16_MIN;
    for (int32_t iy = rows.first; iy < rows.end; iy++) {
        for (int32_t ix = cols.first; ix < cols.end; ix++) {
            const int32_t v = x[(iy * p->in_w + ix) * p->in_c];
            if (v > best) best = v;
        }
    }
    return best;
}

/* Outputs in memory order, each the maximum of its window's elements inside the input; no window is empty. */
SMG_INLINE void maxpool(const smg_pool_params *p, const SMG_ELEMENT *x, SMG_ELEMENT *y) {
    for (int32_t n = 0; n < p->batch; n++, x += p->in_h * p->in_w * p->in_c) {
        for (int32_t oy = 0; oy < p->out_h; oy++) {
            const smg_span rows = smg_pool_span(oy, p->stride_h, p->pad_t, p->k_h, p->in_h);
            for (int32_t ox = 0; ox < p->out_w; ox++) {
                const smg_span cols = smg_pool_span(ox, p->stride_w, p->pad_l, p->k_w, p->in_w);
                for (int32_t c = 0; c < p->in_c; c++) {
                    *y++ = (SMG_ELEMENT)smg_clamp(maximum(p, x + c, rows, cols), p->act_min, p->act_max);
                }
            }
        }
    }
}
