/* SPDX-License-Identifier: Apache-2.0 */
/* A mean with at least eight elements behind the mean's dimensions. */
#include "smg_eight_channels.inc.h"
#include "smg_kernels.h"

SMG_INLINE void smg_mean_eight(smg_rounding rounding, const smg_mean_params *p,
                               const int8_t *x, /* (outer, reduced, inner) */
                               int8_t *y) {     /* (outer, inner) */
    const smg_pixels pixels = {1, p->reduced, p->inner, 0};
    const int32_t all_offsets = p->reduced * p->in_offset;
    for (int32_t n = 0; n < p->outer; n++, x += p->reduced * p->inner, y += p->inner) {
        for (int32_t c = 0; c < p->inner; c += SMG_EIGHT) {
            const int32_t start = smg_eight_start(c, p->inner);
            int32_t sums[SMG_EIGHT];
            smg_eight_sums(x + start, &pixels, sums);
            SMG_ROLLED
            for (int32_t i = 0; i < SMG_EIGHT; i++) {
                y[start + i] = smg_output(rounding, sums[i] + all_offsets, p->mult, p->shift, p->out_offset, p->act_min,
                                          p->act_max);
            }
        }
    }
}
