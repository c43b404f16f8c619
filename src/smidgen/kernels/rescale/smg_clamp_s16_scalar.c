/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_kernels.h"
#include "smg_requantize.h"

smg_clamp_s16_kernel smg_clamp_s16_scalar;

/* Any shape, any core; may work in place. */
void smg_clamp_s16_scalar(const smg_clamp_s16_params *p, const int16_t *x /* (count) */, int16_t *y /* (count) */,
                          void *scratch) {
    (void)scratch;
    for (int32_t i = 0; i < p->count; i++) y[i] = (int16_t)smg_clamp(x[i], p->act_min, p->act_max);
}
