/* SPDX-License-Identifier: Apache-2.0 */
/* Maximum pooling, sixteen channels at a time: outputs in memory order, the lower bound is where maxima start. */
#include "smg_pool_window.h"
#include <arm_mve.h>

smg_pool_kernel SMG_FUNCTION;

void SMG_FUNCTION(const smg_pool_params *p, const int8_t *x /* (batch, in_h, in_w, c) */, int8_t *y, void *scratch) {
    const int8x16_t lowest = vdupq_n_s8(SMG_ACT_MIN), highest = vdupq_n_s8(SMG_ACT_MAX);
    (void)scratch;
    for (int32_t n = 0; n < p->batch; n++, x += p->in_h * p->in_w * SMG_CHANNELS) {
        for (int32_t oy = 0; oy < p->out_h; oy++) {
            const smg_span rows = smg_pool_span(oy, p->stride_h, p->pad_t, p->k_h, p->in_h);
            for (int32_t ox = 0; ox < p->out_w; ox++, y += SMG_CHANNELS) {
                const smg_span columns = smg_pool_span(ox, p->stride_w, p->pad_l, p->k_w, p->in_w);
                const int8_t *first = x + (rows.first * p->in_w + columns.first) * SMG_CHANNELS;
                for (int32_t c = 0; c < SMG_CHANNELS; c += 16) {
                    const mve_pred16_t some = vctp8q((uint32_t)(SMG_CHANNELS - c));
                    const int8_t *row = first + c;
                    int8x16_t most = lowest;
                    for (int32_t i = rows.end - rows.first; i > 0; i--, row += p->in_w * SMG_CHANNELS) {
                        const int8_t *at = row;
                        for (int32_t k = columns.end - columns.first; k > 0; k--, at += SMG_CHANNELS) {
                            most = vmaxq_s8(most, SMG_CHANNELS % 16 == 0 ? vldrbq_s8(at) : vldrbq_z_s8(at, some));
                        }
                    }
                    vstrbq_p_s8(y + c, vminq_s8(most, highest), some);
                }
            }
        }
    }
}
