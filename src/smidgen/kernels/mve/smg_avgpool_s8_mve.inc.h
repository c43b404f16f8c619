/* SPDX-License-Identifier: Apache-2.0 */
/* Average pooling over at most 255 elements, eight channels at a time: their sum fits 16 bits, and half of the divisor
 * added to its magnitude stays below 2^16. The quotient of such a number n is (2 * n * r) >> 32 with r the least whole
 * number not below 2^31 / divisor: r * divisor - 2^31 is below divisor, so n * r / 2^31 is above n / divisor by less
 * than n / 2^31, and that is less than the 1 / divisor or more by which n / divisor lies below the next whole number.
 */
#include "smg_pool_window.h"
#include <arm_mve.h>

smg_pool_kernel SMG_FUNCTION;

/* sum / divisor, halves away from zero. */
SMG_INLINE int32x4_t smg_quotient(int32x4_t sum, uint32_t divisor, uint32x4_t reciprocal) {
    const uint32x4_t n = vaddq_n_u32(vreinterpretq_u32_s32(vabsq_s32(sum)), divisor / 2);
    const int32x4_t quotient = vreinterpretq_s32_u32(vmulhq_u32(vshlq_n_u32(n, 1), reciprocal));
    return vnegq_m_s32(quotient, quotient, vcmpltq_n_s32(sum, 0));
}

void SMG_FUNCTION(const smg_pool_params *p, const int8_t *x /* (batch, in_h, in_w, c) */, int8_t *y, void *scratch) {
    const int16x8_t lowest = vdupq_n_s16(SMG_ACT_MIN), highest = vdupq_n_s16(SMG_ACT_MAX);
    (void)scratch;
    for (int32_t n = 0; n < p->batch; n++, x += p->in_h * p->in_w * SMG_CHANNELS) {
        for (int32_t oy = 0; oy < p->out_h; oy++) {
            const smg_span rows = smg_pool_span(oy, p->stride_h, p->pad_t, p->k_h, p->in_h);
            for (int32_t ox = 0; ox < p->out_w; ox++, y += SMG_CHANNELS) {
                const smg_span columns = smg_pool_span(ox, p->stride_w, p->pad_l, p->k_w, p->in_w);
                const int8_t *first = x + (rows.first * p->in_w + columns.first) * SMG_CHANNELS;
                const uint32_t divisor = (uint32_t)((rows.end - rows.first) * (columns.end - columns.first));
                const uint32x4_t reciprocal = vdupq_n_u32(0x7fffffffu / divisor + 1);
                for (int32_t c = 0; c < SMG_CHANNELS; c += 8) {
                    const mve_pred16_t some = vctp16q((uint32_t)(SMG_CHANNELS - c));
                    const int8_t *row = first + c;
                    int16x8_t sum = vdupq_n_s16(0);
                    for (int32_t i = rows.end - rows.first; i > 0; i--, row += p->in_w * SMG_CHANNELS) {
                        const int8_t *at = row;
                        for (int32_t k = columns.end - columns.first; k > 0; k--, at += SMG_CHANNELS) {
                            sum = vaddq_s16(sum, SMG_CHANNELS % 8 == 0 ? vldrbq_s16(at) : vldrbq_z_s16(at, some));
                        }
                    }
                    const int32x4_t even = smg_quotient(vmovlbq_s16(sum), divisor, reciprocal);
                    const int32x4_t odd = smg_quotient(vmovltq_s16(sum), divisor, reciprocal);
                    const int16x8_t both = vmovntq_s32(vmovnbq_s32(sum, even), odd);
                    vstrbq_p_s16(y + c, vminq_s16(vmaxq_s16(both, lowest), highest), some);
                }
            }
        }
    }
}
