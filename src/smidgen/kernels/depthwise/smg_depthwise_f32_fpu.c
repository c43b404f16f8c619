/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_f32_block.h"
#include "smg_f32_window.h"
#include "smg_kernels.h"

smg_depthwise_f32_kernel smg_depthwise_f32_fpu;

/* Where the first tap of a window is in x and in w, and how many there are. */
typedef struct {
    const float *x, *w;
    int32_t rows, cols;
} place;

/* Four channels of four pixels ``step`` inputs apart, whose windows lie inside at the same taps. */
SMG_INLINE smg_block block_window(const smg_depthwise_f32_params *p, smg_block acc, place at, int32_t step) {
    const int32_t channels = p->in_c;
    if (at.cols == 0) return acc;
    for (; at.rows > 0; at.rows--, at.x += p->dilation_h * p->in_w * channels, at.w += p->k_w * channels) {
        acc = smg_block_taps(acc, at.x, step, p->dilation_w * channels, at.w, channels, at.cols);
    }
    return acc;
}

SMG_INLINE smg_quad pixel_window(const smg_depthwise_f32_params *p, smg_quad acc, place at) {
    const int32_t channels = p->in_c, tap = p->dilation_w * channels;
    for (; at.rows > 0; at.rows--, at.x += p->dilation_h * p->in_w * channels, at.w += p->k_w * channels) {
        const float *x = at.x, *w = at.w;
        for (int32_t k = at.cols; k > 0; k--, w += channels, x += tap) {
            acc = smg_quad_add_products(acc, smg_quad_load(x), smg_quad_load(w));
        }
    }
    return acc;
}

/* Output pixels in lines, along columns or rows of the image: four at a time where all their windows lie inside along
 * the line, else one by one; of each, four channels at a time, the last four overlapping those before if need be.
 * Taps outside the input are left out. */
void smg_depthwise_f32_fpu(const smg_depthwise_f32_params *p, const float *x /* (batch, in_h, in_w, in_c) */,
                           const float *w /* (k_h, k_w, in_c) */, const float *b /* (in_c) */,
                           float *y /* (batch, out_h, out_w, in_c) */, void *scratch) {
    (void)scratch;
    const smg_axes a = SMG_AXES(p);
    const smg_axis line = p->by_columns ? a.rows : a.cols, across = p->by_columns ? a.cols : a.rows;
    const float lo = p->act_min, hi = p->act_max;
    const int32_t x_step = line.stride * line.x_step, last = p->in_c - 4;
    for (int32_t n = 0; n < p->batch; n++, x += p->in_h * a.rows.x_step, y += p->out_h * a.rows.y_step) {
        for (int32_t i = 0; i < across.out; i++) {
            const smg_taps taps_across = smg_taps_at(&across, i);
            for (int32_t j = 0; j < line.out;) {
                const smg_taps along = smg_taps_at(&line, j);
                const smg_taps rows = p->by_columns ? along : taps_across, cols = p->by_columns ? taps_across : along;
                const float *xi = x + smg_first_input(&a.rows, rows) + smg_first_input(&a.cols, cols);
                const float *wi = w + (rows.first * p->k_w + cols.first) * p->in_c;
                float *yi = y + i * across.y_step + j * line.y_step;
                const int32_t four = smg_all_inside(&line, j, 4);
                for (int32_t c = 0;; c = c + 4 < last ? c + 4 : last) {
                    const place at = {xi + c, wi + c, rows.end - rows.first, cols.end - cols.first};
                    const smg_quad bias = smg_quad_load(b + c);
                    if (four) {
                        const smg_block start = {bias, bias, bias, bias}, sums = block_window(p, start, at, x_step);
                        smg_block_store(yi + c, line.y_step, smg_block_clip(sums, lo, hi), 4);
                    } else {
                        smg_quad_store(yi + c, smg_quad_clip(pixel_window(p, bias, at), lo, hi), 4);
                    }
                    if (c == last) break;
                }
                j += four ? 4 : 1;
            }
        }
    }
}
