/* SPDX-License-Identifier: Apache-2.0 */
/* float32 layers by blocks, whose weights smg_f32_weights.h or smg_f16_weights.h, included before this, reads. */
#include "smg_f32_block.h"
#include "smg_kernels.h"

/* Four rows at a time, then one by one; of each, four output channels at a time. */
SMG_INLINE void fully_connected_f32_blocks(const smg_fully_connected_f32_params *p, const float *x /* (rows, in_c) */,
                                           const smg_words *w /* (out_c / 4, in_c, 4), rounded up */,
                                           const float *b /* (out_c / 4, 4), rounded up */,
                                           float *y /* (rows, out_c) */) {
    const int32_t in_c = p->in_c, out_c = p->out_c;
    const float lo = p->act_min, hi = p->act_max;
    const smg_reading r = {1, 1, in_c, 0, 0, 0, 0};
    int32_t rows = p->rows;
    for (; rows >= 4; rows -= 4, x += 4 * in_c, y += 4 * out_c) {
        for (int32_t o = 0; o < out_c; o += 4) {
            const smg_block sums = smg_block_dot(b + o, x, in_c, w + SMG_WORDS(o * in_c), &r);
            smg_block_store(y + o, out_c, smg_block_clip(sums, lo, hi), out_c - o);
        }
    }
    for (; rows > 0; rows--, x += in_c, y += out_c) {
        for (int32_t o = 0; o < out_c; o += 4) {
            const smg_quad sums = smg_quad_dot(b + o, x, w + SMG_WORDS(o * in_c), &r);
            smg_quad_store(y + o, smg_quad_clip(sums, lo, hi), out_c - o);
        }
    }
}
