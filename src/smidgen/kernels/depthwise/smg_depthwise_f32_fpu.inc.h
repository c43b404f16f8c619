/* SPDX-License-Identifier: Apache-2.0 */
/* float32 depthwise convolutions by blocks, whose weights smg_f32_weights.h or smg_f16_weights.h, included before this,
 * reads. What includes this defines SMG_TAP_WORDS(p), words of w from tap to tap, and SMG_CHANNEL_WORDS(p, c), where
 * those of channels c to c + 3 begin. */
#include "smg_f32_block.h"
#include "smg_f32_window.h"
#include "smg_kernels.h"

/* A window of ``height`` rows of ``width`` taps. */
SMG_INLINE smg_tap_reading reading(const smg_depthwise_f32_params *p, int32_t height, int32_t width) {
    const int32_t c = p->in_c, tap_x = p->dilation_w * c;
    const smg_tap_reading r = {width > 0 ? height : 0,
                               width,
                               tap_x,
                               SMG_TAP_WORDS(p),
                               p->dilation_h * p->in_w * c - width * tap_x,
                               (p->k_w - width) * SMG_TAP_WORDS(p)};
    return r;
}

/* Output pixels in lines, along columns or rows of the image: four at a time where all their windows lie inside along
 * the line, else one by one; of each, four channels at a time, the last four overlapping those before if need be.
 * Taps outside the input are left out. */
SMG_INLINE void depthwise_f32_blocks(const smg_depthwise_f32_params *p, const float *x /* (batch, in_h, in_w, in_c) */,
                                     const smg_words *w /* by taps and channels */, const float *b /* (in_c) */,
                                     float *y /* (batch, out_h, out_w, in_c) */) {
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
                const smg_tap_reading r = reading(p, rows.end - rows.first, cols.end - cols.first);
                const float *xi = x + smg_first_input(&a.rows, rows) + smg_first_input(&a.cols, cols);
                const smg_words *wi = w + (rows.first * p->k_w + cols.first) * SMG_TAP_WORDS(p);
                float *yi = y + i * across.y_step + j * line.y_step;
                const int32_t four = smg_all_inside(&line, j, 4);
                for (int32_t c = 0;; c = c + 4 < last ? c + 4 : last) {
                    const smg_words *wc = wi + SMG_CHANNEL_WORDS(p, c);
                    if (four) {
                        const smg_block sums = smg_block_taps(b + c, xi + c, x_step, wc, &r);
                        smg_block_store(yi + c, line.y_step, smg_block_clip(sums, lo, hi), 4);
                    } else {
                        const smg_quad sums = smg_quad_taps(b + c, xi + c, wc, &r);
                        smg_quad_store(yi + c, smg_quad_clip(sums, lo, hi), 4);
                    }
                    if (c == last) break;
                }
                j += four ? 4 : 1;
            }
        }
    }
}
