/* SPDX-License-Identifier: Apache-2.0 */
/* 1x1 convolution with any stride: strips of at most SMG_STRIP_PIXELS outputs, whose inputs are gathered as int16, then
 * pairs of channels. A strip is read before its outputs are written. An instance defines SMG_IN_C (at least 3),
 * SMG_OUT_C, SMG_STRIP_PIXELS (at least 8), SMG_NARROW, SMG_WIDE and what smg_fast_requantize.h needs. */
#include "smg_few_bytes.h"
#include "smg_kernels.h"
#include "smg_strip.h"

#define SMG_STEPS SMG_PIXEL_WORDS
#define SMG_PIXEL_BYTES (4 * SMG_PIXEL_WORDS)
#include "smg_pixel_block.h"

SMG_FEW_BYTES smg_conv2d_kernel SMG_FUNCTION;

/* The input of the next output: its row in the input, and where the output lies in its own row and image. */
typedef struct {
    const int8_t *row;
    int32_t oy, ox;
} smg_place;

/* The inputs of the next count outputs, in the order of the outputs; moves the place on. */
SMG_INLINE void smg_gather(const smg_conv2d_params *p, smg_place *at, uint32_t *strip, int32_t count) {
    const int32_t step = p->stride_w * SMG_IN_C, pitch = p->stride_h * p->in_w * SMG_IN_C;
    while (count > 0) {
        const int32_t run = count < p->out_w - at->ox ? count : p->out_w - at->ox;
        smg_expand_pixels(strip, SMG_PIXEL_WORDS, at->row + at->ox * step, step, run);
        strip += run * SMG_PIXEL_WORDS;
        count -= run;
        at->ox += run;
        if (at->ox < p->out_w) continue;
        at->ox = 0;
        if (++at->oy < p->out_h) {
            at->row += pitch;
        } else {
            at->oy = 0;
            at->row += p->in_h * p->in_w * SMG_IN_C - (p->out_h - 1) * pitch;
        }
    }
}

/* No padding. scratch: a strip, then, if there are less than four outputs in all (SMG_NARROW), four pixels of output.
 * b: see smg_pixel_block.h. */
void SMG_FUNCTION(const smg_conv2d_params *p, const int8_t *x /* (batch, in_h, in_w, in_c) */, const int8_t *w,
                  const int32_t *b, int8_t *y /* (batch, out_h, out_w, out_c) */, void *scratch) {
    int32_t left = p->batch * p->out_h * p->out_w, strips = (left + SMG_STRIP_PIXELS - 1) / SMG_STRIP_PIXELS;
    smg_place at = {x, 0, 0};
    (void)w;
    SMG_SAVE_FPU_REGISTERS;
    for (; left > 0; strips--) {
        const int32_t count = left / strips; /* not below four if there are four in all */
        smg_gather(p, &at, scratch, count);
        if (SMG_NARROW) {
            int8_t *narrow = (int8_t *)scratch + 4 * SMG_PIXEL_BYTES;
            smg_pixel_row_all(scratch, b, narrow, 4);
            smg_copy(y, narrow, count * SMG_OUT_C);
        } else {
            smg_pixel_row_all(scratch, b, y, count);
        }
        y += count * SMG_OUT_C;
        left -= count;
    }
}
