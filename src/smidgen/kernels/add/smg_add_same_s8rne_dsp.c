/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_dsp_requantize.h"
#include "smg_kernels.h"

smg_addrne_kernel smg_add_same_s8rne_dsp;

/* table (256): what each byte adds to the sum, times 2^up, indexed by the byte as unsigned. */
SMG_INLINE void fill_table(int64_t *table, int32_t offset, int32_t mult, int32_t up) {
    for (int32_t v = INT8_MIN; v <= INT8_MAX; v++) {
        table[(uint8_t)v] = (int64_t)(v + offset) * mult * (1LL << up);
    }
}

/* Equal shapes, shift of at least 10. The products come from tables made here, scaled up so that the shift is 33 or
 * more and only their high words are rounded: they stay below 2^39 * 2^23. May work in place over either operand. */
void smg_add_same_s8rne_dsp(const smg_addrne_params *p, const int8_t *a /* (count) */, const int8_t *b /* (count) */,
                            int8_t *y /* (count) */, void *scratch /* (2, 256) int64 */) {
    int64_t *from_a = scratch, *from_b = from_a + 256;
    const smg_range range = smg_output_range(p->out_offset, p->act_min, p->act_max);
    const int32_t up = p->shift < 33 ? 33 - p->shift : 0, right = p->shift + up - 33;
    fill_table(from_a, p->a_offset, p->a_mult, up);
    fill_table(from_b, p->b_offset, p->b_mult, up);
    for (int32_t left = p->shape.dims[3]; left > 0; left--) {
        const int32_t v = smg_rne_high(from_a[(uint8_t)*a++] + from_b[(uint8_t)*b++], right);
        *y++ = (int8_t)(smg_clamp(v, range.lo, range.hi) + range.offset);
    }
}
