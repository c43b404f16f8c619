/* SPDX-License-Identifier: Apache-2.0 */
/* Fully connected layer, eight outputs of a row at a time. */
#include "smg_corev_dense.inc.h"
#include "smg_kernels.h"

smg_fully_connected_kernel SMG_FUNCTION;

/* x: (rows, in_c), b: the stream, y: (rows, out_c). */
void SMG_FUNCTION(const smg_fully_connected_params *p, const int8_t *x, const int8_t *w, const int32_t *b, int8_t *y,
                  void *scratch) {
    (void)w;
    smg_corev_dense(x, b, y, scratch, p->rows);
}
