/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution of any window: four windows at a time are copied into scratch one after the other, rows of a window
 * without gaps, then all channels. Instances define SMG_IN_C, SMG_K_H, SMG_K_W, SMG_DILATION_W and SMG_PADDED too. */
#include "smg_corev_block.inc.h"
#include "smg_kernels.h"

smg_conv2d_kernel SMG_FUNCTION;

#define SMG_WINDOW_BYTES SMG_PIXEL_BYTES
#define SMG_SEGMENT_PIXELS (SMG_DILATION_W == 1 ? SMG_K_W : 1)

/* One row of a window from column ix of x's row, which may lie outside of the image in part. */
SMG_INLINE void smg_padded_row(int8_t **to, const int8_t *row, int32_t ix, int32_t in_w, uint32_t zeros) {
    for (int32_t k = 0; k < SMG_K_W; k++, ix += SMG_DILATION_W) {
        const int8_t *from = row + ix * SMG_IN_C;
        if (ix >= 0 && ix < in_w)
            smg_pass(to, &from, SMG_IN_C);
        else
            smg_pass_same(to, zeros, SMG_IN_C);
    }
}

/* A window that reaches beyond the image, from row iy and column ix on. */
static __attribute__((noinline)) void smg_padded_window(const smg_conv2d_params *p, const int8_t *x, int32_t iy,
                                                        int32_t ix, int8_t *to, uint32_t zeros) {
    for (int32_t ky = 0; ky < SMG_K_H; ky++, iy += p->dilation_h) {
        if (iy < 0 || iy >= p->in_h)
            smg_pass_same(&to, zeros, SMG_K_W * SMG_IN_C);
        else
            smg_padded_row(&to, x + iy * p->in_w * SMG_IN_C, ix, p->in_w, zeros);
    }
}

/* A window inside of the image: (k_h, k_w, in_c), its rows `below` apart. */
SMG_INLINE void smg_window(const int8_t *row, int32_t below, int8_t *to) {
    for (int32_t ky = 0; ky < SMG_K_H; ky++, row += below) {
        const int8_t *from = row;
        for (int32_t kx = 0; kx < SMG_K_W; kx += SMG_SEGMENT_PIXELS) {
            smg_pass(&to, &from, SMG_SEGMENT_PIXELS * SMG_IN_C);
            from += (SMG_DILATION_W - 1) * SMG_IN_C;
        }
    }
}

/* Outputs of a row whose windows lie inside of the image, if its rows do: first .. end - 1. */
typedef struct {
    int32_t first, end;
} smg_inner;

SMG_INLINE smg_inner smg_inner_outputs(const smg_conv2d_params *p, int32_t iy) {
    smg_inner inner = {0, p->out_w};
#if SMG_PADDED
    const int32_t right = p->in_w - 1 - (SMG_K_W - 1) * SMG_DILATION_W + p->pad_l; /* of the last inner window's left */
    if (iy < 0 || iy + (SMG_K_H - 1) * p->dilation_h >= p->in_h || right < 0) {
        inner.end = 0;
        return inner;
    }
    inner.first = (p->pad_l + p->stride_w - 1) / p->stride_w;
    inner.end = right / p->stride_w + 1;
#else
    (void)iy;
#endif
    return inner;
}

/* x: (batch, in_h, in_w, in_c), b: the stream, y: (pixels, out_c), scratch: four windows, and outputs if four does not
 * divide the pixels. */
void SMG_FUNCTION(const smg_conv2d_params *p, const int8_t *x, const int8_t *w, const int32_t *b, int8_t *y,
                  void *scratch) {
    const int32_t row = p->in_w * SMG_IN_C, below = p->dilation_h * row, step = p->stride_w * SMG_IN_C;
    const uint32_t zeros = (uint32_t)(uint8_t)-p->in_offset * 0x01010101U;
    int8_t *windows = scratch, *end = windows + 4 * SMG_WINDOW_BYTES, *to = windows;
    (void)w;
    for (int32_t n = 0; n < p->batch; n++, x += p->in_h * row) {
        for (int32_t oy = 0; oy < p->out_h; oy++) {
            const int32_t iy = oy * p->stride_h - p->pad_t;
            const smg_inner inner = smg_inner_outputs(p, iy);
            for (int32_t ox = 0; ox < p->out_w; ox++, to += SMG_WINDOW_BYTES) {
                if (to == end) {
                    smg_corev_pixels(windows, b, y, 1);
                    y += 4 * SMG_OUT_C;
                    to = windows;
                }
                if (ox >= inner.first && ox < inner.end)
                    smg_window(x + iy * row + ox * step - p->pad_l * SMG_IN_C, below, to);
                else
                    smg_padded_window(p, x, iy, ox * p->stride_w - p->pad_l, to, zeros);
            }
        }
    }
    if (to == end) {
        smg_corev_pixels(windows, b, y, 1);
    } else {
        smg_corev_pixels(windows, b, end, 1);
        smg_copy(y, end, (int32_t)(to - windows) / SMG_WINDOW_BYTES * SMG_OUT_C);
    }
}
