/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_fixed_point.inc.h"
#include "smg_kernels.h"
#include "smg_small.h"

smg_softmax_kernel smg_softmax_s8_scalar;

/* exp of an input that lies diff <= 0 below the maximum, Q0.31. */
SMG_SMALL static __attribute__((noinline)) int32_t exponential(const smg_softmax_params *p, int32_t diff) {
    return smg_exp_negative(smg_doubling_high_mul(diff * (1 << p->shift), p->mult));
}

/* Any shape, any core: per row the maximum, the sum of exponentials (Q12.19), its reciprocal, the quotients. */
SMG_SMALL void smg_softmax_s8_scalar(const smg_softmax_params *p, const int8_t *x /* (rows, depth) */,
                                     int8_t *y /* (rows, depth) */, void *scratch) {
    (void)scratch;
    for (int32_t r = 0; r < p->rows; r++, x += p->depth, y += p->depth) {
        int32_t maximum = INT8_MIN, sum = 0;
        for (int32_t c = 0; c < p->depth; c++) maximum = x[c] > maximum ? x[c] : maximum;
        for (int32_t c = 0; c < p->depth; c++) {
            const int32_t diff = x[c] - maximum;
            if (diff >= p->diff_min) sum += smg_rounding_shift_right(exponential(p, diff), 12);
        }
        const int32_t headroom = __builtin_clz((uint32_t)sum);
        const int32_t scale = smg_reciprocal((int32_t)(((uint32_t)sum << headroom) - (1U << 31)));
        for (int32_t c = 0; c < p->depth; c++) {
            const int32_t diff = x[c] - maximum;
            int32_t q = 0;
            if (diff >= p->diff_min) {
                const int32_t product = smg_doubling_high_mul(scale, exponential(p, diff));
                q = smg_rounding_shift_right(product, 12 - headroom + 31 - 8);
            }
            y[c] = (int8_t)smg_clamp(q + INT8_MIN, INT8_MIN, INT8_MAX);
        }
    }
}
