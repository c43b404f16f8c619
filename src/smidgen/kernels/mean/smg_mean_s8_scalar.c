/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_mean_scalar.inc.h"

smg_mean_kernel smg_mean_s8_scalar;

/* Any shape, any core; TFLite Micro's double rounding. */
void smg_mean_s8_scalar(const smg_mean_params *p, const int8_t *x, int8_t *y, void *scratch) {
    (void)scratch;
    smg_mean_scalar(SMG_DOUBLE, p, x, y);
}
