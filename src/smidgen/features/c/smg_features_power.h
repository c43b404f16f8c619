/* SPDX-License-Identifier: Apache-2.0 */
/* From the spectrum of a window taken as complex numbers to the power spectrum of the real signal. */
#ifndef SMG_FEATURES_POWER_H
#define SMG_FEATURES_POWER_H

#include "smg_features_passes.h"

static inline void smg_last_butterfly(const smg_complex *from, smg_complex y[SMG_FEATURES_LAST_RADIX]) {
    smg_complex x[SMG_FEATURES_LAST_RADIX];
    for (int k = 0; k < SMG_FEATURES_LAST_RADIX; k++) {
        x[k] = from[SMG_FEATURES_STEP * k];
    }
    SMG_FEATURES_LAST_DFT(x, y);
}

/* Power of the real signal's bins k (to *p) and HALF - k (to *q) from points a and b of the complex one's spectrum. */
static inline void smg_pair(smg_complex a, smg_complex b, smg_complex turn, float *p, float *q) {
    const smg_complex e = {a.re + b.re, a.im - b.im}, f = {a.im + b.im, b.re - a.re};
    const smg_complex g = smg_times(f, turn), x = smg_plus(e, g), y = smg_minus(e, g);
    *q = y.re * y.re + y.im * y.im;
    *p = x.re * x.re + x.im * x.im;
}

#endif
