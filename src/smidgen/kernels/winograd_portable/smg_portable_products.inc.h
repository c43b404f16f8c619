/* SPDX-License-Identifier: Apache-2.0 */
/* The products: for each sum SMG_TILES x SMG_CHANNELS inner products over its inputs and weights, modulo 2^32. A core's
 * own instructions may take this header's place: M and the layouts of V and of the stream are all that it shares. */
#ifndef SMG_PORTABLE_PRODUCTS_INC_H
#define SMG_PORTABLE_PRODUCTS_INC_H
#include "smg_portable_winograd.inc.h"

/* Channels of input a turn of the loop: much code does not pay. */
#define SMG_STEPS (SMG_IN_C % 8 ? 4 : 8)

/* sums += the products of one position. */
SMG_INLINE void smg_multiply_position(const smg_input *v, const smg_weight *u, uint32_t *sums) {
    const smg_input *end = v + SMG_IN_C;
    do {
        SMG_UNROLLED
        for (int32_t k = 0; k < SMG_STEPS; k++) {
            uint32_t x[SMG_TILES];
            SMG_UNROLLED
            for (int32_t t = 0; t < SMG_TILES; t++) x[t] = v[t * SMG_IN_C + k];
            SMG_UNROLLED
            for (int32_t c = 0; c < SMG_CHANNELS; c++) {
                const uint32_t w = (uint32_t)u[k * SMG_CHANNELS + c];
                SMG_UNROLLED
                for (int32_t t = 0; t < SMG_TILES; t++) sums[t * SMG_CHANNELS + c] += x[t] * w;
            }
        }
        v += SMG_STEPS;
        u += SMG_STEPS * SMG_CHANNELS;
    } while (v != end);
}

/* All sums of a block: v its transformed inputs, u the stream behind its channels' constants. */
SMG_COLD void smg_products(const smg_word *v, const smg_word *u, uint32_t *m) {
    for (int32_t i = 0; i < SMG_SUMS; i++) {
        for (int32_t j = 0; j < SMG_SUMS; j++, m += SMG_SUM_STEP) {
            uint32_t sums[SMG_TILES * SMG_CHANNELS];
            SMG_UNROLLED
            for (int32_t c = 0; c < SMG_CHANNELS; c++) {
                const uint32_t start = u[c];
                SMG_UNROLLED
                for (int32_t t = 0; t < SMG_TILES; t++) sums[t * SMG_CHANNELS + c] = start;
            }
            u += SMG_CHANNELS;
            for (int32_t left = smg_members(i) * smg_members(j); left > 0; left--) {
                smg_multiply_position((const smg_input *)v, (const smg_weight *)u, sums);
                v += SMG_PRODUCT_WORDS;
                u += SMG_IN_C * SMG_CHANNELS / 2;
            }
            SMG_UNROLLED
            for (int32_t s = 0; s < SMG_TILES * SMG_CHANNELS; s++) m[s] = sums[s];
        }
    }
}
#endif
