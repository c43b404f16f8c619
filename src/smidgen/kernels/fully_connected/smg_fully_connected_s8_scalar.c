/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_fully_connected_scalar.inc.h"

smg_fully_connected_kernel smg_fully_connected_s8_scalar;

/* Any shape, any core; TFLite Micro's double rounding. */
void smg_fully_connected_s8_scalar(const smg_fully_connected_params *p, const int8_t *x, const int8_t *w,
                                   const int32_t *b, int8_t *y, void *scratch) {
    (void)scratch;
    smg_fully_connected_scalar(SMG_DOUBLE, p, x, w, b, y);
}
