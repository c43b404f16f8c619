/* SPDX-License-Identifier: Apache-2.0 */
/* y = (a_mult * a + b_mult * b + addend) >> SMG_SHIFT, clamped: see addition.py. An instance defines SMG_SHIFT,
 * SMG_ACT_MIN and SMG_ACT_MAX. */
#include "smg_kernels.h"
#include "smg_requantize.h"
#include <arm_mve.h>

smg_add_linear_kernel SMG_FUNCTION;

/* Four sums, shifted and clamped. */
SMG_INLINE int32x4_t smg_four_sums(smg_add_linear_params p, int32x4_t a, int32x4_t b) {
    int32x4_t sum = vmlaq_n_s32(vmlasq_n_s32(a, vdupq_n_s32(p.a_mult), p.addend), b, p.b_mult);
    sum = vshrq_n_s32(sum, SMG_SHIFT);
    return vminq_s32(vmaxq_s32(sum, vdupq_n_s32(SMG_ACT_MIN)), vdupq_n_s32(SMG_ACT_MAX));
}

/* Equal shapes; y may be a or b. */
void SMG_FUNCTION(const smg_add_linear_params *p, const int8_t *a /* (count) */, const int8_t *b /* (count) */,
                  int8_t *y /* (count) */, void *scratch) {
    const smg_add_linear_params form = *p; /* what y is written to cannot change it */
    int32_t left = form.count;
    (void)scratch;
    for (; left >= 16; left -= 16, a += 16, b += 16, y += 16) {
        for (int32_t i = 0; i < 16; i += 4) {
            vstrbq_s32(y + i, smg_four_sums(form, vldrbq_s32(a + i), vldrbq_s32(b + i)));
        }
    }
    for (; left > 0; left -= 4, a += 4, b += 4, y += 4) {
        const mve_pred16_t some = vctp32q((uint32_t)left);
        vstrbq_p_s32(y, smg_four_sums(form, vldrbq_z_s32(a, some), vldrbq_z_s32(b, some)), some);
    }
}
