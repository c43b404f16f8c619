/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_float.h"
#include "smg_kernels.h"

smg_softmax_f32_kernel smg_softmax_f32_scalar;

/* Any core: per row the largest element, exponentials into y and their sum in order, then the quotients. */
void smg_softmax_f32_scalar(const smg_softmax_f32_params *p, const float *x /* (rows, depth) */,
                            float *y /* (rows, depth), may be x */, void *scratch) {
    (void)scratch;
    for (int32_t r = 0; r < p->rows; r++, x += p->depth, y += p->depth) {
        float best = -__builtin_inff(), sum = 0.0f;
        for (int32_t c = 0; c < p->depth; c++) best = smg_larger(best, x[c]);
        for (int32_t c = 0; c < p->depth; c++) {
            y[c] = smg_exp(p->beta * (x[c] - best));
            sum = sum + y[c];
        }
        for (int32_t c = 0; c < p->depth; c++) y[c] = y[c] / sum;
    }
}
