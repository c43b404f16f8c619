/* SPDX-License-Identifier: Apache-2.0 */
/* Addition and subtraction of int16, or of int8 and int16: an exact sum of two products, rounded once, ties to even. */
#include "smg_broadcast.h"
#include "smg_elements.h"

smg_add_s16_kernel SMG_FUNCTION;

/* Any shape and broadcast, any core. */
void SMG_FUNCTION(const smg_addrne_params *p, const void *a, const void *b, void *y /* (d0, d1, d2, d3) */,
                  void *scratch) {
    const SMG_INT(SMG_A_BITS) *from_a = a;
    const SMG_INT(SMG_B_BITS) *from_b = b;
    SMG_INT(SMG_OUT_BITS) *to = y;
    smg_position at = smg_start();
    (void)scratch;
    for (int32_t left = smg_elements(&p->shape); left > 0; left--) {
        const int64_t sum =
            (int64_t)(from_a[at.a] + p->a_offset) * p->a_mult + (int64_t)(from_b[at.b] + p->b_offset) * p->b_mult;
        const int32_t v = smg_rne_shift_right(sum, p->shift);
        *to++ = (SMG_INT(SMG_OUT_BITS))smg_finish(v, p->out_offset, p->act_min, p->act_max);
        smg_step(&p->shape, &at);
    }
}
