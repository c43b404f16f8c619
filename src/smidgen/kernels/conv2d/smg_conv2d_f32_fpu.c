/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_f32_block.h"
#include "smg_f32_window.h"
#include "smg_kernels.h"

smg_conv2d_f32_kernel smg_conv2d_f32_fpu;

/* The inputs of a window row that lie side by side, as many as possible in a run: (runs) of (length) elements. */
typedef struct {
    int32_t length, runs, x_step, w_step;
} window_row;

SMG_INLINE window_row window_row_of(const smg_conv2d_f32_params *p, smg_taps cols) {
    const int32_t taps = cols.end - cols.first;
    const window_row whole = {taps * p->in_c, taps > 0, 0, 0};
    const window_row apart = {p->in_c, taps, p->dilation_w * p->in_c, 4 * p->in_c};
    return p->dilation_w == 1 ? whole : apart;
}

/* The sums of four pixels, ``step`` inputs apart, whose windows lie inside at the same ``rows`` and columns. */
SMG_INLINE smg_block block_window(const smg_conv2d_f32_params *p, smg_block acc, const float *x, int32_t step,
                                  const float *w, int32_t rows, window_row row) {
    for (; rows > 0; rows--, x += p->dilation_h * p->in_w * p->in_c, w += 4 * p->k_w * p->in_c) {
        const float *xi = x, *wi = w;
        for (int32_t run = row.runs; run > 0; run--, xi += row.x_step, wi += row.w_step) {
            acc = smg_block_dot(acc, xi, step, wi, row.length);
        }
    }
    return acc;
}

SMG_INLINE smg_quad pixel_window(const smg_conv2d_f32_params *p, smg_quad acc, const float *x, const float *w,
                                 int32_t rows, window_row row) {
    for (; rows > 0; rows--, x += p->dilation_h * p->in_w * p->in_c, w += 4 * p->k_w * p->in_c) {
        const float *xi = x, *wi = w;
        for (int32_t run = row.runs; run > 0; run--, xi += row.x_step, wi += row.w_step) {
            acc = smg_quad_dot(acc, xi, wi, row.length);
        }
    }
    return acc;
}

/* Output pixels in lines, along columns or rows of the image: four at a time where all their windows lie inside along
 * the line, else one by one; of each, four output channels at a time. Taps outside the input are left out. */
void smg_conv2d_f32_fpu(const smg_conv2d_f32_params *p, const float *x /* (batch, in_h, in_w, in_c) */,
                        const float *w /* (out_c / 4, k_h, k_w, in_c, 4), rounded up */,
                        const float *b /* (out_c / 4, 4), rounded up */, float *y /* (batch, out_h, out_w, out_c) */,
                        void *scratch) {
    (void)scratch;
    const smg_axes a = SMG_AXES(p);
    const smg_axis line = p->by_columns ? a.rows : a.cols, across = p->by_columns ? a.cols : a.rows;
    const float lo = p->act_min, hi = p->act_max;
    const int32_t filter = p->k_h * p->k_w * p->in_c, x_step = line.stride * line.x_step;
    for (int32_t n = 0; n < p->batch; n++, x += p->in_h * a.rows.x_step, y += p->out_h * a.rows.y_step) {
        for (int32_t i = 0; i < across.out; i++) {
            const smg_taps taps_across = smg_taps_at(&across, i);
            for (int32_t j = 0; j < line.out;) {
                const smg_taps along = smg_taps_at(&line, j);
                const smg_taps rows = p->by_columns ? along : taps_across, cols = p->by_columns ? taps_across : along;
                const window_row row = window_row_of(p, cols);
                const float *xi = x + smg_first_input(&a.rows, rows) + smg_first_input(&a.cols, cols);
                const float *wi = w + 4 * (rows.first * p->k_w + cols.first) * p->in_c;
                float *yi = y + i * across.y_step + j * line.y_step;
                const int32_t four = smg_all_inside(&line, j, 4), height = rows.end - rows.first;
                for (int32_t o = 0; o < p->out_c; o += 4, wi += 4 * filter) {
                    const smg_quad bias = smg_quad_load(b + o);
                    if (four) {
                        const smg_block start = {bias, bias, bias, bias};
                        const smg_block sums = block_window(p, start, xi, x_step, wi, height, row);
                        smg_block_store(yi + o, line.y_step, smg_block_clip(sums, lo, hi), p->out_c - o);
                    } else {
                        const smg_quad sums = pixel_window(p, bias, xi, wi, height, row);
                        smg_quad_store(yi + o, smg_quad_clip(sums, lo, hi), p->out_c - o);
                    }
                }
                j += four ? 4 : 1;
            }
        }
    }
}
