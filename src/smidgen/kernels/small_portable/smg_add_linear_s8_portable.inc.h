/* SPDX-License-Identifier: Apache-2.0 */
/* y = (a_mult * a + b_mult * b + addend) >> SMG_SHIFT, clamped, with whole products (add.py). An instance defines
 * SMG_SHIFT, SMG_ACT_MIN and SMG_ACT_MAX. */
#include "smg_kernels.h"
#include "smg_output_clamp.h"
#include "smg_small.h"

smg_add_linear_kernel SMG_FUNCTION;

/* Equal shapes, four elements a turn; y may be a or b. */
void SMG_FUNCTION(const smg_add_linear_params *p, const int8_t *a /* (count) */, const int8_t *b /* (count) */,
                  int8_t *y /* (count) */, void *scratch) {
    const int32_t a_mult = p->a_mult, b_mult = p->b_mult, addend = p->addend, lowest = smg_in_register(SMG_ACT_MIN);
    int8_t *const end = y + p->count, *const fours = y + (p->count & ~3);
    (void)scratch;
    while (y != fours) {
        const int32_t v0 = a_mult * a[0] + b_mult * b[0] + addend, v1 = a_mult * a[1] + b_mult * b[1] + addend;
        const int32_t v2 = a_mult * a[2] + b_mult * b[2] + addend, v3 = a_mult * a[3] + b_mult * b[3] + addend;
        y[0] = smg_clamp_output(v0 >> SMG_SHIFT, lowest, SMG_ACT_MAX);
        y[1] = smg_clamp_output(v1 >> SMG_SHIFT, lowest, SMG_ACT_MAX);
        y[2] = smg_clamp_output(v2 >> SMG_SHIFT, lowest, SMG_ACT_MAX);
        y[3] = smg_clamp_output(v3 >> SMG_SHIFT, lowest, SMG_ACT_MAX);
        a += 4;
        b += 4;
        y += 4;
    }
    SMG_ROLLED
    while (y != end) {
        *y++ = smg_clamp_output((a_mult * *a++ + b_mult * *b++ + addend) >> SMG_SHIFT, lowest, SMG_ACT_MAX);
    }
}
