/* SPDX-License-Identifier: Apache-2.0 */
/* 1x1 convolution with stride 1 of int16 on the DSP extension: a matrix product straight from the input's pixels. */
#include "smg_conv2d_s16_block.inc.h"

smg_conv2d_s16_kernel SMG_FUNCTION;

/* Pixels in memory order, two at a time; an odd last pixel is computed twice, into the same place.
 * scratch: both pixels as int16, unless they can be read where they lie. */
void SMG_FUNCTION(const smg_conv2d_params *p, const void *x /* (pixels, in_c) */, const int8_t *w, const int32_t *b,
                  void *y /* (pixels, out_c) */, void *scratch) {
    const int32_t eights = (p->in_c + 7) / 8;
    const in_t *from = x;
    out_t *to = y;
    int16_t *rows = scratch;
    for (int32_t left = p->batch * p->out_h * p->out_w; left > 0; left -= 2) {
        const in_t *next = left > 1 ? from + p->in_c : from;
        out_t *to_next = left > 1 ? to + p->out_c : to;
        const int16_t *x0 = SMG_FOR(smg_row, SMG_IN_BITS)(from, p->in_c, rows);
        const int16_t *x1 = SMG_FOR(smg_row, SMG_IN_BITS)(next, p->in_c, rows + 8 * eights);
        two_pixels(p, x0, x1, w, b, eights, to, to_next);
        from = next + p->in_c;
        to = to_next + p->out_c;
    }
}
