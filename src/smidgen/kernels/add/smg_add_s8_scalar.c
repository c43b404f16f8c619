/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_broadcast.h"

smg_add_kernel smg_add_s8_scalar;

/* One operand on the common scale: shifted left for precision, then rescaled. */
SMG_INLINE int32_t scaled(int32_t v, int32_t left_shift, int32_t mult, int32_t shift, int32_t sign) {
    return sign * smg_requantize(v * (1 << left_shift), mult, shift);
}

/* Any shape and broadcast, any core: TFLite's three double roundings. */
void smg_add_s8_scalar(const smg_add_params *p, const int8_t *a, const int8_t *b, int8_t *y, void *scratch) {
    (void)scratch;
    smg_position at = smg_start();
    for (int32_t left = smg_elements(&p->shape); left > 0; left--) {
        const int32_t sum = scaled(a[at.a] + p->a_offset, p->left_shift, p->a_mult, p->a_shift, p->a_sign) +
                            scaled(b[at.b] + p->b_offset, p->left_shift, p->b_mult, p->b_shift, p->b_sign);
        *y++ = smg_output(SMG_DOUBLE, sum, p->out_mult, p->out_shift, p->out_offset, p->act_min, p->act_max);
        smg_step(&p->shape, &at);
    }
}
