/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_kernels.h"
#include "smg_requantize.h"

smg_mean_kernel smg_mean_truncate_s8_scalar;

/* Any shape, any core: TFLite Micro's mean when input and output share their quantization, sum / count towards zero. */
void smg_mean_truncate_s8_scalar(const smg_mean_params *p, const int8_t *x /* (outer, reduced, inner) */,
                                 int8_t *y /* (outer, inner) */, void *scratch) {
    (void)scratch;
    for (int32_t n = 0; n < p->outer; n++, x += p->reduced * p->inner) {
        for (int32_t i = 0; i < p->inner; i++) {
            int32_t sum = 0;
            for (int32_t r = 0; r < p->reduced; r++) sum += x[r * p->inner + i];
            *y++ = (int8_t)smg_clamp(sum / p->reduced, p->act_min, p->act_max);
        }
    }
}
