/* SPDX-License-Identifier: Apache-2.0 */
/* The curved functions of ops/curves.py: the same float32 operations in the same order. */
#ifndef SMG_CURVES_INC_H
#define SMG_CURVES_INC_H
#include "smg_float.h"

SMG_INLINE float smg_magnitude(float v) { return smg_from_bits(smg_bits(v) & 0x7FFFFFFFU); }

SMG_INLINE float smg_with_sign_of(float v, float sign) {
    return smg_from_bits((smg_bits(v) & 0x7FFFFFFFU) | (smg_bits(sign) & 0x80000000U));
}

SMG_INLINE float smg_sigmoid(float x) {
    const float e = smg_exp(-smg_magnitude(x));
    return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

SMG_INLINE float smg_tanh(float x) {
    const float size = smg_magnitude(x), square = x * x;
    if (size < 0.625f) {
        float p = -0.005717027001082897f;
        p = p * square + 0.02065056934952736f;
        p = p * square + -0.05374349281191826f;
        p = p * square + 0.13331490755081177f;
        p = p * square + -0.3333328366279602f;
        return p * square * x + x;
    }
    return smg_with_sign_of(1.0f - 2.0f / (smg_exp(size + size) + 1.0f), x);
}

SMG_INLINE float smg_erf(float x) {
    const float size = smg_magnitude(x), square = x * x;
    if (size < 1.0f) {
        float p = 7.889115659054369e-05f;
        p = p * square + -0.000802083988673985f;
        p = p * square + 0.005189535208046436f;
        p = p * square + -0.026854444295167923f;
        p = p * square + 0.11283600330352783f;
        p = p * square + -0.3761262595653534f;
        p = p * square + 1.1283791065216064f;
        return p * x;
    }
    const float t = 1.0f / (size * 0.5f + 1.0f);
    float p = -0.20329998433589935f;
    p = p * t + 0.5562313795089722f;
    p = p * t + 0.0293669942766428f;
    p = p * t + 0.34227028489112854f;
    p = p * t + 0.2754918932914734f;
    return smg_with_sign_of(1.0f - smg_exp(-square) * (t * p), x);
}

SMG_INLINE float smg_hard_sigmoid(float x, float a, float b) { return smg_clip(x * a + b, 0.0f, 1.0f); }

SMG_INLINE float smg_elu(float x, float a) { return x > 0.0f ? x : a * (smg_exp(x) - 1.0f); }
#endif
