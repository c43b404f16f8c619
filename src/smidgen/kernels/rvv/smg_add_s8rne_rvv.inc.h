/* SPDX-License-Identifier: Apache-2.0 */
/* An exact sum of two products, rounded once, ties to even, of operands of the same shape.
 *
 * A multiplier is high * 2^15 + low, so the sum of 48 bits is high * 2^15 + low as well, each of fewer than 32 bits.
 * Low is rounded to odd at 13 bits: with at least two bits more to be shifted out, rounding to even cannot tell. */
#include "smg_kernels.h"
#include "smg_rvv.h"

enum { SMG_LOW_BITS = 15, SMG_DROPPED = 13 };

SMG_INLINE int32_t smg_low(int64_t v) { return (int32_t)(v & ((1 << SMG_LOW_BITS) - 1)); }

/* The part of v above SMG_LOW_BITS, in units of 2^SMG_DROPPED. */
SMG_INLINE int32_t smg_high(int64_t v) { return (int32_t)(v >> SMG_LOW_BITS) * (1 << (SMG_LOW_BITS - SMG_DROPPED)); }

smg_addrne_kernel SMG_FUNCTION;

void SMG_FUNCTION(const smg_addrne_params *p, const int8_t *a, const int8_t *b, int8_t *y, void *scratch) {
    const smg_rvv_range range = {p->out_offset, p->act_min, p->act_max};
    const int64_t constant = (int64_t)p->a_offset * p->a_mult + (int64_t)p->b_offset * p->b_mult;
    int32_t count = p->shape.dims[0] * p->shape.dims[1] * p->shape.dims[2] * p->shape.dims[3];
    (void)scratch;
    for (size_t vl; count > 0; count -= (int32_t)vl, a += vl, b += vl, y += vl) {
        vl = __riscv_vsetvl_e32m8((size_t)count);
        const vint32m8_t u = __riscv_vsext_vf4_i32m8(__riscv_vle8_v_i8m2(a, vl), vl);
        const vint32m8_t v = __riscv_vsext_vf4_i32m8(__riscv_vle8_v_i8m2(b, vl), vl);
        vint32m8_t low = __riscv_vmul_vx_i32m8(u, smg_low(p->a_mult), vl);
        low = __riscv_vmacc_vx_i32m8(low, smg_low(p->b_mult), v, vl);
        low = __riscv_vadd_vx_i32m8(low, smg_low(constant), vl);
        low = __riscv_vssra_vx_i32m8(low, SMG_DROPPED, __RISCV_VXRM_ROD, vl);
        low = __riscv_vmacc_vx_i32m8(low, smg_high(p->a_mult), u, vl);
        low = __riscv_vmacc_vx_i32m8(low, smg_high(p->b_mult), v, vl);
        low = __riscv_vadd_vx_i32m8(low, smg_high(constant), vl);
        const vint16m4_t sum = __riscv_vnclip_wx_i16m4(low, (size_t)(p->shift - SMG_DROPPED), __RISCV_VXRM_RNE, vl);
        __riscv_vse8_v_i8m2(y, smg_rvv_narrow(sum, range, vl), vl);
    }
}
