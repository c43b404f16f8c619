/* SPDX-License-Identifier: Apache-2.0 */
/* int16 to another scale, one rounding, ties to even; negative values with a multiplier of their own (leaky RELU). */
#include "smg_elements.h"
#include "smg_kernels.h"

smg_rescale_s16_kernel SMG_FUNCTION;

/* Any shape, any core; may work in place where the types are equal. */
void SMG_FUNCTION(const smg_rescale_s16_params *p, const int16_t *x /* (count) */, void *y /* (count) */,
                  void *scratch) {
    SMG_INT(SMG_OUT_BITS) *to = y;
    (void)scratch;
    for (int32_t i = 0; i < p->count; i++) {
        const int32_t mult = x[i] < 0 ? p->negative_mult : p->mult, shift = x[i] < 0 ? p->negative_shift : p->shift;
        const int32_t v = smg_requantize_rne(x[i], mult, shift);
        to[i] = (SMG_INT(SMG_OUT_BITS))smg_finish(v, p->out_offset, p->act_min, p->act_max);
    }
}
