/* SPDX-License-Identifier: Apache-2.0 */
/* Pointwise convolution by blocks of SMG_GROUPS groups: all of a block is read before any of its outputs is written. */
#ifndef SMG_POINTWISE_BLOCK_INC_H
#define SMG_POINTWISE_BLOCK_INC_H
#include "smg_pointwise_expand.inc.h"
#include "smg_pointwise_pairs.inc.h"
#if SMG_TAIL == 1
#include "smg_pointwise_pixel.inc.h"
#endif

/* scratch: activation words of a block, and of what is left after whole groups: one pixel is computed alone, two or
 * three with the two or one before them, whose words the last block keeps. */
SMG_INLINE void smg_pointwise(const smg_conv2d_params *p, const int8_t *x, const int32_t *stream, int8_t *y,
                              void *scratch) {
    uint32_t *activations = scratch;
    int32_t groups = p->batch * p->out_h * p->out_w / 4;
    smg_pointwise_block block;
    while (groups > 0) {
        const int32_t count = groups < SMG_GROUPS ? groups : SMG_GROUPS;
        uint32_t *end = activations + count * SMG_GROUP_WORDS;
        smg_pointwise_expand(x, activations, count);
        block.end = block.tail_end = end;
        block.odd = count % 2;
#if SMG_TAIL == 1
        if (count == groups) smg_pointwise_expand_pixel(x + 4 * count * SMG_IN_C, end);
#elif SMG_TAIL > 1
        if (count == groups) {
            smg_pointwise_expand(x + (4 * count - 4 + SMG_TAIL) * SMG_IN_C, end, 1);
            block.tail_end = end + SMG_GROUP_WORDS;
        }
#endif
        smg_pointwise_pairs(activations, y, stream, &block);
        x += 4 * count * SMG_IN_C;
        y += 4 * count * SMG_OUT_C;
        groups -= count;
#if SMG_TAIL == 1
        if (groups == 0) smg_pointwise_pixel(end, y, stream);
#endif
    }
}
#endif
