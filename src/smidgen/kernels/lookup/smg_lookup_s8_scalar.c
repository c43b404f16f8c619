/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_kernels.h"

smg_lookup_kernel smg_lookup_s8_scalar;

/* Any shape, any core; may work in place. */
void smg_lookup_s8_scalar(const smg_lookup_params *p, const int8_t *x /* (count) */, const int8_t *table /* (256) */,
                          int8_t *y /* (count) */, void *scratch) {
    (void)scratch;
    for (int32_t i = 0; i < p->count; i++) y[i] = table[(uint8_t)x[i]];
}
