/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_kernels.h"
#include "smg_requantize.h"

smg_quantize_s16_kernel smg_quantize_s16rne_scalar;

/* v to the nearest integer, ties to even. |v| <= 65536, so that the remainder is exact. */
SMG_INLINE int32_t nearest(float v) {
    const int32_t whole = (int32_t)v; /* towards zero */
    const float rest = v - (float)whole;
    const float magnitude = rest < 0.0f ? -rest : rest;
    const int32_t away = whole + (v < 0.0f ? -1 : 1);
    if (magnitude == 0.5f) return (whole & 1) == 0 ? whole : away;
    return magnitude > 0.5f ? away : whole;
}

/* Any shape, any core; ties to even, zero point 0. */
void smg_quantize_s16rne_scalar(const smg_quantize_params *p, const float *x /* (count) */, int16_t *y /* (count) */,
                                void *scratch) {
    const float limit = 65536.0f; /* saturates */
    (void)scratch;
    for (int32_t i = 0; i < p->count; i++) {
        float v = x[i] / p->scale;
        v = v > limit ? limit : v < -limit ? -limit : v == v ? v : 0.0f; /* NaN alone differs from itself */
        y[i] = (int16_t)smg_clamp(nearest(v) + p->zero_point, INT16_MIN, INT16_MAX);
    }
}
