/* SPDX-License-Identifier: Apache-2.0 */
/* 1x1 convolution with strides, without padding, whole words of inputs: pixels of a row are read where they lie, four
 * at a time; the last four may overlap those before them. */
#include "smg_corev_block.inc.h"
#include "smg_kernels.h"

smg_conv2d_kernel SMG_FUNCTION;

/* x: (batch, in_h, in_w, in_c), b: the stream, y: (batch, out_h, out_w, out_c). */
void SMG_FUNCTION(const smg_conv2d_params *p, const int8_t *x, const int8_t *w, const int32_t *b, int8_t *y,
                  void *scratch) {
    const int32_t row = p->in_w * p->in_c;
    (void)w, (void)scratch;
    for (int32_t n = 0; n < p->batch; n++, x += p->in_h * row) {
        for (int32_t oy = 0; oy < p->out_h; oy++, y += p->out_w * SMG_OUT_C) {
            smg_corev_all_pixels(x + oy * p->stride_h * row, b, y, p->out_w);
        }
    }
}
