/* SPDX-License-Identifier: Apache-2.0 */
/* TFLite's three double roundings, of operands of the same shape. SMG_A_NEGATIVE, SMG_B_NEGATIVE: subtracted. */
#include "smg_kernels.h"
#include "smg_rvv.h"

/* v * mult * 2^(-right - 31), halves of the last rounding away from zero. */
SMG_INLINE vint32m8_t smg_rescaled(vint32m8_t v, int32_t mult, int32_t right, size_t vl) {
    v = __riscv_vsmul_vx_i32m8(v, mult, __RISCV_VXRM_RNU, vl);
    v = __riscv_vadd_vx_i32m8_mu(__riscv_vmslt_vx_i32m8_b4(v, 0, vl), v, v, -(int32_t)(right != 0), vl);
    return __riscv_vssra_vx_i32m8(v, (size_t)right, __RISCV_VXRM_RNU, vl);
}

SMG_INLINE vint32m8_t smg_operand(const int8_t *x, int32_t offset, int32_t left, int32_t mult, int32_t shift,
                                  size_t vl) {
    vint32m8_t v = __riscv_vsext_vf4_i32m8(__riscv_vle8_v_i8m2(x, vl), vl);
    v = __riscv_vsll_vx_i32m8(__riscv_vadd_vx_i32m8(v, offset, vl), (size_t)left, vl);
    return smg_rescaled(v, mult, -shift, vl);
}

smg_add_kernel SMG_FUNCTION;

void SMG_FUNCTION(const smg_add_params *p, const int8_t *a, const int8_t *b, int8_t *y, void *scratch) {
    const smg_rvv_range range = {p->out_offset, p->act_min, p->act_max};
    const int32_t record[SMG_RVV_RECORD] = {0, 0, p->out_mult, -p->out_shift};
    int32_t count = p->shape.dims[0] * p->shape.dims[1] * p->shape.dims[2] * p->shape.dims[3];
    (void)scratch;
    for (size_t vl; count > 0; count -= (int32_t)vl, a += vl, b += vl, y += vl) {
        vl = __riscv_vsetvl_e32m8((size_t)count);
        vint32m8_t sum = smg_operand(a, p->a_offset, p->left_shift, p->a_mult, p->a_shift, vl);
        const vint32m8_t other = smg_operand(b, p->b_offset, p->left_shift, p->b_mult, p->b_shift, vl);
        if (SMG_A_NEGATIVE) {
            sum = __riscv_vneg_v_i32m8(sum, vl);
        }
        sum = SMG_B_NEGATIVE ? __riscv_vsub_vv_i32m8(sum, other, vl) : __riscv_vadd_vv_i32m8(sum, other, vl);
        __riscv_vse8_v_i8m2(y, smg_rvv_outputs(sum, record, range, vl), vl);
    }
}
