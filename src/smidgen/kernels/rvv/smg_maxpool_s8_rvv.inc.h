/* SPDX-License-Identifier: Apache-2.0 */
/* Maxima of windows, channels as lanes. */
#define SMG_PARAMS smg_pool_params
#include "smg_rvv.h"
#include "smg_rvv_pool.inc.h"

SMG_INLINE void smg_window(const SMG_PARAMS *p, const int8_t *x, int32_t height, int32_t width, int8_t *y) {
    size_t vl;
    for (int32_t c = 0; c < p->in_c; c += (int32_t)vl) {
        vl = __riscv_vsetvl_e8m8((size_t)(p->in_c - c));
        vint8m8_t best = __riscv_vmv_v_x_i8m8((int8_t)p->act_min, vl);
        for (int32_t r = 0; r < height; r++) {
            const int8_t *at = x + r * p->in_w * p->in_c + c;
            for (int32_t left = width; left > 0; left--, at += p->in_c) {
                best = __riscv_vmax_vv_i8m8(best, __riscv_vle8_v_i8m8(at, vl), vl);
            }
        }
        __riscv_vse8_v_i8m8(y + c, __riscv_vmin_vx_i8m8(best, (int8_t)p->act_max, vl), vl);
    }
}

smg_pool_kernel SMG_FUNCTION;

void SMG_FUNCTION(const smg_pool_params *p, const int8_t *x, int8_t *y, void *scratch) {
    (void)scratch;
    smg_rvv_windows(p, x, y);
}
