/* SPDX-License-Identifier: Apache-2.0 */
/* F(2, 3) in one dimension, points 0, 1, -1 and infinity: four products, each a sum of its own. */
#ifndef SMG_PORTABLE_F2_INC_H
#define SMG_PORTABLE_F2_INC_H
#include <stdint.h>

#define SMG_TILE 2
#define SMG_STRIDE 1
#define SMG_REACH 4
#define SMG_SIDE 4
#define SMG_SUMS 4
#define SMG_PAIRED 0
#define SMG_UNIT 1 /* the sum that adds to every output alike */
#define SMG_SCALE_BITS 2
#define SMG_INVERSE 1U
#define SMG_OFFSET 512U
#include "smg_portable_winograd.inc.h"

/* B'. Of lanes too: no value is shifted right or compared. */
SMG_INLINE void smg_input_line(const uint32_t *d, uint32_t *t) {
    t[0] = d[0] - d[2];
    t[1] = d[1] + d[2];
    t[2] = d[2] - d[1];
    t[3] = d[3] - d[1];
}

/* Adds to inputs what adds ``by`` to each value of their line. */
SMG_INLINE void smg_raise(uint32_t *d, uint32_t by) {
    d[0] += 2 * by;
    d[2] += by;
    d[3] += by;
}

/* G of three taps. */
SMG_INLINE void smg_weight_line(const int32_t *g, int32_t *u) {
    u[0] = 2 * g[0];
    u[1] = g[0] + g[2] + g[1];
    u[2] = g[0] + g[2] - g[1];
    u[3] = 2 * g[2];
}

/* A'. */
SMG_INLINE void smg_output_line(const uint32_t *m, uint32_t *y) {
    y[0] = m[0] + m[1] + m[2];
    y[1] = m[1] - m[2] + m[3];
}
#endif
