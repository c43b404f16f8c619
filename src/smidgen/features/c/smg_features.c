/* SPDX-License-Identifier: Apache-2.0 */
/* Log-mel features in float32. A window of real samples is taken as half as many complex ones; passes of radix 8 read
 * points b, b + HALF / 8, ... and write 8 b, 8 b + 1, ... so that every pass has the same shape; the last one makes
 * pairs of frequencies (k, HALF - k) at once, whose power follows without storing the spectrum; a walk over the bins
 * sums up the mel bands, two products' worth of filters from one, since a falling slope is 1 minus a rising one. */
#include "smg_features.h"

#include "smg_features_passes.h"
#include "smg_features_power.h"

#define HALF SMG_FEATURES_HALF
#define RADIX SMG_FEATURES_LAST_RADIX
#define STEP SMG_FEATURES_STEP

static _Alignas(8) float smg_signal[SMG_FEATURES_WINDOW]; /* emphasised */
static int32_t smg_before;                                /* the last sample */
static int32_t smg_newest;                                /* where the newest samples are: second half, or first */
static smg_complex smg_work[2][HALF];

void smg_features_reset(void) {
    __builtin_memset(smg_signal, 0, sizeof smg_signal);
    smg_before = 0;
    smg_newest = 0;
}

/* Takes the hop's samples; returns the window's older half. If a hop is half a window, the halves take turns and
 * nothing moves. */
static const float *push(const int16_t *samples) {
    if (2 * SMG_FEATURES_HOP == SMG_FEATURES_WINDOW) {
        smg_newest ^= HALF;
        smg_before = smg_features_emphasise(samples, smg_signal + smg_newest, HALF, smg_before);
        return smg_signal + (smg_newest ^ HALF);
    }
    __builtin_memmove(smg_signal, smg_signal + SMG_FEATURES_HOP,
                      sizeof(float) * (SMG_FEATURES_WINDOW - SMG_FEATURES_HOP));
    smg_before = smg_features_emphasise(samples, smg_signal + SMG_FEATURES_WINDOW - SMG_FEATURES_HOP, SMG_FEATURES_HOP,
                                        smg_before);
    smg_newest = HALF;
    return smg_signal;
}

/* The two butterflies whose frequencies pair up among themselves: 0, STEP, ... and STEP / 2, STEP * 3 / 2, ... */
static void power_of_two_butterflies(const smg_complex *from, float *power) {
    const smg_complex *turn = smg_features_split;
    smg_complex y[RADIX], z[RADIX];
    smg_last_butterfly(from, y);
    smg_last_butterfly(from + smg_features_order[0], z);
    for (int j = 0; j < RADIX / 2; j++) {
        const int k = STEP / 2 + STEP * j;
        smg_pair(z[j], z[RADIX - 1 - j], *turn++, power + k, power + HALF - k);
    }
    for (int j = 1; j <= RADIX / 2; j++) {
        smg_pair(y[j], y[RADIX - j], *turn++, power + STEP * j, power + HALF - STEP * j);
    }
}

/* trunc(clip((10 log10(max(energy, floor)) + offset) / range) / scale + zero point) */
static inline int8_t smg_quantise(float energy) {
    int32_t bits;
    __builtin_memcpy(&bits, &energy, sizeof bits);
    bits = bits > SMG_FEATURES_FLOOR_BITS ? bits : SMG_FEATURES_FLOOR_BITS;
    const float exponent = (float)((bits >> 23) - 127);
    const int32_t mantissa = (bits & 0x7fffff) | 0x3f800000;
    float x;
    __builtin_memcpy(&x, &mantissa, sizeof x);
    x -= 1.0f;
    float series = SMG_FEATURES_LOG2_6;
    series = SMG_FEATURES_LOG2_5 + x * series;
    series = SMG_FEATURES_LOG2_4 + x * series;
    series = SMG_FEATURES_LOG2_3 + x * series;
    series = SMG_FEATURES_LOG2_2 + x * series;
    series = SMG_FEATURES_LOG2_1 + x * series;
    series = SMG_FEATURES_LOG2_0 + x * series;
    float steps = (exponent + x * series) * SMG_FEATURES_GAIN + SMG_FEATURES_BIAS;
    steps = steps > 0.0f ? steps : 0.0f;
    steps = steps < SMG_FEATURES_TOP ? steps : SMG_FEATURES_TOP;
    return (int8_t)(int32_t)(steps + SMG_FEATURES_ZERO);
}

void smg_features_frame(const int16_t *samples, int8_t *features) {
    const float *early = push(samples);
    smg_complex *from = smg_work[0], *to = smg_work[1];
    smg_features_first_pass(early, smg_signal + smg_newest, from, smg_features_window, smg_features_twiddles[0]);
    for (int32_t i = 0, group = 8; i < SMG_FEATURES_MIDDLE_PASSES; i++, group *= 8) {
        smg_features_middle_pass(from, to, smg_features_twiddles[i + 1], group);
        smg_complex *other = from;
        from = to;
        to = other;
    }
    float *power = (float *)to, energies[SMG_FEATURES_BANDS];
    power_of_two_butterflies(from, power);
    smg_features_last_pass(from, power, smg_features_order + 1, smg_features_split + RADIX);
    smg_features_bands(power + SMG_FEATURES_FIRST_BIN, smg_features_weights, smg_features_segments, energies);
    for (int band = 0; band < SMG_FEATURES_BANDS; band++) {
        features[band] = smg_quantise(energies[band]);
    }
}
