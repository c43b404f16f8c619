/* SPDX-License-Identifier: Apache-2.0 */
/* The plain statement of an elementwise product's arithmetic, shared by the two roundings. */
#ifndef SMG_MUL_SCALAR_INC_H
#define SMG_MUL_SCALAR_INC_H
#include "smg_broadcast.h"
#include "smg_requantize.h"

SMG_INLINE void smg_mul_scalar(smg_rounding rounding, const smg_mul_params *p, const int8_t *a, const int8_t *b,
                               int8_t *y /* (d0, d1, d2, d3) */) {
    const smg_broadcast *s = &p->shape;
    smg_position at = smg_start();
    for (int32_t left = smg_elements(s); left > 0; left--) {
        const int32_t product = (a[at.a] + p->a_offset) * (b[at.b] + p->b_offset);
        *y++ = smg_output(rounding, product, p->mult, p->shift, p->out_offset, p->act_min, p->act_max);
        smg_step(s, &at);
    }
}
#endif
