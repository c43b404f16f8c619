/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_quantize_scalar.inc.h"

smg_quantize_kernel smg_quantize_s8rne_scalar;

/* Any shape, any core; ties to even. */
void smg_quantize_s8rne_scalar(const smg_quantize_params *p, const float *x, int8_t *y, void *scratch) {
    (void)scratch;
    smg_quantize_scalar(SMG_EVEN, p, x, y);
}
