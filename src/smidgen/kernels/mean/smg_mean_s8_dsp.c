/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_mean_dsp.inc.h"

smg_mean_kernel smg_mean_s8_dsp;

/* At least four elements behind the mean's dimensions; TFLite Micro's double rounding. */
void smg_mean_s8_dsp(const smg_mean_params *p, const int8_t *x, int8_t *y, void *scratch) {
    (void)scratch;
    smg_mean_dsp(SMG_DOUBLE, p, x, y);
}
