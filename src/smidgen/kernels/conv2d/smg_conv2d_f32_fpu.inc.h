/* SPDX-License-Identifier: Apache-2.0 */
/* float32 convolutions by blocks, whose weights smg_f32_weights.h or smg_f16_weights.h, included before this, reads.
 */
#include "smg_f32_block.h"
#include "smg_f32_window.h"
#include "smg_kernels.h"

/* A window of ``height`` rows of ``width`` taps: the inputs of a row lie side by side unless it is dilated. */
SMG_INLINE smg_reading reading(const smg_conv2d_f32_params *p, int32_t height, int32_t width) {
    const int32_t c = p->in_c, row_x = p->dilation_h * p->in_w * c, row_w = SMG_WORDS(4 * p->k_w * c);
    const int32_t tap_x = p->dilation_w * c, left_w = row_w - SMG_WORDS(4 * width * c);
    const smg_reading whole = {width > 0, height, width * c, row_x - width * c, left_w, 0, 0};
    const smg_reading taps = {height, width, c, tap_x - c, 0, row_x - width * tap_x, left_w};
    const smg_reading none = {0, 0, 0, 0, 0, 0, 0};
    return height == 0 || width == 0 ? none : p->dilation_w == 1 ? whole : taps;
}

/* Output pixels in lines, along columns or rows of the image: four at a time where all their windows lie inside along
 * the line, else one by one; of each, four output channels at a time. Taps outside the input are left out. */
SMG_INLINE void conv2d_f32_blocks(const smg_conv2d_f32_params *p, const float *x /* (batch, in_h, in_w, in_c) */,
                                  const smg_words *w /* (out_c / 4, k_h, k_w, in_c, 4), rounded up */,
                                  const float *b /* (out_c / 4, 4), rounded up */,
                                  float *y /* (batch, out_h, out_w, out_c) */) {
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
                const smg_reading r = reading(p, rows.end - rows.first, cols.end - cols.first);
                const float *xi = x + smg_first_input(&a.rows, rows) + smg_first_input(&a.cols, cols);
                const smg_words *wi = w + SMG_WORDS(4 * (rows.first * p->k_w + cols.first) * p->in_c);
                float *yi = y + i * across.y_step + j * line.y_step;
                const int32_t four = smg_all_inside(&line, j, 4);
                for (int32_t o = 0; o < p->out_c; o += 4, wi += SMG_WORDS(4 * filter)) {
                    if (four) {
                        const smg_block sums = smg_block_dot(b + o, xi, x_step, wi, &r);
                        smg_block_store(yi + o, line.y_step, smg_block_clip(sums, lo, hi), p->out_c - o);
                    } else {
                        const smg_quad sums = smg_quad_dot(b + o, xi, wi, &r);
                        smg_quad_store(yi + o, smg_quad_clip(sums, lo, hi), p->out_c - o);
                    }
                }
                j += four ? 4 : 1;
            }
        }
    }
}
