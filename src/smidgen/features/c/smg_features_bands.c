/* SPDX-License-Identifier: Apache-2.0 */
/* The mel bands of a power spectrum: a bin is multiplied once, since a falling slope is 1 minus a rising one. */
#include "smg_features_passes.h"

void smg_features_bands(const float *power, const float *weights, const uint16_t *segments, float *energies) {
    float rising = 0.0f;
    for (int segment = 0; segment <= SMG_FEATURES_BANDS; segment++) {
        float total = 0.0f, rise = 0.0f;
        int n = *segments++;
        for (; n >= 4; n -= 4, power += 4, weights += 4) { /* loads together, sums apart: nothing waits */
            const float a = power[0], b = power[1], c = power[2], d = power[3];
            const float e = a * weights[0], f = b * weights[1], g = c * weights[2], h = d * weights[3];
            total += a;
            rise += e;
            total += b;
            rise += f;
            total += c;
            rise += g;
            total += d;
            rise += h;
        }
        for (; n > 0; n--) {
            const float bin = *power++;
            total += bin;
            rise += bin * *weights++;
        }
        if (segment > 0) {
            *energies++ = rising + (total - rise);
        }
        rising = rise;
    }
}
