/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_fixed_point.inc.h"
#include "smg_kernels.h"

smg_softmax_table_kernel smg_softmax_table_s8_scalar;

/* Any core, at most 511 classes: per row the maximum, the sum of exponentials (Q12.19), its reciprocal, the quotients.
 * Nothing is negative, so rounding adds a half: the table's exponentials end where a difference counts no more. */
void smg_softmax_table_s8_scalar(const smg_softmax_table_params *p, const int8_t *x /* (rows, depth) */,
                                 int8_t *y /* (rows, depth) */, void *scratch) {
    (void)scratch;
    const int32_t depth = p->depth, entries = p->entries;
    const int32_t *const exponentials = p->exponentials;
    for (int32_t r = 0; r < p->rows; r++, x += depth, y += depth) {
        int32_t maximum = INT8_MIN;
        uint32_t sum = 0;
        for (int32_t c = 0; c < depth; c++) maximum = x[c] > maximum ? x[c] : maximum;
        for (int32_t c = 0; c < depth; c++) {
            const int32_t below = maximum - x[c];
            if (below < entries) sum += ((uint32_t)exponentials[below] + (1U << 11)) >> 12;
        }
        const int32_t headroom = __builtin_clz(sum), shift = 12 - headroom + 31 - 8;
        const int32_t scale = smg_reciprocal((int32_t)((sum << headroom) - (1U << 31)));
        for (int32_t c = 0; c < depth; c++) {
            const int32_t below = maximum - x[c];
            uint32_t q = 0;
            if (below < entries) {
                const uint32_t product = (uint32_t)smg_doubling_high_mul(scale, exponentials[below]);
                q = (product + (1U << (shift - 1))) >> shift;
            }
            y[c] = (int8_t)smg_clamp((int32_t)q + INT8_MIN, INT8_MIN, INT8_MAX);
        }
    }
}
