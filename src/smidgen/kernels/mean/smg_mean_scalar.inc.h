/* SPDX-License-Identifier: Apache-2.0 */
/* The plain statement of a mean's arithmetic, shared by the two roundings; the multiplier holds the division. */
#ifndef SMG_MEAN_SCALAR_INC_H
#define SMG_MEAN_SCALAR_INC_H
#include "smg_kernels.h"
#include "smg_requantize.h"

SMG_INLINE void smg_mean_scalar(smg_rounding rounding, const smg_mean_params *p,
                                const int8_t *x, /* (outer, reduced, inner) */
                                int8_t *y) {     /* (outer, inner) */
    for (int32_t n = 0; n < p->outer; n++, x += p->reduced * p->inner) {
        for (int32_t i = 0; i < p->inner; i++) {
            int32_t sum = 0;
            for (int32_t r = 0; r < p->reduced; r++) sum += x[r * p->inner + i] + p->in_offset;
            *y++ = smg_output(rounding, sum, p->mult, p->shift, p->out_offset, p->act_min, p->act_max);
        }
    }
}
#endif
