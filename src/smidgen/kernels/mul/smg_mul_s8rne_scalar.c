/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_mul_scalar.inc.h"

smg_mul_kernel smg_mul_s8rne_scalar;

/* Any shape and broadcast, any core; one rounding, ties to even. */
void smg_mul_s8rne_scalar(const smg_mul_params *p, const int8_t *a, const int8_t *b, int8_t *y, void *scratch) {
    (void)scratch;
    smg_mul_scalar(SMG_EVEN, p, a, b, y);
}
