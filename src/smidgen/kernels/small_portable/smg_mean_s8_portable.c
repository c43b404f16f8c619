/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_mean_eight.inc.h"

smg_mean_kernel smg_mean_s8_portable;

/* At least eight elements behind the mean's dimensions. */
void smg_mean_s8_portable(const smg_mean_params *p, const int8_t *x, int8_t *y, void *scratch) {
    (void)scratch;
    smg_mean_eight(SMG_DOUBLE, p, x, y);
}
