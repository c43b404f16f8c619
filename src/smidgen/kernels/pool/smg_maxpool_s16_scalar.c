/* SPDX-License-Identifier: Apache-2.0 */
#define SMG_ELEMENT int16_t
#include "smg_maxpool.inc.h"

smg_maxpool_s16_kernel smg_maxpool_s16_scalar;

/* Any shape, any core: outputs in memory order. */
void smg_maxpool_s16_scalar(const smg_pool_params *p, const int16_t *x, int16_t *y, void *scratch) {
    (void)scratch;
    maxpool(p, x, y);
}
