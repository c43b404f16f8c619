/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_broadcast.h"
#include "smg_float.h"

smg_mul_f32_kernel smg_mul_f32_scalar;

/* Any shape and broadcast, any core: a row of the last dimension after the other. */
void smg_mul_f32_scalar(const smg_mul_f32_params *p, const float *a, const float *b, float *y /* (d0, d1, d2, d3) */,
                        void *scratch) {
    (void)scratch;
    const smg_broadcast *s = &p->shape;
    smg_broadcast rows = *s; /* all but the last dimension */
    rows.dims[3] = 1;
    smg_position at = smg_start();
    for (int32_t left = smg_elements(&rows); left > 0; left--) {
        const float *ai = a + at.a, *bi = b + at.b;
        for (int32_t i = s->dims[3]; i > 0; i--, ai += s->a_strides[3], bi += s->b_strides[3]) {
            *y++ = smg_clip(*ai * *bi, p->act_min, p->act_max);
        }
        smg_step(&rows, &at);
    }
}
