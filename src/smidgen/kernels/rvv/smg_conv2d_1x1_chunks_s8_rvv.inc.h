/* SPDX-License-Identifier: Apache-2.0 */
/* A pixel is a row of a matrix. */
#include "smg_rvv_chunks.inc.h"

smg_conv2d_kernel SMG_FUNCTION;

void SMG_FUNCTION(const smg_conv2d_params *p, const int8_t *x, const int8_t *w, const int32_t *b, int8_t *y,
                  void *scratch) {
    const smg_rvv_matrix m = {p->batch * p->in_h * p->in_w, p->in_c, p->out_c, {p->out_offset, p->act_min, p->act_max}};
    (void)scratch;
    smg_chunks(&m, x, w, b, y);
}
