/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_mul_scalar.inc.h"

smg_mul_kernel smg_mul_s8_scalar;

/* Any shape and broadcast, any core; TFLite Micro's double rounding. */
void smg_mul_s8_scalar(const smg_mul_params *p, const int8_t *a, const int8_t *b, int8_t *y, void *scratch) {
    (void)scratch;
    smg_mul_scalar(SMG_DOUBLE, p, a, b, y);
}
