/* SPDX-License-Identifier: Apache-2.0 */
/* int8 addition of equal shapes by arm_elementwise_add_s8. */
#include "smg_cmsis_nn.inc.h"
#include "smg_kernels.h"

smg_add_kernel smg_add_s8_cmsis_nn;

void smg_add_s8_cmsis_nn(const smg_add_params *p, const int8_t *a, const int8_t *b, int8_t *y, void *scratch) {
    const int32_t *dims = p->shape.dims;
    (void)scratch;
    smg_cmsis_nn_done(arm_elementwise_add_s8(a, b, p->a_offset, p->a_mult, p->a_shift, p->b_offset, p->b_mult,
                                             p->b_shift, p->left_shift, y, p->out_offset, p->out_mult, p->out_shift,
                                             p->act_min, p->act_max, dims[0] * dims[1] * dims[2] * dims[3]));
}
