/* SPDX-License-Identifier: Apache-2.0 */
/* The plain statement of a mean's arithmetic with int16; the multiplier holds the division. */
#include "smg_elements.h"
#include "smg_kernels.h"

smg_mean_s16_kernel SMG_FUNCTION;

typedef SMG_INT(SMG_IN_BITS) in_t;
typedef SMG_INT(SMG_OUT_BITS) out_t;
typedef SMG_INT(SMG_SUM_BITS) sum_t;

/* Any shape, any core. */
void SMG_FUNCTION(const smg_mean_params *p, const void *x /* (outer, reduced, inner) */, void *y /* (outer, inner) */,
                  void *scratch) {
    const in_t *from = x;
    out_t *to = y;
    (void)scratch;
    for (int32_t n = 0; n < p->outer; n++, from += p->reduced * p->inner) {
        for (int32_t i = 0; i < p->inner; i++) {
            sum_t sum = 0;
            for (int32_t r = 0; r < p->reduced; r++) sum += from[r * p->inner + i] + p->in_offset;
            const int32_t v = SMG_FOR(smg_requantize, SMG_SUM_BITS)(sum, p->mult, p->shift);
            *to++ = (out_t)smg_finish(v, p->out_offset, p->act_min, p->act_max);
        }
    }
}
