/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_dsp_requantize.h"
#include "smg_kernels.h"

smg_add_kernel smg_add_same_s8_dsp;

/* table (256): twice what each byte adds to the sum, indexed by the byte as unsigned. */
SMG_INLINE void fill_table(int32_t *table, int32_t offset, int32_t left_shift, int32_t mult, int32_t shift,
                           int32_t sign) {
    for (int32_t v = INT8_MIN; v <= INT8_MAX; v++) {
        table[(uint8_t)v] = 2 * sign * smg_requantize((v + offset) * (1 << left_shift), mult, shift);
    }
}

/* Equal shapes. The inputs' rescales come from tables made here, so that an element costs one rescale instead of three.
 * Doubled sums stay below 2^30 and their rescale never shifts left. May work in place over either operand. */
void smg_add_same_s8_dsp(const smg_add_params *p, const int8_t *a /* (count) */, const int8_t *b /* (count) */,
                         int8_t *y /* (count) */, void *scratch /* (2, 256) int32 */) {
    int32_t *from_a = scratch, *from_b = from_a + 256;
    const smg_range range = smg_output_range(p->out_offset, p->act_min, p->act_max);
    const int32_t mult = p->out_mult, right = -p->out_shift, half = (int32_t)(1U << right >> 1), tie = -(right > 0);
    fill_table(from_a, p->a_offset, p->left_shift, p->a_mult, p->a_shift, p->a_sign);
    fill_table(from_b, p->b_offset, p->left_shift, p->b_mult, p->b_shift, p->b_sign);
    for (int32_t left = p->shape.dims[3]; left > 0; left--) {
        const int32_t twice = from_a[(uint8_t)*a++] + from_b[(uint8_t)*b++];
        const int32_t v = smg_smmlar(twice, mult, half + ((twice >> 31) & tie)) >> right;
        *y++ = (int8_t)(smg_clamp(v, range.lo, range.hi) + range.offset);
    }
}
