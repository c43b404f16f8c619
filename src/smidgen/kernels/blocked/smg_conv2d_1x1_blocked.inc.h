/* SPDX-License-Identifier: Apache-2.0 */
/* A 1x1 convolution as blocks of products: its pixels are the rows. */
#include "smg_blocked_all.inc.h"
#include "smg_kernels.h"

extern smg_conv2d_kernel SMG_FUNCTION;

void SMG_FUNCTION(const smg_conv2d_params *p, const int8_t *x /* (pixels, inputs) */,
                  const int8_t *w /* (blocks, inputs, channels) */, const int32_t *b /* of blocks */,
                  int8_t *y /* (pixels, out_c) */, void *scratch) {
    smg_blocked_all(x, w, b, y, p->batch * p->out_h * p->out_w, p->out_c, scratch);
}
