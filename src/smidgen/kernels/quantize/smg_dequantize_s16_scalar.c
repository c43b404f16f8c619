/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_kernels.h"

smg_dequantize_s16_kernel smg_dequantize_s16_scalar;

/* Any shape, any core. */
void smg_dequantize_s16_scalar(const smg_dequantize_params *p, const int16_t *x /* (count) */, float *y /* (count) */,
                               void *scratch) {
    (void)scratch;
    for (int32_t i = 0; i < p->count; i++) y[i] = (float)(x[i] - p->zero_point) * p->scale;
}
