/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of neighbouring channels over pixels. */
#ifndef SMG_RVV_SUMS_INC_H
#define SMG_RVV_SUMS_INC_H
#include "smg_kernels.h"
#include "smg_rvv.h"
#include "smg_small.h"

/* sums + of x (height, width, channels), pixels `step` and rows `pitch` bytes apart. */
SMG_INLINE vint32m8_t smg_rvv_sums(vint32m8_t sums, const int8_t *x, int32_t height, int32_t width, int32_t step,
                                   int32_t pitch, size_t vl) {
    for (; height > 0; height--, x += pitch) {
        const int8_t *at = x;
        SMG_ROLLED
        for (int32_t left = width; left > 0; left--, at += step) {
            sums = __riscv_vwadd_wv_i32m8(sums, __riscv_vsext_vf2_i16m4(__riscv_vle8_v_i8m2(at, vl), vl), vl);
        }
    }
    return sums;
}
#endif
