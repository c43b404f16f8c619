/* SPDX-License-Identifier: Apache-2.0 */
/* A convolution of any window as blocks of products: the windows of SMG_ROWS output pixels are gathered in scratch, and
 * all output channels computed from them. */
#include "smg_blocked_all.inc.h"
#include "smg_blocked_gather.inc.h"

extern smg_conv2d_kernel SMG_FUNCTION;

void SMG_FUNCTION(const smg_conv2d_params *p, const int8_t *x /* (batch, in_h, in_w, in_c) */,
                  const int8_t *w /* (blocks, inputs, channels) */, const int32_t *b /* of blocks */,
                  int8_t *y /* (batch, out_h, out_w, out_c) */, void *scratch /* (SMG_ROWS, inputs) */) {
    const int32_t pixels = p->batch * p->out_h * p->out_w;
    int8_t *const rows = scratch;
    SMG_ROLLED
    for (int32_t pixel = 0; pixel < pixels; pixel += SMG_ROWS) {
        const int32_t first = pixel > pixels - SMG_ROWS ? pixels - SMG_ROWS : pixel;
        int32_t ox = first % p->out_w, oy = first / p->out_w % p->out_h;
        const int8_t *image = x + first / (p->out_h * p->out_w) * (p->in_h * p->in_w * p->in_c);
        SMG_ROLLED
        for (int32_t r = 0; r < SMG_ROWS; r++) {
            smg_blocked_window(p, image, oy, ox, rows + r * SMG_INPUTS);
            if (++ox < p->out_w) continue;
            ox = 0;
            if (++oy < p->out_h) continue;
            oy = 0;
            image += p->in_h * p->in_w * p->in_c;
        }
        smg_blocked_rows(rows, w, b, y + first * p->out_c, p->out_c);
    }
}
