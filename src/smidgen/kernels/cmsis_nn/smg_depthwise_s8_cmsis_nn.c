/* SPDX-License-Identifier: Apache-2.0 */
/* int8 depthwise convolution by arm_depthwise_conv_wrapper_s8. */
#include "smg_cmsis_nn.inc.h"
#include "smg_kernels.h"

smg_depthwise_kernel smg_depthwise_s8_cmsis_nn;

void smg_depthwise_s8_cmsis_nn(const smg_depthwise_params *p, const int8_t *x, const int8_t *w, const int32_t *b,
                               int8_t *y, void *scratch) {
    const cmsis_nn_context context = smg_cmsis_nn_context(scratch);
    const cmsis_nn_dims in = smg_cmsis_nn_dims(p->batch, p->in_h, p->in_w, p->in_c);
    const cmsis_nn_dims filter = smg_cmsis_nn_dims(1, p->k_h, p->k_w, p->out_c);
    const cmsis_nn_dims bias = smg_cmsis_nn_dims(1, 1, 1, p->out_c);
    const cmsis_nn_dims out = smg_cmsis_nn_dims(p->batch, p->out_h, p->out_w, p->out_c);
    cmsis_nn_dw_conv_params conv;
    cmsis_nn_per_channel_quant_params quant;
    conv.input_offset = p->in_offset;
    conv.output_offset = p->out_offset;
    conv.ch_mult = p->multiplier;
    conv.stride = smg_cmsis_nn_tile(p->stride_h, p->stride_w);
    conv.padding = smg_cmsis_nn_tile(p->pad_t, p->pad_l);
    conv.dilation = smg_cmsis_nn_tile(p->dilation_h, p->dilation_w);
    conv.activation = smg_cmsis_nn_range(p->act_min, p->act_max);
    quant.multiplier = smg_cmsis_nn_constants(p->mult);
    quant.shift = smg_cmsis_nn_constants(p->shift);
    smg_cmsis_nn_done(arm_depthwise_conv_wrapper_s8(&context, &conv, &quant, &in, x, &filter, w, &bias, b, &out, y));
}
