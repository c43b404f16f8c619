/* SPDX-License-Identifier: Apache-2.0 */
/* A fully connected layer as blocks of products. */
#include "smg_blocked_all.inc.h"
#include "smg_kernels.h"

extern smg_fully_connected_kernel SMG_FUNCTION;

void SMG_FUNCTION(const smg_fully_connected_params *p, const int8_t *x /* (rows, inputs) */,
                  const int8_t *w /* (blocks, inputs, channels) */, const int32_t *b /* of blocks */,
                  int8_t *y /* (rows, out_c) */, void *scratch) {
    smg_blocked_all(x, w, b, y, p->rows, p->out_c, scratch);
}
