/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_kernels.h"

smg_lookup_s16_kernel smg_lookup_s16_scalar;

/* Any shape, any core: int16 results. */
void smg_lookup_s16_scalar(const smg_lookup_params *p, const int8_t *x /* (count) */, const int16_t *table /* (256) */,
                           int16_t *y /* (count) */, void *scratch) {
    (void)scratch;
    for (int32_t i = 0; i < p->count; i++) y[i] = table[(uint8_t)x[i]];
}
