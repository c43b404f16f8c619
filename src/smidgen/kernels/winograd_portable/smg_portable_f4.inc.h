/* SPDX-License-Identifier: Apache-2.0 */
/* F(4, 3) in one dimension, points 0, 1, -1, 2, -2 and infinity: six products, each a sum of its own. */
#ifndef SMG_PORTABLE_F4_INC_H
#define SMG_PORTABLE_F4_INC_H
#include <stdint.h>

#define SMG_TILE 4
#define SMG_STRIDE 1
#define SMG_REACH 6
#define SMG_SIDE 6
#define SMG_SUMS 6
#define SMG_PAIRED 0
#define SMG_UNIT 1 /* the sum that adds to every output alike */
#define SMG_SCALE_BITS 6
#define SMG_INVERSE 0x38e38e39U /* of 9 */
#define SMG_OFFSET 12800U
#include "smg_portable_winograd.inc.h"

/* B'. Of lanes too: no value is shifted right or compared. */
SMG_INLINE void smg_input_line(const uint32_t *d, uint32_t *t) {
    const uint32_t odd = d[3] - d[1], even = d[4] - d[2];
    const uint32_t a = d[4] - 4 * d[2], b = d[3] - 4 * d[1], twice = 2 * odd;
    t[0] = 4 * (d[0] - d[2]) + even;
    t[1] = a + b;
    t[2] = a - b;
    t[3] = even + twice;
    t[4] = even - twice;
    t[5] = d[5] - d[3] - 2 * twice;
}

/* Adds to inputs what adds ``by`` to each value of their line. */
SMG_INLINE void smg_raise(uint32_t *d, uint32_t by) {
    d[4] += by;
    d[5] += by;
}

/* G of three taps. */
SMG_INLINE void smg_weight_line(const int32_t *g, int32_t *u) {
    const int32_t outer = g[0] + g[2], far = g[0] + 4 * g[2];
    u[0] = 6 * g[0];
    u[1] = -4 * (outer + g[1]);
    u[2] = -4 * (outer - g[1]);
    u[3] = far + 2 * g[1];
    u[4] = far - 2 * g[1];
    u[5] = 12 * g[2];
}

/* A'. */
SMG_INLINE void smg_output_line(const uint32_t *m, uint32_t *y) {
    const uint32_t sum12 = m[1] + m[2], less12 = m[1] - m[2], sum34 = m[3] + m[4], twice34 = 2 * (m[3] - m[4]);
    y[0] = m[0] + sum12 + sum34;
    y[1] = less12 + twice34;
    y[2] = sum12 + 4 * sum34;
    y[3] = less12 + 2 * (2 * twice34 + m[5]);
}
#endif
