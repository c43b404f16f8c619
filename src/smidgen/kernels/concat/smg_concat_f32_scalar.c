/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_kernels.h"
#include "smg_memory.h"

smg_concat_f32_kernel smg_concat_f32_scalar;

/* Any number of inputs along any dimension, any core: output order, so each element is written once. */
void smg_concat_f32_scalar(const smg_concat_f32_params *p, const float *const *x /* (inputs) of (outer, chunk) */,
                           float *y, void *scratch) {
    (void)scratch;
    int8_t *to = (int8_t *)y;
    for (int32_t i = 0; i < p->outer; i++) {
        for (int32_t k = 0; k < p->inputs; k++) {
            const int32_t chunk = p->chunk_bytes[k];
            smg_copy(to, (const int8_t *)x[k] + i * chunk, chunk);
            to += chunk;
        }
    }
}
