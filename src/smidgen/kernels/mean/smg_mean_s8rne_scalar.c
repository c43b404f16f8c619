/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_mean_scalar.inc.h"

smg_mean_kernel smg_mean_s8rne_scalar;

/* Any shape, any core; one rounding, ties to even. */
void smg_mean_s8rne_scalar(const smg_mean_params *p, const int8_t *x, int8_t *y, void *scratch) {
    (void)scratch;
    smg_mean_scalar(SMG_EVEN, p, x, y);
}
