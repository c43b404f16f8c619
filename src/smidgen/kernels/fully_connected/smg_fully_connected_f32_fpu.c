/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_f32_block.h"
#include "smg_kernels.h"

smg_fully_connected_f32_kernel smg_fully_connected_f32_fpu;

/* Four rows at a time, then one by one; of each, four output channels at a time. */
void smg_fully_connected_f32_fpu(const smg_fully_connected_f32_params *p, const float *x /* (rows, in_c) */,
                                 const float *w /* (out_c / 4, in_c, 4), rounded up */,
                                 const float *b /* (out_c / 4, 4), rounded up */, float *y /* (rows, out_c) */,
                                 void *scratch) {
    (void)scratch;
    const int32_t in_c = p->in_c, out_c = p->out_c;
    const float lo = p->act_min, hi = p->act_max;
    int32_t rows = p->rows;
    for (; rows >= 4; rows -= 4, x += 4 * in_c, y += 4 * out_c) {
        for (int32_t o = 0; o < out_c; o += 4) {
            const smg_quad bias = smg_quad_load(b + o);
            const smg_block start = {bias, bias, bias, bias};
            const smg_block sums = smg_block_dot(start, x, in_c, w + o * in_c, in_c);
            smg_block_store(y + o, out_c, smg_block_clip(sums, lo, hi), out_c - o);
        }
    }
    for (; rows > 0; rows--, x += in_c, y += out_c) {
        for (int32_t o = 0; o < out_c; o += 4) {
            const smg_quad sums = smg_quad_dot(smg_quad_load(b + o), x, w + o * in_c, in_c);
            smg_quad_store(y + o, smg_quad_clip(sums, lo, hi), out_c - o);
        }
    }
}
