/* SPDX-License-Identifier: Apache-2.0 */
/* int8 fully connected layer by arm_fully_connected_wrapper_s8. */
#include "smg_cmsis_nn.inc.h"
#include "smg_kernels.h"

smg_fully_connected_kernel smg_fully_connected_s8_cmsis_nn;

void smg_fully_connected_s8_cmsis_nn(const smg_fully_connected_params *p, const int8_t *x, const int8_t *w,
                                     const int32_t *b, int8_t *y, void *scratch) {
    const cmsis_nn_context context = smg_cmsis_nn_context(scratch);
    const cmsis_nn_dims in = smg_cmsis_nn_dims(p->rows, 1, 1, p->in_c);
    const cmsis_nn_dims filter = smg_cmsis_nn_dims(p->in_c, 1, 1, p->out_c);
    const cmsis_nn_dims bias = smg_cmsis_nn_dims(1, 1, 1, p->out_c);
    const cmsis_nn_dims out = smg_cmsis_nn_dims(p->rows, 1, 1, p->out_c);
    cmsis_nn_fc_params dense;
    cmsis_nn_quant_params quant;
    dense.input_offset = p->in_offset;
    dense.filter_offset = 0;
    dense.output_offset = p->out_offset;
    dense.activation = smg_cmsis_nn_range(p->act_min, p->act_max);
    quant.multiplier = smg_cmsis_nn_constants(p->mult);
    quant.shift = smg_cmsis_nn_constants(p->shift);
    quant.is_per_channel = p->channel_step;
#if defined(ARM_MATH_MVEI)
    /* Its Helium code takes the weights' sums, with the bias, from the buffer. */
    smg_cmsis_nn_done(arm_vector_sum_s8(scratch, p->in_c, p->out_c, w, p->in_offset, 0, b));
#endif
    smg_cmsis_nn_done(arm_fully_connected_wrapper_s8(&context, &dense, &quant, &in, x, &filter, w, &bias, b, &out, y));
}
