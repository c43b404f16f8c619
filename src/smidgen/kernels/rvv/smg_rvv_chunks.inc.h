/* SPDX-License-Identifier: Apache-2.0 */
/* Products of rows with a matrix, output channels as lanes, in 16 bits as long as they provably fit: SMG_CHUNK products
 * of bytes, then two vectors of 32 bits take the sums over. That is twice the lanes of smg_rvv_channels.inc.h, but one
 * row at a time. w (in_c, out_c); b: columns of bias, left shift, multiplier, right shift, each (out_c). */
#include "smg_kernels.h"
#include "smg_rvv.h"

typedef struct {
    int32_t rows, in_c, out_c;
    smg_rvv_range range;
} smg_rvv_matrix;

/* Sums of 16 bits to those of 32; whole registers, whatever lies behind the last channel. */
#define SMG_TAKE_OVER()                                                                 \
    do {                                                                                \
        low = __riscv_vwadd_wv_i32m8(low, __riscv_vget_v_i16m8_i16m4(sums, 0), half);   \
        high = __riscv_vwadd_wv_i32m8(high, __riscv_vget_v_i16m8_i16m4(sums, 1), half); \
    } while (0)
#define SMG_NEXT(i)                                                                 \
    do {                                                                            \
        w += m->out_c;                                                              \
        sums = __riscv_vwmacc_vx_i16m8(sums, x[i], __riscv_vle8_v_i8m4(w, vl), vl); \
    } while (0)

/* From the sums of vl channels. */
SMG_INLINE void smg_chunks_output(const smg_rvv_matrix *m, vint32m8_t sums, const int32_t *b, int8_t *y, size_t vl) {
    vint32m8_t none = sums;
    const vuint16m4_t shifts = smg_rvv_scale(1, &sums, &none, &none, b, m->out_c, vl);
    __riscv_vse8_v_i8m2(y, smg_rvv_scaled_outputs(sums, shifts, m->range, vl), vl);
}

/* vl channels of a row. */
SMG_INLINE void smg_chunks_block(const smg_rvv_matrix *m, const int8_t *x, const int8_t *w, const int32_t *b, int8_t *y,
                                 size_t vl) {
    const size_t half = __riscv_vsetvlmax_e16m4(), below = vl < half ? vl : half, above = vl - below;
    vint32m8_t low = __riscv_vle32_v_i32m8(b, below), high = __riscv_vle32_v_i32m8(b + below, above);
    int32_t k = m->in_c;
    for (; k >= SMG_CHUNK; k -= SMG_CHUNK, x += SMG_CHUNK, w += m->out_c) {
        vint16m8_t sums = __riscv_vwmul_vx_i16m8(__riscv_vle8_v_i8m4(w, vl), x[0], vl);
        SMG_NEXT(1);
#if SMG_CHUNK > 2
        SMG_IN_TURN(sums); /* of each two steps: there is room for two vectors of weights */
        SMG_NEXT(2);
        SMG_NEXT(3);
#endif
#if SMG_CHUNK > 4
        SMG_IN_TURN(sums);
        SMG_NEXT(4);
        SMG_NEXT(5);
        SMG_IN_TURN(sums);
        SMG_NEXT(6);
        SMG_NEXT(7);
#endif
        SMG_TAKE_OVER();
    }
    for (; k > 0; k--, x++, w += m->out_c) {
        const vint16m8_t sums = __riscv_vwmul_vx_i16m8(__riscv_vle8_v_i8m4(w, vl), x[0], vl);
        SMG_TAKE_OVER();
    }
    smg_chunks_output(m, low, b, y, below);
    if (above > 0) {
        smg_chunks_output(m, high, b + below, y + below, above);
    }
}

/* A group of channels of all rows, then the next. */
SMG_INLINE void smg_chunks(const smg_rvv_matrix *m, const int8_t *x, const int8_t *w, const int32_t *b, int8_t *y) {
    size_t vl;
    for (int32_t c = 0; c < m->out_c; c += (int32_t)vl) {
        vl = __riscv_vsetvl_e8m4((size_t)(m->out_c - c));
        for (int32_t r = 0; r < m->rows; r++) {
            smg_chunks_block(m, x + r * m->in_c, w + c, b + c, y + r * m->out_c + c, vl);
        }
    }
}
