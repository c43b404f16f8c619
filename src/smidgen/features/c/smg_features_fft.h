/* SPDX-License-Identifier: Apache-2.0 */
/* Complex numbers and the smallest transforms. The order of operations is part of the definition: smidgen's numpy
 * model does the same ones, and all bits agree. Compile with -ffp-contract=off. */
#ifndef SMG_FEATURES_FFT_H
#define SMG_FEATURES_FFT_H

#include <stddef.h>

#define SMG_HALF_ROOT 0.70710678118654752f

typedef struct {
    float re, im;
} smg_complex;

static inline smg_complex smg_plus(smg_complex a, smg_complex b) { return (smg_complex){a.re + b.re, a.im + b.im}; }

static inline smg_complex smg_minus(smg_complex a, smg_complex b) { return (smg_complex){a.re - b.re, a.im - b.im}; }

/* a + i b, a - i b */
static inline smg_complex smg_plus_i(smg_complex a, smg_complex b) { return (smg_complex){a.re - b.im, a.im + b.re}; }

static inline smg_complex smg_minus_i(smg_complex a, smg_complex b) { return (smg_complex){a.re + b.im, a.im - b.re}; }

static inline smg_complex smg_times(smg_complex a, smg_complex w) {
    return (smg_complex){a.re * w.re - a.im * w.im, a.re * w.im + a.im * w.re};
}

/* y[j] = sum of x[k] exp(-2 pi i j k / 8) */
static inline void smg_dft8(const smg_complex x[8], smg_complex y[8]) {
    const smg_complex a0 = smg_plus(x[0], x[4]), a4 = smg_minus(x[0], x[4]);
    const smg_complex a2 = smg_plus(x[2], x[6]), a6 = smg_minus(x[2], x[6]);
    const smg_complex a1 = smg_plus(x[1], x[5]), a5 = smg_minus(x[1], x[5]);
    const smg_complex a3 = smg_plus(x[3], x[7]), a7 = smg_minus(x[3], x[7]);
    const smg_complex b0 = smg_plus(a0, a2), b2 = smg_minus(a0, a2);
    const smg_complex b1 = smg_plus(a1, a3), b3 = smg_minus(a1, a3);
    const smg_complex b4 = smg_minus_i(a4, a6), b6 = smg_plus_i(a4, a6);
    const smg_complex u = smg_minus(a5, a7), v = smg_plus(a5, a7);
    const smg_complex t = {(u.re + v.im) * SMG_HALF_ROOT, (u.im - v.re) * SMG_HALF_ROOT};
    const smg_complex w = {(v.im - u.re) * SMG_HALF_ROOT, (-u.im - v.re) * SMG_HALF_ROOT};
    y[0] = smg_plus(b0, b1);
    y[4] = smg_minus(b0, b1);
    y[2] = smg_minus_i(b2, b3);
    y[6] = smg_plus_i(b2, b3);
    y[1] = smg_plus(b4, t);
    y[5] = smg_minus(b4, t);
    y[3] = smg_plus(b6, w);
    y[7] = smg_minus(b6, w);
}

static inline void smg_dft4(const smg_complex x[4], smg_complex y[4]) {
    const smg_complex a0 = smg_plus(x[0], x[2]), a2 = smg_minus(x[0], x[2]);
    const smg_complex a1 = smg_plus(x[1], x[3]), a3 = smg_minus(x[1], x[3]);
    y[0] = smg_plus(a0, a1);
    y[1] = smg_minus_i(a2, a3);
    y[2] = smg_minus(a0, a1);
    y[3] = smg_plus_i(a2, a3);
}

static inline void smg_dft2(const smg_complex x[2], smg_complex y[2]) {
    y[0] = smg_plus(x[0], x[1]);
    y[1] = smg_minus(x[0], x[1]);
}

#endif
