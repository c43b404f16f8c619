/* SPDX-License-Identifier: Apache-2.0 */
/* Walking two operands of an elementwise operation in the order of its outputs. */
#ifndef SMG_BROADCAST_H
#define SMG_BROADCAST_H
#include "smg_kernels.h"
#include "smg_requantize.h"

/* Where an output's operands are: its index, and both operands' offsets in elements. */
typedef struct {
    int32_t index[4], a, b;
} smg_position;

SMG_INLINE smg_position smg_start(void) {
    const smg_position at = {{0, 0, 0, 0}, 0, 0};
    return at;
}

SMG_INLINE int32_t smg_elements(const smg_broadcast *s) { return s->dims[0] * s->dims[1] * s->dims[2] * s->dims[3]; }

/* To the next output in memory order: count up the last dimension, carry into the one before. */
SMG_INLINE void smg_step(const smg_broadcast *s, smg_position *at) {
    for (int32_t d = 3; d >= 0; d--) {
        at->a += s->a_strides[d];
        at->b += s->b_strides[d];
        if (++at->index[d] < s->dims[d]) return;
        at->a -= s->dims[d] * s->a_strides[d];
        at->b -= s->dims[d] * s->b_strides[d];
        at->index[d] = 0;
    }
}
#endif
