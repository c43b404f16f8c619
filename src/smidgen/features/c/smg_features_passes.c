/* SPDX-License-Identifier: Apache-2.0 */
/* The loops of smg_features.c for any core with a C compiler. */
#include "smg_features_passes.h"

#include "smg_features_power.h"

#define EIGHTH SMG_FEATURES_EIGHTH
#define RADIX SMG_FEATURES_LAST_RADIX
#define STEP SMG_FEATURES_STEP

int32_t smg_features_emphasise(const int16_t *x, float *y, int32_t n, int32_t before) {
    for (int32_t i = 0; i < n; i++) {
        const int32_t now = x[i];
        y[i] = (float)(SMG_FEATURES_EMPHASIS_ONE * now - SMG_FEATURES_EMPHASIS_PREVIOUS * before);
        before = now;
    }
    return before;
}

static inline void smg_store_turned(smg_complex *to, const smg_complex y[8], const smg_complex *turn) {
    to[0] = y[0];
    for (int j = 1; j < 8; j++) {
        to[j] = smg_times(y[j], turn[j - 1]);
    }
}

void smg_features_first_pass(const float *early, const float *late, smg_complex *to, const float *window,
                             const smg_complex *turn) {
    for (int b = 0; b < EIGHTH; b++, early += 2, late += 2, window += 16, turn += 7, to += 8) {
        smg_complex x[8], y[8];
        for (int k = 0; k < 8; k++) {
            const float *s = (k < 4 ? early : late) + 2 * EIGHTH * (k % 4);
            x[k] = (smg_complex){s[0] * window[2 * k], s[1] * window[2 * k + 1]};
        }
        smg_dft8(x, y);
        smg_store_turned(to, y, turn);
    }
}

void smg_features_middle_pass(const smg_complex *from, smg_complex *to, const smg_complex *turn, int32_t group) {
    for (int32_t g = 0; g < EIGHTH / group; g++, turn += 7) {
        for (int32_t b = 0; b < group; b++, from++, to += 8) {
            smg_complex x[8], y[8];
            for (int k = 0; k < 8; k++) {
                x[k] = from[EIGHTH * k];
            }
            smg_dft8(x, y);
            smg_store_turned(to, y, turn);
        }
    }
}

void smg_features_last_pass(const smg_complex *from, float *power, const uint16_t *order, const smg_complex *turn) {
    float *p = power + 1, *q = power + SMG_FEATURES_HALF - 1 - STEP * (RADIX - 1);
    for (int k = 1; k < STEP / 2; k++, order += 2, turn += RADIX / 2, p++, q--) {
        smg_complex y[RADIX], z[RADIX]; /* frequencies k + STEP j and STEP - k + STEP j */
        smg_last_butterfly(from + order[1], z);
        smg_last_butterfly(from + order[0], y);
        for (int j = 0; j < RADIX / 2; j++) {
            const smg_complex quarter = {turn[j].im, -turn[j].re};
            smg_pair(y[j], z[RADIX - 1 - j], turn[j], p + STEP * j, q + STEP * (RADIX - 1 - j));
            smg_pair(y[j + RADIX / 2], z[RADIX / 2 - 1 - j], quarter, p + STEP * (j + RADIX / 2),
                     q + STEP * (RADIX / 2 - 1 - j));
        }
    }
}
