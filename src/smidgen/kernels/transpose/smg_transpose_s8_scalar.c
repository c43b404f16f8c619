/* SPDX-License-Identifier: Apache-2.0 */
#define SMG_ELEMENT int8_t
#include "smg_transpose.inc.h"

smg_transpose_kernel smg_transpose_s8_scalar;

/* Any permutation of up to six dimensions of bytes, any core: outputs in memory order. */
void smg_transpose_s8_scalar(const smg_transpose_params *p, const int8_t *x, int8_t *y, void *scratch) {
    (void)scratch;
    transpose(p->dims, p->in_strides, x, y);
}
