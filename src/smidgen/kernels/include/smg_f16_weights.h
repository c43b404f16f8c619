/* SPDX-License-Identifier: Apache-2.0 */
/* Weights in IEEE 754 half precision as the float32 kernels' bodies read them; smg_f32_weights.h is the other choice.
 * There are no infinities and NaNs among them; every other value is a float32 value, so conversion is exact. */
#ifndef SMG_WEIGHTS_H
#define SMG_WEIGHTS_H
#include "smg_half.h"

/* One weight in memory, and its value. */
typedef uint16_t smg_weight;
SMG_INLINE float smg_weight_value(smg_weight w) { return smg_half(w); }

/* What groups of four weights lie in, words of two each, the first one low, and how many of them. */
typedef uint32_t smg_words;
#define SMG_WORDS(weights) ((weights) / 2)
SMG_INLINE void smg_four_weights(float *to /* (4) */, const smg_words *w) {
    to[0] = smg_half_low(w[0]), to[1] = smg_half_high(w[0]), to[2] = smg_half_low(w[1]), to[3] = smg_half_high(w[1]);
}

/* clang-format off */
#define SMG_WIDEN(low, high, from) "vcvtb.f32.f16 " low ", " from "\n\tvcvtt.f32.f16 " high ", " from "\n\t"
/* The next four weights to s16 to s19, the next sixteen to s16 to s31, from %[w]; step is "!" to go on behind them.
 * Each pair is read before its register is written. */
#define SMG_LOAD_4_WEIGHTS(step) \
    "vldmia %[w]" step ", {s18-s19}\n\t" SMG_WIDEN("s16", "s17", "s18") SMG_WIDEN("s18", "s19", "s19")
#define SMG_LOAD_16_WEIGHTS                                                      \
    "vldmia %[w]!, {s24-s31}\n\t"                                                \
    SMG_WIDEN("s16", "s17", "s24") SMG_WIDEN("s18", "s19", "s25")                \
    SMG_WIDEN("s20", "s21", "s26") SMG_WIDEN("s22", "s23", "s27")                \
    SMG_WIDEN("s24", "s25", "s28") SMG_WIDEN("s26", "s27", "s29")                \
    SMG_WIDEN("s28", "s29", "s30") SMG_WIDEN("s30", "s31", "s31")
/* clang-format on */
#endif
