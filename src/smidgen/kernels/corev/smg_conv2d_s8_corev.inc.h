/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution of any window: four windows at a time are copied into scratch one after the other, rows of a window
 * without gaps, then all channels. Instances define SMG_IN_C, SMG_K_H, SMG_K_W, SMG_DILATION_W and SMG_PADDED too. */
#include "smg_corev_block.inc.h"
#include "smg_kernels.h"

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

/* The window of output (oy, ox) of image x: (k_h, k_w, in_c). */
SMG_INLINE void smg_window(const smg_conv2d_params *p, const int8_t *x, int32_t oy, int32_t ox, int8_t *to,
                           uint32_t zeros) {
    const int32_t iy = oy * p->stride_h - p->pad_t, ix = ox * p->stride_w - p->pad_l;
    const int8_t *row = x + (iy * p->in_w + ix) * SMG_IN_C;
    const int32_t below = p->dilation_h * p->in_w * SMG_IN_C;
    if (!SMG_PADDED || (iy >= 0 && ix >= 0 && iy + (SMG_K_H - 1) * p->dilation_h < p->in_h &&
                        ix + (SMG_K_W - 1) * SMG_DILATION_W < p->in_w)) {
        for (int32_t ky = 0; ky < SMG_K_H; ky++, row += below) {
            const int8_t *from = row;
            for (int32_t kx = 0; kx < SMG_K_W; kx += SMG_SEGMENT_PIXELS) {
                smg_pass(&to, &from, SMG_SEGMENT_PIXELS * SMG_IN_C);
                from += (SMG_DILATION_W - 1) * SMG_IN_C;
            }
        }
        return;
    }
    for (int32_t ky = 0; ky < SMG_K_H; ky++) {
        const int32_t y = iy + ky * p->dilation_h;
        if (y < 0 || y >= p->in_h)
            smg_pass_same(&to, zeros, SMG_K_W * SMG_IN_C);
        else
            smg_padded_row(&to, x + y * p->in_w * SMG_IN_C, ix, p->in_w, zeros);
    }
}

/* x: (batch, in_h, in_w, in_c), b: the stream, y: (pixels, out_c), scratch: four windows, and outputs if pixels < 4. */
void SMG_FUNCTION(const smg_conv2d_params *p, const int8_t *x, const int8_t *w, const int32_t *b, int8_t *y,
                  void *scratch) {
    const int32_t pixels = p->batch * p->out_h * p->out_w, image = p->in_h * p->in_w * SMG_IN_C;
    const uint32_t zeros = (uint32_t)(uint8_t)-p->in_offset * 0x01010101U;
    int8_t *windows = scratch, *outputs = windows + 4 * SMG_WINDOW_BYTES;
    int32_t oy = 0, ox = 0;
    (void)w;
    for (int32_t done = 0; done < pixels;) {
        const int32_t count = pixels - done < 4 ? pixels - done : 4;
        for (int32_t i = 0; i < count; i++) {
            smg_window(p, x, oy, ox, windows + i * SMG_WINDOW_BYTES, zeros);
            if (++ox < p->out_w) continue;
            ox = 0;
            if (++oy < p->out_h) continue;
            oy = 0;
            x += image;
        }
        if (count == 4) {
            smg_corev_pixels(windows, b, y, 1);
        } else {
            smg_corev_pixels(windows, b, outputs, 1);
            smg_copy(y, outputs, count * SMG_OUT_C);
        }
        done += count;
        y += count * SMG_OUT_C;
    }
}
