/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_dsp_requantize.h"
#include "smg_kernels.h"
#include "smg_memory.h"

smg_add_kernel smg_add_same_s8_dsp;

/* One operand on the common scale, to which the other is added: the left shift stands in its rescale. */
SMG_INLINE int32_t scaled(int32_t v, smg_scale scale, int32_t sign) { return sign * smg_requantize_doubled(v, scale); }

/* A rescale whose value is first shifted left. */
SMG_INLINE smg_scale shifted_scale(int32_t mult, int32_t shift, int32_t left) {
    smg_scale scale = smg_channel_scale(mult, shift);
    scale.left += left;
    return scale;
}

/* Equal shapes. May work in place over either operand. */
void smg_add_same_s8_dsp(const smg_add_params *p, const int8_t *a /* (count) */, const int8_t *b /* (count) */,
                         int8_t *y /* (count) */, void *scratch) {
    (void)scratch;
    const smg_scale sa = shifted_scale(p->a_mult, p->a_shift, p->left_shift);
    const smg_scale sb = shifted_scale(p->b_mult, p->b_shift, p->left_shift);
    const smg_scale so = smg_channel_scale(p->out_mult, p->out_shift);
    const smg_range range = smg_output_range(p->out_offset, p->act_min, p->act_max);
    const int32_t a_offset = p->a_offset, b_offset = p->b_offset, a_sign = p->a_sign, b_sign = p->b_sign;
    const int32_t count = p->shape.dims[3];
    for (int32_t i = 0; i < count; i++) {
        const int32_t sum = scaled(a[i] + a_offset, sa, a_sign) + scaled(b[i] + b_offset, sb, b_sign);
        y[i] = smg_dsp_output(SMG_DOUBLE, sum, so, range);
    }
}
