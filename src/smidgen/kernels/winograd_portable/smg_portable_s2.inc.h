/* SPDX-License-Identifier: Apache-2.0 */
/* Two outputs of a 3-tap filter with stride 2, in one dimension. Even inputs see the taps g0 and g2: F(2, 2), three
 * products; odd ones see g1: two plain products, which join the sums of the first and the last. */
#ifndef SMG_PORTABLE_S2_INC_H
#define SMG_PORTABLE_S2_INC_H
#include <stdint.h>

#define SMG_TILE 2
#define SMG_STRIDE 2
#define SMG_REACH 5
#define SMG_SIDE 5
#define SMG_SUMS 3
#define SMG_PAIRED 2
#define SMG_UNIT 2 /* the sum that adds to every output alike */
#define SMG_SCALE_BITS 2
#define SMG_INVERSE 1U
#define SMG_OFFSET 512U
#include "smg_portable_winograd.inc.h"

/* B': first, odd 0, last, odd 1, middle. Of lanes too: no value is shifted right or compared. */
SMG_INLINE void smg_input_line(const uint32_t *d, uint32_t *t) {
    t[0] = d[0] - d[2];
    t[1] = d[1];
    t[2] = d[4] - d[2];
    t[3] = d[3];
    t[4] = d[2];
}

/* Adds to inputs what adds ``by`` to each value of their line. */
SMG_INLINE void smg_raise(uint32_t *d, uint32_t by) {
    d[0] += 2 * by;
    d[1] += by;
    d[2] += by;
    d[3] += by;
    d[4] += 2 * by;
}

/* G of three taps, in the order of B'. */
SMG_INLINE void smg_weight_line(const int32_t *g, int32_t *u) {
    u[0] = 2 * g[0];
    u[1] = u[3] = 2 * g[1];
    u[2] = 2 * g[2];
    u[4] = 2 * (g[0] + g[2]);
}

/* A'. */
SMG_INLINE void smg_output_line(const uint32_t *m, uint32_t *y) {
    y[0] = m[0] + m[2];
    y[1] = m[1] + m[2];
}
#endif
