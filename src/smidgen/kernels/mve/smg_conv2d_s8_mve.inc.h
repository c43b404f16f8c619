/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution from windows that lie in one piece: in the input itself where windows have one row and no padding
 * (SMG_DIRECT, all pixels as one row with SMG_FLAT), otherwise in a strip of the rows under one row of outputs,
 * interleaved by column (column, k_h, in_c). Rows of outputs outside; see smg_mve_products.inc.h for the inside. */
#include "smg_kernels.h"
#include "smg_mve_products.inc.h"
#include "smg_requantize.h"
#include <arm_mve.h>

smg_conv2d_kernel SMG_FUNCTION;

/* All channels of the pixels of one row of outputs. */
SMG_INLINE void smg_outputs(const int8_t *x, const int32_t *b, int8_t *y, int32_t pixels) {
#if SMG_PAIRS
    smg_mve_pixels(x, b, y, pixels);
#else
    for (; pixels > 0; pixels--, x += SMG_WINDOW_STEP, y += SMG_OUT_C) smg_mve_pixel(x, b, y);
#endif
}

#if SMG_DIRECT
/* b: see streams.py. */
void SMG_FUNCTION(const smg_conv2d_params *p, const int8_t *x /* (batch, in_h, in_w, in_c) */, const int8_t *w,
                  const int32_t *b, int8_t *y /* (batch, out_h, out_w, out_c) */, void *scratch) {
    (void)w;
    (void)scratch;
#if SMG_FLAT
    smg_outputs(x, b, y, p->batch * p->out_h * p->out_w);
#else
    for (int32_t n = 0; n < p->batch; n++, x += p->in_h * p->in_w * SMG_IN_C) {
        const int8_t *row = x;
        for (int32_t oy = 0; oy < p->out_h; oy++, y += p->out_w * SMG_OUT_C) {
            smg_outputs(row, b, y, p->out_w);
            row += p->stride_h * p->in_w * SMG_IN_C;
        }
    }
#endif
}
#else
#define SMG_COLUMN (SMG_K_H * SMG_IN_C)

#define SMG_TOGETHER (16 / SMG_IN_C)
#define SMG_SPREAD ((SMG_TOGETHER - 1) * SMG_COLUMN + SMG_IN_C <= 256 && SMG_TOGETHER >= 2)
#define SMG_PLACE(i) ((uint8_t)((i) / SMG_IN_C * SMG_COLUMN + (i) % SMG_IN_C))

/* A row of the input into the columns of the strip: whole vectors of a pixel, or several pixels at once. */
SMG_INLINE void smg_strip_row(int8_t *to, const int8_t *from /* (columns, in_c) */, int32_t columns) {
#if SMG_SPREAD
    static const uint8_t places[16] = {
        SMG_PLACE(0),  SMG_PLACE(1),  SMG_PLACE(2),  SMG_PLACE(3),  SMG_PLACE(4),  SMG_PLACE(5),
        SMG_PLACE(6),  SMG_PLACE(7),  SMG_PLACE(8),  SMG_PLACE(9),  SMG_PLACE(10), SMG_PLACE(11),
        SMG_PLACE(12), SMG_PLACE(13), SMG_PLACE(14), SMG_PLACE(15),
    };
    const uint8x16_t at = vldrbq_u8(places);
    const mve_pred16_t whole = vctp8q(SMG_TOGETHER * SMG_IN_C);
    for (; columns >= SMG_TOGETHER; columns -= SMG_TOGETHER) {
        vstrbq_scatter_offset_p_s8(to, at, vldrbq_z_s8(from, whole), whole);
        to += SMG_TOGETHER * SMG_COLUMN;
        from += SMG_TOGETHER * SMG_IN_C;
    }
    if (columns > 0) {
        const mve_pred16_t rest = vctp8q((uint32_t)(columns * SMG_IN_C));
        vstrbq_scatter_offset_p_s8(to, at, vldrbq_z_s8(from, rest), rest);
    }
#else
    for (; columns > 0; columns--, to += SMG_COLUMN, from += SMG_IN_C) {
        for (int32_t c = 0; c + 16 <= SMG_IN_C; c += 16) vstrbq_s8(to + c, vldrbq_s8(from + c));
        if (SMG_IN_C % 16 != 0) {
            const mve_pred16_t rest = vctp8q(SMG_IN_C % 16);
            vstrbq_p_s8(to + SMG_IN_C / 16 * 16, vldrbq_z_s8(from + SMG_IN_C / 16 * 16, rest), rest);
        }
    }
#endif
}

/* The same from zero points. */
static __attribute__((noinline)) void smg_strip_zeros(int8_t *to, int8_t zero, int32_t columns) {
    const int8x16_t zeros = vdupq_n_s8(zero);
    for (; columns > 0; columns--, to += SMG_COLUMN) {
        for (int32_t c = 0; c < SMG_IN_C; c += 16) vstrbq_p_s8(to + c, zeros, vctp8q((uint32_t)(SMG_IN_C - c)));
    }
}

/* b: see streams.py. scratch: the strip, whose columns beside the input hold zero points all the time. */
void SMG_FUNCTION(const smg_conv2d_params *p, const int8_t *x /* (batch, in_h, in_w, in_c) */, const int8_t *w,
                  const int32_t *b, int8_t *y /* (batch, out_h, out_w, out_c) */, void *scratch) {
    const int32_t all = (p->out_w - 1) * p->stride_w + p->k_w, before = p->pad_l < all ? p->pad_l : all;
    const int32_t inside = all - before < p->in_w ? all - before : p->in_w, after = all - before - inside;
    const int8_t zero = (int8_t)-p->in_offset;
    int8_t *strip = scratch;
    (void)w;
    for (int32_t k = 0; k < SMG_K_H; k++) {
        smg_strip_zeros(strip + k * SMG_IN_C, zero, before);
        smg_strip_zeros(strip + (before + inside) * SMG_COLUMN + k * SMG_IN_C, zero, after);
    }
    for (int32_t n = 0; n < p->batch; n++, x += p->in_h * p->in_w * SMG_IN_C) {
        for (int32_t oy = 0; oy < p->out_h; oy++, y += p->out_w * SMG_OUT_C) {
            int8_t *to = strip + before * SMG_COLUMN;
            int32_t iy = oy * p->stride_h - p->pad_t;
            for (int32_t k = 0; k < SMG_K_H; k++, to += SMG_IN_C, iy += p->dilation_h) {
                if (iy >= 0 && iy < p->in_h) {
                    smg_strip_row(to, x + iy * p->in_w * SMG_IN_C, inside);
                } else {
                    smg_strip_zeros(to, zero, inside);
                }
            }
            smg_outputs(strip, b, y, p->out_w);
        }
    }
}
#endif
