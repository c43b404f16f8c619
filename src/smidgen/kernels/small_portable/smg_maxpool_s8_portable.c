/* SPDX-License-Identifier: Apache-2.0 */
#define SMG_POOL_PARAMS smg_pool_params
#include "smg_pool_eight.inc.h"

smg_pool_kernel smg_maxpool_s8_portable;

static void smg_pool_finish(const smg_pool_params *p, const int8_t *first, const smg_pixels *pixels, int8_t *y) {
    int32_t maxima[SMG_EIGHT];
    smg_eight_maxima(first, pixels, maxima);
    SMG_ROLLED
    for (int32_t i = 0; i < SMG_EIGHT; i++) y[i] = (int8_t)smg_clamp(maxima[i], p->act_min, p->act_max);
}

/* At least eight channels. Outputs in memory order. */
void smg_maxpool_s8_portable(const smg_pool_params *p, const int8_t *x, int8_t *y, void *scratch) {
    (void)scratch;
    smg_pool_eight(p, x, y);
}
