/* SPDX-License-Identifier: Apache-2.0 */
/* int8 maximum pooling by arm_max_pool_s8. */
#include "smg_cmsis_nn.inc.h"
#include "smg_kernels.h"

smg_pool_kernel smg_maxpool_s8_cmsis_nn;

void smg_maxpool_s8_cmsis_nn(const smg_pool_params *p, const int8_t *x, int8_t *y, void *scratch) {
    const cmsis_nn_context context = smg_cmsis_nn_context(scratch);
    const cmsis_nn_dims in = smg_cmsis_nn_dims(p->batch, p->in_h, p->in_w, p->in_c);
    const cmsis_nn_dims filter = smg_cmsis_nn_dims(1, p->k_h, p->k_w, 1);
    const cmsis_nn_dims out = smg_cmsis_nn_dims(p->batch, p->out_h, p->out_w, p->in_c);
    cmsis_nn_pool_params pool;
    pool.stride = smg_cmsis_nn_tile(p->stride_h, p->stride_w);
    pool.padding = smg_cmsis_nn_tile(p->pad_t, p->pad_l);
    pool.activation = smg_cmsis_nn_range(p->act_min, p->act_max);
    smg_cmsis_nn_done(arm_max_pool_s8(&context, &pool, &in, x, &filter, &out, y));
}
