/* SPDX-License-Identifier: Apache-2.0 */
/* A mean whose inner dimension is long enough to sum several of its elements at a time, shared by the two roundings. */
#ifndef SMG_MEAN_DSP_INC_H
#define SMG_MEAN_DSP_INC_H
#include "smg_channel_sums.h"
#include "smg_dsp_requantize.h"
#include "smg_kernels.h"

/* y (count): rescaled sums, clamped. */
SMG_INLINE void smg_mean_outputs(smg_rounding rounding, const int32_t *sums, int32_t count, smg_channel s,
                                 smg_range range, int8_t *y) {
    for (int32_t i = 0; i < count; i++) {
        const int32_t acc = sums[i] + s.bias;
        const int32_t v = rounding == SMG_EVEN ? smg_requantize_even(acc, s) : smg_requantize_doubled(acc, s);
        y[i] = (int8_t)(smg_clamp(v, range.lo, range.hi) + range.offset);
    }
}

/* Inner of at least four: blocks of 16, then of 4, of which the last may overlap the one before. */
SMG_INLINE void smg_mean_dsp(smg_rounding rounding, const smg_mean_params *p,
                             const int8_t *x, /* (outer, reduced, inner) */
                             int8_t *y) {     /* (outer, inner) */
    const int32_t inner = p->inner, reduced = p->reduced;
    const smg_channel s = smg_rescale(rounding, reduced * p->in_offset, p->mult, p->shift);
    const smg_range range = smg_output_range(p->out_offset, p->act_min, p->act_max);
    for (int32_t n = 0; n < p->outer; n++, x += reduced * inner, y += inner) {
        for (int32_t i = 0; i < inner;) {
            const int32_t width = inner - i >= 16 ? 16 : 4, first = i + width <= inner ? i : inner - width;
            int32_t sums[16];
            smg_channel_sums(width / 4, x + first, inner, reduced, 0, 1, sums);
            smg_mean_outputs(rounding, sums, width, s, range, y + first);
            i += width;
        }
    }
}
#endif
