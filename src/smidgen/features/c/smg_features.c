/* SPDX-License-Identifier: Apache-2.0 */
/* Log-mel features in float32. A window of real samples is taken as half as many complex ones; passes of radix 8 read
 * points b, b + HALF / 8, ... and write 8 b, 8 b + 1, ... so that every pass has the same shape; the last one makes
 * pairs of frequencies (k, HALF - k) at once, whose power follows without storing the spectrum; a walk over the bins
 * sums up the mel bands, two products' worth of filters from one, since a falling slope is 1 minus a rising one. */
#include "smg_features.h"

#include <stddef.h>

#define HALF (SMG_FEATURES_WINDOW / 2)
#define EIGHTH (HALF / 8)
#define RADIX SMG_FEATURES_LAST_RADIX
#define STEP (HALF / RADIX) /* between the frequencies of one butterfly of the last pass */

static float smg_signal[SMG_FEATURES_WINDOW]; /* emphasised */
static int32_t smg_before;                    /* the last sample */
static int32_t smg_newest;                    /* where the newest samples are: the second half, or the first */
static smg_complex smg_work[2][HALF];

void smg_features_reset(void) {
    __builtin_memset(smg_signal, 0, sizeof smg_signal);
    smg_before = 0;
    smg_newest = 0;
}

/* n samples, emphasised, to y */
static void emphasise(const int16_t *x, float *y, int32_t n) {
    int32_t before = smg_before;
    for (int32_t i = 0; i < n; i++) {
        const int32_t now = x[i];
        y[i] = (float)(SMG_FEATURES_EMPHASIS_ONE * now - SMG_FEATURES_EMPHASIS_PREVIOUS * before);
        before = now;
    }
    smg_before = before;
}

/* Takes the hop's samples; returns the window's older half. If a hop is half a window, the halves take turns and
 * nothing moves. */
static const float *push(const int16_t *samples) {
    if (2 * SMG_FEATURES_HOP == SMG_FEATURES_WINDOW) {
        smg_newest ^= HALF;
        emphasise(samples, smg_signal + smg_newest, HALF);
        return smg_signal + (smg_newest ^ HALF);
    }
    __builtin_memmove(smg_signal, smg_signal + SMG_FEATURES_HOP,
                      sizeof(float) * (SMG_FEATURES_WINDOW - SMG_FEATURES_HOP));
    emphasise(samples, smg_signal + SMG_FEATURES_WINDOW - SMG_FEATURES_HOP, SMG_FEATURES_HOP);
    smg_newest = HALF;
    return smg_signal;
}

/* A point of the signal, windowed. */
static inline smg_complex smg_windowed(const float *s, const float *w) {
    return (smg_complex){s[0] * w[0], s[1] * w[1]};
}

static inline void smg_store_turned(smg_complex *to, const smg_complex y[8], const smg_complex *turn) {
    to[0] = y[0];
    for (int j = 1; j < 8; j++) {
        to[j] = smg_times(y[j], turn[j - 1]);
    }
}

/* early, late: the window's halves */
static void first_pass(const float *early, const float *late, smg_complex *to) {
    const float *w = smg_features_window;
    const smg_complex *turn = smg_features_twiddles[0];
    for (int b = 0; b < EIGHTH; b++, early += 2, late += 2, w += 2, turn += 7, to += 8) {
        smg_complex x[8], y[8];
        for (int k = 0; k < 4; k++) {
            x[k] = smg_windowed(early + 2 * EIGHTH * k, w + 2 * EIGHTH * k);
            x[k + 4] = smg_windowed(late + 2 * EIGHTH * k, w + HALF + 2 * EIGHTH * k);
        }
        smg_dft8(x, y);
        smg_store_turned(to, y, turn);
    }
}

/* group: how many neighbouring butterflies share a twiddle */
static void middle_pass(const smg_complex *from, smg_complex *to, const smg_complex *turn, int group) {
    for (int g = 0; g < EIGHTH / group; g++, turn += 7) {
        for (int b = 0; b < group; b++, from++, to += 8) {
            smg_complex x[8], y[8];
            for (int k = 0; k < 8; k++) {
                x[k] = from[EIGHTH * k];
            }
            smg_dft8(x, y);
            smg_store_turned(to, y, turn);
        }
    }
}

static inline void smg_last_butterfly(const smg_complex *from, smg_complex y[RADIX]) {
    smg_complex x[RADIX];
    for (int k = 0; k < RADIX; k++) {
        x[k] = from[STEP * k];
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

/* The two butterflies whose frequencies pair up among themselves: 0, STEP, ... and STEP / 2, STEP * 3 / 2, ... */
static void power_of_two_butterflies(const smg_complex *from, const smg_complex *turn, float *power) {
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

/* The last pass and the power spectrum: power[k] for 0 < k < HALF */
static void last_pass(const smg_complex *from, float *power) {
    const smg_complex *turn = smg_features_split;
    const uint16_t *order = smg_features_order;
    power_of_two_butterflies(from, turn, power);
    turn += RADIX;
    order++;
    float *p = power + 1, *q = power + HALF - 1 - STEP * (RADIX - 1);
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

static void mel_bands(const float *power, int8_t *features) {
    const float *p = power + SMG_FEATURES_FIRST_BIN, *w = smg_features_weights;
    float rising = 0.0f;
    for (int segment = 0; segment <= SMG_FEATURES_BANDS; segment++) {
        float total = 0.0f, rise = 0.0f;
        for (int n = smg_features_segments[segment]; n > 0; n--) {
            const float bin = *p++;
            total += bin;
            rise += bin * *w++;
        }
        if (segment > 0) {
            *features++ = smg_quantise(rising + (total - rise));
        }
        rising = rise;
    }
}

void smg_features_frame(const int16_t *samples, int8_t *features) {
    const float *early = push(samples);
    smg_complex *from = smg_work[0], *to = smg_work[1];
    first_pass(early, smg_signal + smg_newest, from);
    for (int i = 0, group = 8; i < SMG_FEATURES_MIDDLE_PASSES; i++, group *= 8) {
        middle_pass(from, to, smg_features_twiddles[i + 1], group);
        smg_complex *other = from;
        from = to;
        to = other;
    }
    last_pass(from, (float *)to);
    mel_bands((const float *)to, features);
}
