/* SPDX-License-Identifier: Apache-2.0 */
#define SMG_POOL_PARAMS smg_avgpoolrne_params
#include "smg_pool_eight.inc.h"

smg_avgpoolrne_kernel smg_avgpool_s8rne_portable;

static void smg_pool_finish(const smg_avgpoolrne_params *p, const int8_t *first, const smg_pixels *pixels, int8_t *y) {
    const int32_t count = pixels->rows * pixels->columns, i = smg_pool_divisor(p, count);
    const int32_t mult = p->mult[i], shift = p->shift[i], all_offsets = count * p->in_offset;
    int32_t sums[SMG_EIGHT];
    smg_eight_sums(first, pixels, sums);
    SMG_ROLLED
    for (int32_t k = 0; k < SMG_EIGHT; k++) {
        y[k] = smg_output(SMG_EVEN, sums[k] + all_offsets, mult, shift, p->out_offset, p->act_min, p->act_max);
    }
}

/* At least eight channels. Outputs in memory order; the multiplier holds the division by the number of elements. */
void smg_avgpool_s8rne_portable(const smg_avgpoolrne_params *p, const int8_t *x, int8_t *y, void *scratch) {
    (void)scratch;
    smg_pool_eight(p, x, y);
}
