/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_kernels.h"
#include "smg_requantize.h"

smg_softmaxrne_kernel smg_softmax_s8rne_scalar;

/* numerator / denominator, ties to even, or 512 where it is that or more: every such value saturates an int8. Both
 * below 2^62, the denominator at least 2^14. A 64-bit division would be a library call, so the upper bits are divided
 * (at least 14 of the denominator, at most 29 of the numerator), which gives the quotient or one less, then corrected.
 */
SMG_INLINE int32_t divide(uint64_t numerator, uint64_t denominator) {
    if (numerator >> 9 >= denominator) return 512;
    const int32_t bits = 64 - __builtin_clzll(denominator), cut = bits > 20 ? bits - 20 : 0;
    uint32_t quotient = (uint32_t)(numerator >> cut) / ((uint32_t)(denominator >> cut) + 1);
    uint64_t rest = numerator - quotient * denominator;
    if (rest >= denominator) {
        rest -= denominator;
        quotient++;
    }
    const uint64_t rest_up = denominator - rest; /* to the next quotient */
    return (int32_t)(quotient + (rest > rest_up || (rest == rest_up && (quotient & 1))));
}

/* Any shape, any core: per row the maximum, the sum of exponentials from the table, the quotients. */
void smg_softmax_s8rne_scalar(const smg_softmaxrne_params *p, const int8_t *x /* (rows, depth) */,
                              int8_t *y /* (rows, depth) */, void *scratch) {
    (void)scratch;
    for (int32_t r = 0; r < p->rows; r++, x += p->depth, y += p->depth) {
        int32_t maximum = INT8_MIN;
        uint32_t sum = 0;
        for (int32_t c = 0; c < p->depth; c++) maximum = x[c] > maximum ? x[c] : maximum;
        for (int32_t c = 0; c < p->depth; c++) sum += p->exponentials[maximum - x[c]];
        for (int32_t c = 0; c < p->depth; c++) {
            const uint64_t product = (uint64_t)p->exponentials[maximum - x[c]] * (uint32_t)p->out_mult;
            const int32_t q = divide(product, (uint64_t)sum << p->out_shift);
            y[c] = (int8_t)smg_clamp(q + p->out_offset, INT8_MIN, INT8_MAX);
        }
    }
}
