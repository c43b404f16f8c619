/* SPDX-License-Identifier: Apache-2.0 */
/* Four outputs of a 3-tap filter with stride 2, in one dimension. Even inputs see the taps g0 and g2: F(4, 2), points
 * 0, 1, -1, 2 and infinity, five products; odd ones see g1: four plain products. Those of the first and of the last
 * output join the sums of point 0 and of infinity, which no other output sees. */
#ifndef SMG_PORTABLE_S4_INC_H
#define SMG_PORTABLE_S4_INC_H
#include <stdint.h>

#define SMG_TILE 4
#define SMG_STRIDE 2
#define SMG_REACH 9
#define SMG_SIDE 9
#define SMG_SUMS 7
#define SMG_PAIRED 2
#define SMG_UNIT 2 /* the sum that adds to every output alike */
#define SMG_SCALE_BITS 2
#define SMG_INVERSE 0x38e38e39U /* of 9 */
#define SMG_OFFSET 4608U
#include "smg_portable_winograd.inc.h"

/* B': 0, odd 0, infinity, odd 3, 1, -1, 2, odd 1, odd 2. Of lanes too: no value is shifted right or compared. */
SMG_INLINE void smg_input_line(const uint32_t *d, uint32_t *t) {
    const uint32_t less = d[6] - d[2], twice2 = 2 * d[2], low = d[6] - d[4];
    t[0] = 2 * (d[0] - d[4]) + less;
    t[1] = d[1];
    t[2] = twice2 + d[8] - d[4] - 2 * d[6];
    t[3] = d[7];
    t[4] = low - twice2;
    t[5] = low + twice2 - 2 * d[4];
    t[6] = less;
    t[7] = d[3];
    t[8] = d[5];
}

/* Adds to inputs what adds ``by`` to each value of their line. */
SMG_INLINE void smg_raise(uint32_t *d, uint32_t by) {
    d[1] += by;
    d[3] += by;
    d[5] += by;
    d[6] += by;
    d[7] += by;
    d[8] += 3 * by;
}

/* G of three taps, in the order of B'. */
SMG_INLINE void smg_weight_line(const int32_t *g, int32_t *u) {
    u[0] = 3 * g[0];
    u[1] = u[3] = u[7] = u[8] = 6 * g[1];
    u[2] = 6 * g[2];
    u[4] = -3 * (g[0] + g[2]);
    u[5] = g[2] - g[0];
    u[6] = g[0] + 2 * g[2];
}

/* A'. */
SMG_INLINE void smg_output_line(const uint32_t *m, uint32_t *y) {
    const uint32_t sum = m[2] + m[3], less = m[2] - m[3], twice = 2 * m[4];
    y[0] = m[0] + sum + m[4];
    y[1] = less + twice + m[5];
    y[2] = sum + 2 * twice + m[6];
    y[3] = m[1] + less + 4 * twice;
}
#endif
