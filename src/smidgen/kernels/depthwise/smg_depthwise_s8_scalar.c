/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_depthwise_scalar.inc.h"

smg_depthwise_kernel smg_depthwise_s8_scalar;

/* Any shape, any core; TFLite Micro's double rounding. */
void smg_depthwise_s8_scalar(const smg_depthwise_params *p, const int8_t *x, const int8_t *w, const int32_t *b,
                             int8_t *y, void *scratch) {
    (void)scratch;
    smg_depthwise_scalar(SMG_DOUBLE, p, x, w, b, y);
}
