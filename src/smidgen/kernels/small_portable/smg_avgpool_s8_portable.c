/* SPDX-License-Identifier: Apache-2.0 */
#define SMG_POOL_PARAMS smg_pool_params
#include "smg_pool_eight.inc.h"

smg_pool_kernel smg_avgpool_s8_portable;

/* Sums over a window's elements inside the input, halves away from zero. Division is a multiplication with the
 * reciprocal rounded up, 2^31 / count: exact for at most 4000 elements, whose sum times count is below 2^31. */
static void smg_pool_finish(const smg_pool_params *p, const int8_t *first, const smg_pixels *pixels, int8_t *y) {
    const uint32_t count = (uint32_t)(pixels->rows * pixels->columns), half = count / 2;
    const uint32_t reciprocal = ((1U << 31) - 1) / count + 1;
    const int32_t lo = p->act_min, hi = p->act_max;
    int32_t sums[SMG_EIGHT];
    smg_eight_sums(first, pixels, sums);
    SMG_ROLLED
    for (int32_t i = 0; i < SMG_EIGHT; i++) {
        const uint32_t magnitude = (uint32_t)(sums[i] < 0 ? -sums[i] : sums[i]) + half;
        const int32_t mean = (int32_t)((uint64_t)(2 * magnitude) * reciprocal >> 32);
        y[i] = (int8_t)smg_clamp(sums[i] < 0 ? -mean : mean, lo, hi);
    }
}

/* At least eight channels. Outputs in memory order. */
void smg_avgpool_s8_portable(const smg_pool_params *p, const int8_t *x, int8_t *y, void *scratch) {
    (void)scratch;
    smg_pool_eight(p, x, y);
}
