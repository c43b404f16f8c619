/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution from a strip of int16: the rows under one row of outputs, interleaved by column (column, k_h, words), so
 * that a pixel's window is contiguous without a copy of each window. Rows of outputs outside, pairs of channels inside:
 * a row is read before its outputs are written. An instance defines SMG_IN_C, SMG_OUT_C, SMG_K_H, SMG_K_W,
 * SMG_STRIDE_W, SMG_WIDE and what smg_fast_requantize.h needs. */
#define SMG_COLUMN_WORDS (SMG_K_H * SMG_PIXEL_WORDS)
#define SMG_STEPS (SMG_K_W * SMG_COLUMN_WORDS)
#define SMG_PIXEL_BYTES (4 * SMG_STRIDE_W * SMG_COLUMN_WORDS)
#include "smg_kernels.h"
#include "smg_strip.h"

#include "smg_pixel_block.h"

smg_conv2d_kernel SMG_FUNCTION;

/* Columns of the strip: those before the input, those of the input and those after it. */
typedef struct {
    int32_t before, inside, after;
} smg_columns;

SMG_INLINE smg_columns smg_strip_columns(const smg_conv2d_params *p) {
    const int32_t all = (p->out_w - 1) * SMG_STRIDE_W + SMG_K_W;
    const int32_t before = p->pad_l < all ? p->pad_l : all;
    const int32_t inside = all - before < p->in_w ? all - before : p->in_w;
    const smg_columns columns = {before, inside, all - before - inside};
    return columns;
}

/* The rows under output row oy; columns beside the input hold zero points all the time. */
SMG_INLINE void smg_load_strip(const smg_conv2d_params *p, smg_columns columns, const int8_t *x /* (in_h, in_w, in_c) */,
                               int32_t oy, uint32_t *strip) {
    const uint32_t zeros = smg_low_halves((uint32_t)-p->in_offset, (uint32_t)-p->in_offset);
    uint32_t *to = strip + columns.before * SMG_COLUMN_WORDS;
    int32_t iy = oy * p->stride_h - p->pad_t;
    if (columns.inside == 0) return;
    for (int32_t k = 0; k < SMG_K_H; k++, to += SMG_PIXEL_WORDS, iy += p->dilation_h) {
        if (iy >= 0 && iy < p->in_h) {
            smg_expand_pixels(to, SMG_COLUMN_WORDS, x + iy * p->in_w * SMG_IN_C, SMG_IN_C, columns.inside);
        } else {
            smg_fill_pixels(to, SMG_COLUMN_WORDS, zeros, columns.inside);
        }
    }
}

/* Any stride, padding and zero point; columns not dilated. scratch: the strip, then, if rows have less than four
 * outputs, four pixels of output. b: see smg_pixel_block.h. */
void SMG_FUNCTION(const smg_conv2d_params *p, const int8_t *x /* (batch, in_h, in_w, in_c) */, const int8_t *w,
                  const int32_t *b, int8_t *y /* (batch, out_h, out_w, out_c) */, void *scratch) {
    const smg_columns columns = smg_strip_columns(p);
    const int32_t all = columns.before + columns.inside + columns.after, row = p->out_w * SMG_OUT_C;
    const int32_t computed = p->out_w < 4 ? 4 : p->out_w;
    uint32_t *strip = scratch;
    int8_t *narrow = (int8_t *)(strip + ((computed - 1) * SMG_STRIDE_W + SMG_K_W) * SMG_COLUMN_WORDS);
    const uint32_t zeros = smg_low_halves((uint32_t)-p->in_offset, (uint32_t)-p->in_offset);
    (void)w;
    SMG_SAVE_FPU_REGISTERS;
    for (int32_t k = 0; k < SMG_K_H; k++) {
        uint32_t *to = strip + k * SMG_PIXEL_WORDS;
        smg_fill_pixels(to, SMG_COLUMN_WORDS, zeros, columns.before);
        smg_fill_pixels(to + (all - columns.after) * SMG_COLUMN_WORDS, SMG_COLUMN_WORDS, zeros, columns.after);
    }
    for (int32_t n = 0; n < p->batch; n++, x += p->in_h * p->in_w * SMG_IN_C) {
        for (int32_t oy = 0; oy < p->out_h; oy++, y += row) {
            smg_load_strip(p, columns, x, oy, strip);
            smg_pixel_row_all(strip, b, p->out_w < 4 ? narrow : y, computed);
            if (p->out_w < 4) smg_copy(y, narrow, row);
        }
    }
}
