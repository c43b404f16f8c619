/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_kernels.h"
#include "smg_memory.h"

smg_concat_s16_kernel smg_concat_s16_scalar;

/* Any number of inputs along any dimension, any core: output order, so each output byte is written once. */
void smg_concat_s16_scalar(const smg_concat_params *p, const int16_t *const *x /* (inputs) of (outer, chunk) */,
                           int16_t *y, void *scratch) {
    int8_t *to = (int8_t *)y;
    (void)scratch;
    for (int32_t i = 0; i < p->outer; i++) {
        for (int32_t k = 0; k < p->inputs; k++) {
            const int32_t chunk = p->chunk_bytes[k];
            smg_copy(to, (const int8_t *)x[k] + i * chunk, chunk);
            to += chunk;
        }
    }
}
