/* SPDX-License-Identifier: Apache-2.0 */
/* float32 weights as the float32 kernels' bodies read them; smg_f16_weights.h is the other choice. */
#ifndef SMG_WEIGHTS_H
#define SMG_WEIGHTS_H
#include "smg_float.h"

/* One weight in memory, and its value. */
typedef float smg_weight;
SMG_INLINE float smg_weight_value(smg_weight w) { return w; }

/* What groups of four weights lie in, words, and how many of them an even number of weights takes. */
typedef float smg_words;
#define SMG_WORDS(weights) (weights)
SMG_INLINE void smg_four_weights(float *to /* (4) */, const smg_words *w) {
    to[0] = w[0], to[1] = w[1], to[2] = w[2], to[3] = w[3];
}

/* The next four weights to s16 to s19, the next sixteen to s16 to s31, from %[w]; step is "!" to go on behind them. */
#define SMG_LOAD_4_WEIGHTS(step) "vldmia %[w]" step ", {s16-s19}\n\t"
#define SMG_LOAD_16_WEIGHTS "vldmia %[w]!, {s16-s31}\n\t"
#endif
