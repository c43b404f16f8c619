/* SPDX-License-Identifier: Apache-2.0 */
#define SMG_ELEMENT int16_t
#include "smg_transpose.inc.h"

smg_transpose_s16_kernel smg_transpose_s16_scalar;

/* Any permutation of up to six dimensions of two-byte elements, any core: outputs in memory order. */
void smg_transpose_s16_scalar(const smg_transpose_params *p, const int16_t *x, int16_t *y, void *scratch) {
    (void)scratch;
    transpose(p->dims, p->in_strides, x, y);
}
