/* SPDX-License-Identifier: Apache-2.0 */
/* Products of rows with a matrix, output channels as lanes: one vector of weights serves three rows, whose sums stay in
 * 24 registers. w (in_c, out_c); b: columns of bias, left shift, multiplier, right shift, each (out_c). */
#include "smg_kernels.h"
#include "smg_rvv.h"

typedef struct {
    int32_t rows, in_c, out_c;
    smg_rvv_range range;
} smg_rvv_matrix;

/* vl channels of `count` rows. */
SMG_INLINE void smg_channels_block(int32_t count, const smg_rvv_matrix *m, const int8_t *x, const int8_t *w,
                                   const int32_t *b, int8_t *y, size_t vl) {
    const int8_t *x1 = x + m->in_c, *x2 = x1 + m->in_c;
    vint32m8_t a0 = __riscv_vle32_v_i32m8(b, vl), a1 = a0, a2 = a0;
#define SMG_STEP(i)                                                                   \
    do {                                                                              \
        const vint16m4_t v = __riscv_vsext_vf2_i16m4(__riscv_vle8_v_i8m2(w, vl), vl); \
        a0 = __riscv_vwmacc_vx_i32m8(a0, x[i], v, vl);                                \
        if (count > 1) {                                                              \
            a1 = __riscv_vwmacc_vx_i32m8(a1, x1[i], v, vl);                           \
        }                                                                             \
        if (count > 2) {                                                              \
            a2 = __riscv_vwmacc_vx_i32m8(a2, x2[i], v, vl);                           \
        }                                                                             \
        w += m->out_c;                                                                \
    } while (0)
    int32_t k = m->in_c;
    for (; k >= 8; k -= 8, x += 8, x1 += 8, x2 += 8) {
        SMG_STEP(0);
        SMG_STEP(1);
        SMG_STEP(2);
        SMG_STEP(3);
        SMG_STEP(4);
        SMG_STEP(5);
        SMG_STEP(6);
        SMG_STEP(7);
    }
    for (; k > 0; k--, x++, x1++, x2++) {
        SMG_STEP(0);
    }
#undef SMG_STEP
    const vuint16m4_t shifts = smg_rvv_scale(count, &a0, &a1, &a2, b, m->out_c, vl);
    __riscv_vse8_v_i8m2(y, smg_rvv_scaled_outputs(a0, shifts, m->range, vl), vl);
    if (count > 1) {
        __riscv_vse8_v_i8m2(y + m->out_c, smg_rvv_scaled_outputs(a1, shifts, m->range, vl), vl);
    }
    if (count > 2) {
        __riscv_vse8_v_i8m2(y + 2 * m->out_c, smg_rvv_scaled_outputs(a2, shifts, m->range, vl), vl);
    }
}

/* A group of channels of all rows, then the next: its weights come from memory once for every three rows. */
SMG_INLINE void smg_channels(const smg_rvv_matrix *m, const int8_t *x, const int8_t *w, const int32_t *b, int8_t *y) {
    size_t vl;
    for (int32_t c = 0; c < m->out_c; c += (int32_t)vl) {
        vl = __riscv_vsetvl_e16m4((size_t)(m->out_c - c));
        const int8_t *row = x;
        int8_t *to = y + c;
        int32_t left = m->rows;
        for (; left >= 3; left -= 3, row += 3 * m->in_c, to += 3 * m->out_c) {
            smg_channels_block(3, m, row, w + c, b + c, to, vl);
        }
        if (left == 2) {
            smg_channels_block(2, m, row, w + c, b + c, to, vl);
        } else if (left == 1) {
            smg_channels_block(1, m, row, w + c, b + c, to, vl);
        }
    }
}
