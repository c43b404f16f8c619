/* SPDX-License-Identifier: Apache-2.0 */
/* int8 product of equal shapes by arm_elementwise_mul_s8. */
#include "smg_cmsis_nn.inc.h"
#include "smg_kernels.h"

smg_mul_kernel smg_mul_s8_cmsis_nn;

void smg_mul_s8_cmsis_nn(const smg_mul_params *p, const int8_t *a, const int8_t *b, int8_t *y, void *scratch) {
    const int32_t *dims = p->shape.dims;
    (void)scratch;
    smg_cmsis_nn_done(arm_elementwise_mul_s8(a, b, p->a_offset, p->b_offset, y, p->out_offset, p->mult, p->shift,
                                             p->act_min, p->act_max, dims[0] * dims[1] * dims[2] * dims[3]));
}
