/* SPDX-License-Identifier: Apache-2.0 */
/* A convolution of any window as blocks of products: the windows of SMG_ROWS output pixels are gathered in scratch, and
 * all output channels computed from them. Where too few pixels are left for a block, it begins with the last ones of
 * the block before. */
#include "smg_blocked_all.inc.h"
#include "smg_blocked_gather.inc.h"

extern smg_conv2d_kernel SMG_FUNCTION;

void SMG_FUNCTION(const smg_conv2d_params *p, const int8_t *x /* (batch, in_h, in_w, in_c) */,
                  const int8_t *w /* (blocks, inputs, channels) */, const int32_t *b /* of blocks */,
                  int8_t *y /* (batch, out_h, out_w, out_c) */,
                  void *scratch /* words of smg_blocked_rows; (rows, inputs) */) {
    int8_t *const rows = (int8_t *)scratch + SMG_WORD_BYTES;
    smg_pixel at = {x, 0, 0};
    SMG_ROLLED
    for (int32_t left = p->batch * p->out_h * p->out_w; left > 0; left -= SMG_ROWS) {
        const int32_t kept = left < SMG_ROWS ? SMG_ROWS - left : 0;
        smg_blocked_keep(rows, kept);
        SMG_ROLLED
        for (int32_t r = kept; r < SMG_ROWS; r++, at = smg_next_pixel(p, at))
            smg_blocked_window(p, at.image, at.oy, at.ox, rows + r * SMG_INPUTS);
        y -= kept * p->out_c;
        smg_blocked_rows(rows, w, b, y, p->out_c, scratch);
        y += SMG_ROWS * p->out_c;
    }
}
