/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution from a strip of int16: the rows under one row of outputs, interleaved by column (column, k_h, words), so
 * that a pixel's window is contiguous without a copy of each window. Rows of outputs outside, pairs of channels inside:
 * a row is read before its outputs are written. Who includes this gives smg_strip_row, which widens a row of the input
 * into every column, and smg_strip_outputs, all channels of a row of outputs, which are four or more. */
#include "smg_few_bytes.h"

SMG_FEW_BYTES smg_conv2d_kernel SMG_FUNCTION;

/* The strip: words of a pixel and of a column, and the columns before the input, of the input and after it. */
typedef struct {
    int32_t words, column, before, inside, after;
    uint32_t zeros;
} smg_strip;

SMG_INLINE smg_strip smg_strip_of(const smg_conv2d_params *p) {
    const int32_t all = (p->out_w - 1) * p->stride_w + p->k_w, words = smg_pixel_words(p->in_c);
    const int32_t before = p->pad_l < all ? p->pad_l : all;
    const int32_t inside = all - before < p->in_w ? all - before : p->in_w;
    const uint32_t zero = (uint32_t)-p->in_offset;
    const smg_strip s = {words, p->k_h * words, before, inside, all - before - inside, smg_low_halves(zero, zero)};
    return s;
}

/* count pixels of zero points, one a column. */
SMG_FEW_BYTES __attribute__((noinline)) static void smg_strip_zeros(uint32_t *to, const smg_strip *s, int32_t count) {
    const uint32_t zeros = s->zeros;
    const int32_t words = s->words;
    for (; count > 0; count--, to += s->column) {
        for (int32_t k = 0; k < words; k++) {
            to[k] = zeros;
            __asm__("" ::: "memory");
        }
    }
}

/* The rows under output row oy; columns beside the input hold zero points all the time. */
SMG_INLINE void smg_strip_load(const smg_conv2d_params *p, const smg_strip *s, const int8_t *x /* (in_h, in_w, in_c) */,
                               int32_t oy, uint32_t *strip) {
    uint32_t *to = strip + s->before * s->column;
    int32_t iy = oy * p->stride_h - p->pad_t;
    if (s->inside == 0) return;
    for (int32_t k = 0; k < p->k_h; k++, to += s->words, iy += p->dilation_h) {
        if (iy >= 0 && iy < p->in_h) {
            smg_strip_row(p, to, s->column, x + iy * p->in_w * p->in_c, s->inside);
        } else {
            smg_strip_zeros(to, s, s->inside);
        }
    }
}

SMG_INLINE void smg_strip_sides(const smg_conv2d_params *p, const smg_strip *s, uint32_t *strip) {
    for (int32_t k = 0; k < p->k_h; k++, strip += s->words) {
        smg_strip_zeros(strip, s, s->before);
        smg_strip_zeros(strip + (s->before + s->inside) * s->column, s, s->after);
    }
}

/* Any stride, padding and zero point; columns not dilated. scratch: the strip, then, if rows have less than four
 * outputs (SMG_NARROW), four pixels of output. b: see smg_pixel_block.h. */
void SMG_FUNCTION(const smg_conv2d_params *p, const int8_t *x /* (batch, in_h, in_w, in_c) */, const int8_t *w,
                  const int32_t *b, int8_t *y /* (batch, out_h, out_w, out_c) */, void *scratch) {
    const smg_strip s = smg_strip_of(p);
    const int32_t row = p->out_w * p->out_c;
    uint32_t *strip = scratch;
    int8_t *narrow = (int8_t *)(strip + (3 * p->stride_w + p->k_w) * s.column);
    (void)w;
    SMG_SAVE_FPU_REGISTERS;
    smg_strip_sides(p, &s, strip);
    for (int32_t n = 0; n < p->batch; n++, x += p->in_h * p->in_w * p->in_c) {
        for (int32_t oy = 0; oy < p->out_h; oy++, y += row) {
            smg_strip_load(p, &s, x, oy, strip);
            if (SMG_NARROW) {
                smg_strip_outputs(p, strip, b, narrow, 4);
                smg_copy(y, narrow, row);
            } else {
                smg_strip_outputs(p, strip, b, y, p->out_w);
            }
        }
    }
}
