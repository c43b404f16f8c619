/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_broadcast.h"

smg_addrne_kernel smg_add_s8rne_scalar;

/* Any shape and broadcast, any core: an exact sum of two products, rounded once, ties to even. */
void smg_add_s8rne_scalar(const smg_addrne_params *p, const int8_t *a, const int8_t *b, int8_t *y, void *scratch) {
    (void)scratch;
    smg_position at = smg_start();
    for (int32_t left = smg_elements(&p->shape); left > 0; left--) {
        const int64_t sum = (int64_t)(a[at.a] + p->a_offset) * p->a_mult + (int64_t)(b[at.b] + p->b_offset) * p->b_mult;
        const int32_t v = smg_rne_shift_right(sum, p->shift);
        *y++ = (int8_t)(smg_clamp(v, p->act_min - p->out_offset, p->act_max - p->out_offset) + p->out_offset);
        smg_step(&p->shape, &at);
    }
}
