/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_dense.inc.h"

smg_fully_connected_kernel SMG_FUNCTION;

/* Any shape, row by row. */
void SMG_FUNCTION(const smg_fully_connected_params *p, const int8_t *x, const int8_t *w, const int32_t *b, int8_t *y,
                  void *scratch) {
    (void)w;
    smg_dense(p->rows, p->in_c, p->out_c, x, b, y, scratch);
}
