/* SPDX-License-Identifier: Apache-2.0 */
/* float32 to int8, shared by the two roundings. */
#ifndef SMG_QUANTIZE_SCALAR_INC_H
#define SMG_QUANTIZE_SCALAR_INC_H
#include "smg_kernels.h"
#include "smg_requantize.h"

/* v to the nearest integer; ties to even, or away from zero. |v| <= 512, so that the remainder is exact. */
SMG_INLINE int32_t smg_round(smg_rounding rounding, float v) {
    const int32_t whole = (int32_t)v; /* towards zero */
    const float rest = v - (float)whole;
    const float magnitude = rest < 0.0f ? -rest : rest;
    const int32_t away = whole + (v < 0.0f ? -1 : 1);
    if (magnitude == 0.5f) return rounding == SMG_EVEN && (whole & 1) == 0 ? whole : away;
    return magnitude > 0.5f ? away : whole;
}

SMG_INLINE void smg_quantize_scalar(smg_rounding rounding, const smg_quantize_params *p, const float *x /* (count) */,
                                    int8_t *y /* (count) */) {
    const float limit = 512.0f; /* saturates with any zero point */
    for (int32_t i = 0; i < p->count; i++) {
        float v = x[i] / p->scale;
        v = v > limit ? limit : v < -limit ? -limit : v == v ? v : 0.0f; /* NaN alone differs from itself */
        y[i] = (int8_t)smg_clamp(smg_round(rounding, v) + p->zero_point, INT8_MIN, INT8_MAX);
    }
}
#endif
