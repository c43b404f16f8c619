/* SPDX-License-Identifier: Apache-2.0 */
/* Quotients of sums, halves away from zero, channels as lanes. */
#define SMG_PARAMS smg_pool_params
#include "smg_rvv_pool.inc.h"
#include "smg_rvv_sums.inc.h"

/* sums / count, saturated to int8. */
SMG_INLINE vint8m2_t smg_quotients(vint32m8_t sums, int32_t count, smg_rvv_range range, size_t vl) {
    const vbool4_t above = __riscv_vmsgt_vx_i32m8_b4(sums, 0, vl);
    const vint32m8_t lowered = __riscv_vadd_vx_i32m8(sums, -(count / 2), vl);
    const vint32m8_t moved = __riscv_vadd_vx_i32m8_mu(above, lowered, sums, count / 2, vl);
    const vint32m8_t v = __riscv_vdiv_vx_i32m8(moved, count, vl);
    return smg_rvv_narrow(__riscv_vnclip_wx_i16m4(v, 0, __RISCV_VXRM_RNU, vl), range, vl);
}

SMG_INLINE void smg_window(const SMG_PARAMS *p, const int8_t *x, int32_t height, int32_t width, int8_t *y) {
    const smg_rvv_range range = {0, p->act_min, p->act_max};
    size_t vl;
    for (int32_t c = 0; c < p->in_c; c += (int32_t)vl) {
        vl = __riscv_vsetvl_e16m4((size_t)(p->in_c - c));
        const vint32m8_t none = __riscv_vmv_v_x_i32m8(0, vl);
        const vint32m8_t sums = smg_rvv_sums(none, x + c, height, width, p->in_c, p->in_w * p->in_c, vl);
        __riscv_vse8_v_i8m2(y + c, smg_quotients(sums, height * width, range, vl), vl);
    }
}

smg_pool_kernel SMG_FUNCTION;

void SMG_FUNCTION(const smg_pool_params *p, const int8_t *x, int8_t *y, void *scratch) {
    (void)scratch;
    smg_rvv_windows(p, x, y);
}
