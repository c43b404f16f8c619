/* SPDX-License-Identifier: Apache-2.0 */
/* Which taps of a sliding window lie inside the input, along one dimension. */
#ifndef SMG_F32_WINDOW_H
#define SMG_F32_WINDOW_H
#include "smg_requantize.h"

/* One dimension of input and output: how many positions, how the window slides, and the distance between neighbours in
 * elements of x and of y. */
typedef struct {
    int32_t in, out, kernel, stride, dilation, pad, x_step, y_step;
} smg_axis;

typedef struct {
    smg_axis rows, cols;
} smg_axes;

/* The axes of a (depthwise) convolution's parameters. */
#define SMG_AXES(p)                                                                                            \
    {                                                                                                          \
        {(p)->in_h,                                                                                            \
         (p)->out_h,                                                                                           \
         (p)->k_h,                                                                                             \
         (p)->stride_h,                                                                                        \
         (p)->dilation_h,                                                                                      \
         (p)->pad_t,                                                                                           \
         (p)->in_w * (p)->in_c,                                                                                \
         (p)->out_w * (p)->out_c},                                                                             \
        {                                                                                                      \
            (p)->in_w, (p)->out_w, (p)->k_w, (p)->stride_w, (p)->dilation_w, (p)->pad_l, (p)->in_c, (p)->out_c \
        }                                                                                                      \
    }

/* Taps first <= k < end lie inside; tap 0 is at input position start, which may lie outside. */
typedef struct {
    int32_t first, end, start;
} smg_taps;

SMG_INLINE smg_taps smg_taps_at(const smg_axis *a, int32_t o) {
    smg_taps t = {0, a->kernel, o * a->stride - a->pad};
    while (t.first < t.end && t.start + t.first * a->dilation < 0) t.first++;
    while (t.end > t.first && t.start + (t.end - 1) * a->dilation >= a->in) t.end--;
    return t;
}

/* Where in x the first tap inside is; 0 if none is. */
SMG_INLINE int32_t smg_first_input(const smg_axis *a, smg_taps t) {
    return t.first < t.end ? (t.start + t.first * a->dilation) * a->x_step : 0;
}

/* True if every tap of ``count`` outputs from o on exists and lies inside. */
SMG_INLINE int32_t smg_all_inside(const smg_axis *a, int32_t o, int32_t count) {
    const int32_t start = o * a->stride - a->pad, span = (count - 1) * a->stride + (a->kernel - 1) * a->dilation;
    return o + count <= a->out && start >= 0 && start + span < a->in;
}
#endif
