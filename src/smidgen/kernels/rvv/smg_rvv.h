/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernels for RISC-V vectors share: from 32-bit accumulators to output bytes, and moving rows of bytes.
 *
 * Everything is strip-mined with vsetvl, for any VLEN. SMG_ROUNDING_MODE: 0 TFLite's double rounding, 1 the same where
 * a lower clamp at the zero point hides how negative ties round, 2 one rounding with ties to even. SMG_LEFT:
 * accumulators of some channel are shifted left before they are multiplied. SMG_CLAMPS: the clamp is narrower than
 * int8. */
#ifndef SMG_RVV_H
#define SMG_RVV_H
#include "smg_requantize.h"
#include <riscv_vector.h>
#include <stddef.h>

/* Multiplying rounds to nearest; or to odd, which one more rounding to even cannot tell from the exact product. */
#define SMG_PRODUCT_ROUNDING (SMG_ROUNDING_MODE == 2 ? __RISCV_VXRM_ROD : __RISCV_VXRM_RNU)
#define SMG_SHIFT_ROUNDING (SMG_ROUNDING_MODE == 2 ? __RISCV_VXRM_RNE : __RISCV_VXRM_RNU)

/* The output's zero point and clamp. */
typedef struct {
    int32_t offset, lo, hi;
} smg_rvv_range;

/* The compiler is to keep one pointer and add to it, not one for each use. */
#define SMG_ONE_POINTER(x) __asm__("" : "+r"(x))

/* Whatever comes later is to be loaded later: between three sums and what they read there is no register to spare. */
#define SMG_IN_TURN(sums) __asm__ volatile("" : "+vr"(sums)::"memory")

/* Words of the record of a channel: bias, left shift, multiplier, right shift. */
#define SMG_RVV_RECORD 4

/* Zero point, saturation and clamp of 32 / 16 / 8 bits. */
SMG_INLINE vint8m2_t smg_rvv_narrow(vint16m4_t v, smg_rvv_range range, size_t vl) {
    v = __riscv_vsadd_vx_i16m4(v, (int16_t)range.offset, vl);
    vint8m2_t y = __riscv_vnclip_wx_i8m2(v, 0, __RISCV_VXRM_RNU, vl);
#if SMG_CLAMPS
    y = __riscv_vmax_vx_i8m2(y, (int8_t)range.lo, vl);
    y = __riscv_vmin_vx_i8m2(y, (int8_t)range.hi, vl);
#endif
    return y;
}

/* Outputs of one channel. Ties of negative numbers: away from zero, so one less is rounded up. */
SMG_INLINE vint8m2_t smg_rvv_outputs(vint32m8_t v, const int32_t *record, smg_rvv_range range, size_t vl) {
    const size_t right = (size_t)record[3];
#if SMG_LEFT
    v = __riscv_vsll_vx_i32m8(v, (size_t)record[1], vl);
#endif
    v = __riscv_vsmul_vx_i32m8(v, record[2], SMG_PRODUCT_ROUNDING, vl);
#if SMG_ROUNDING_MODE == 0
    v = __riscv_vadd_vx_i32m8_mu(__riscv_vmslt_vx_i32m8_b4(v, 0, vl), v, v, -(int32_t)(right != 0), vl);
#endif
    return smg_rvv_narrow(__riscv_vnclip_wx_i16m4(v, right, SMG_SHIFT_ROUNDING, vl), range, vl);
}

/* Sums of the same neighbouring channels, `count` of them (a constant), to be narrowed; their records are in columns
 * `step` words apart. Gives their right shifts. Each column is loaded once: beside three sums there is room for one. */
SMG_INLINE vuint16m4_t smg_rvv_scale(int32_t count, vint32m8_t *a0, vint32m8_t *a1, vint32m8_t *a2,
                                     const int32_t *columns, int32_t step, size_t vl) {
#if SMG_LEFT
    const vuint32m8_t left = __riscv_vreinterpret_v_i32m8_u32m8(__riscv_vle32_v_i32m8(columns + step, vl));
    *a0 = __riscv_vsll_vv_i32m8(*a0, left, vl);
    *a1 = count > 1 ? __riscv_vsll_vv_i32m8(*a1, left, vl) : *a1;
    *a2 = count > 2 ? __riscv_vsll_vv_i32m8(*a2, left, vl) : *a2;
#endif
    const vint32m8_t mult = __riscv_vle32_v_i32m8(columns + 2 * step, vl);
    *a0 = __riscv_vsmul_vv_i32m8(*a0, mult, SMG_PRODUCT_ROUNDING, vl);
    *a1 = count > 1 ? __riscv_vsmul_vv_i32m8(*a1, mult, SMG_PRODUCT_ROUNDING, vl) : *a1;
    *a2 = count > 2 ? __riscv_vsmul_vv_i32m8(*a2, mult, SMG_PRODUCT_ROUNDING, vl) : *a2;
    if (count > 2) {
        SMG_IN_TURN(*a0);
    }
    const vint32m8_t right = __riscv_vle32_v_i32m8(columns + 3 * step, vl);
    return __riscv_vncvt_x_x_w_u16m4(__riscv_vreinterpret_v_i32m8_u32m8(right), vl);
}

/* What smg_rvv_scale leaves, as outputs. */
SMG_INLINE vint8m2_t smg_rvv_scaled_outputs(vint32m8_t v, vuint16m4_t shifts, smg_rvv_range range, size_t vl) {
#if SMG_ROUNDING_MODE == 0
    const vbool4_t shifted = __riscv_vmsne_vx_u16m4_b4(shifts, 0, vl);
    v = __riscv_vadd_vx_i32m8_mu(__riscv_vmslt_vx_i32m8_b4_mu(shifted, shifted, v, 0, vl), v, v, -1, vl);
#endif
    return smg_rvv_narrow(__riscv_vnclip_wv_i16m4(v, shifts, SMG_SHIFT_ROUNDING, vl), range, vl);
}

SMG_INLINE void smg_rvv_copy(int8_t *to, const int8_t *from, int32_t count) {
    for (size_t vl; count > 0; count -= (int32_t)vl, to += vl, from += vl) {
        vl = __riscv_vsetvl_e8m8((size_t)count);
        __riscv_vse8_v_i8m8(to, __riscv_vle8_v_i8m8(from, vl), vl);
    }
}
#endif
