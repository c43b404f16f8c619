/* SPDX-License-Identifier: Apache-2.0 */
#define SMG_ELEMENT int8_t
#include "smg_maxpool.inc.h"

smg_pool_kernel smg_maxpool_s8_scalar;

/* Any shape, any core: outputs in memory order. */
void smg_maxpool_s8_scalar(const smg_pool_params *p, const int8_t *x, int8_t *y, void *scratch) {
    (void)scratch;
    maxpool(p, x, y);
}
