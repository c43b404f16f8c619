/* SPDX-License-Identifier: Apache-2.0 */
/* The windows of a pool, in memory order. Whoever includes this defines SMG_PARAMS and smg_window. */
#include "smg_kernels.h"
#include "smg_rvv.h"

/* Where a window begins and how much of it lies inside the input, along one dimension. */
typedef struct {
    int32_t first, size;
} smg_rvv_part;

SMG_INLINE smg_rvv_part smg_rvv_inside(int32_t start, int32_t size, int32_t limit) {
    const int32_t first = start < 0 ? 0 : start, end = start + size < limit ? start + size : limit;
    const smg_rvv_part part = {first, end - first};
    return part;
}

/* All channels of the window of height by width pixels at x. */
SMG_INLINE void smg_window(const SMG_PARAMS *p, const int8_t *x, int32_t height, int32_t width, int8_t *y);

SMG_INLINE void smg_rvv_windows(const SMG_PARAMS *p, const int8_t *x, int8_t *y) {
    for (int32_t n = 0; n < p->batch; n++, x += p->in_h * p->in_w * p->in_c) {
        for (int32_t oy = 0; oy < p->out_h; oy++) {
            const smg_rvv_part rows = smg_rvv_inside(oy * p->stride_h - p->pad_t, p->k_h, p->in_h);
            for (int32_t ox = 0; ox < p->out_w; ox++, y += p->in_c) {
                const smg_rvv_part columns = smg_rvv_inside(ox * p->stride_w - p->pad_l, p->k_w, p->in_w);
                const int8_t *first = x + (rows.first * p->in_w + columns.first) * p->in_c;
                smg_window(p, first, rows.size, columns.size, y);
            }
        }
    }
}
