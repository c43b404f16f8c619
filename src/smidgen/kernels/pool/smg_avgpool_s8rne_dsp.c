/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_kernels.h"
#include "smg_sums_dsp.inc.h"

smg_avgpoolrne_kernel smg_avgpool_s8rne_dsp;

/* At least four channels, windows of at most 256 elements. Outputs in memory order; the last four channels may overlap
 * the ones before, which computes those twice. */
void smg_avgpool_s8rne_dsp(const smg_avgpoolrne_params *p, const int8_t *x, int8_t *y, void *scratch) {
    (void)scratch;
    const int32_t channels = p->in_c;
    for (int32_t n = 0; n < p->batch; n++, x += p->in_h * p->in_w * channels) {
        for (int32_t oy = 0; oy < p->out_h; oy++) {
            const smg_span rows = smg_pool_span(oy, p->stride_h, p->pad_t, p->k_h, p->in_h);
            for (int32_t ox = 0; ox < p->out_w; ox++, y += channels) {
                const smg_span cols = smg_pool_span(ox, p->stride_w, p->pad_l, p->k_w, p->in_w);
                const int32_t count = (rows.end - rows.first) * (cols.end - cols.first);
                const int32_t i = smg_pool_divisor(p, count);
                const int32_t mult = p->mult[i], shift = p->shift[i];
                for (int32_t next = 0; next < channels; next += 4) {
                    const int32_t c = next + 4 <= channels ? next : channels - 4;
                    int32_t sums[4];
                    smg_window_sums(x + c, p->in_w, channels, rows, cols, sums);
                    for (int32_t k = 0; k < 4; k++) {
                        y[c + k] = smg_output(SMG_EVEN, sums[k] + count * p->in_offset, mult, shift, p->out_offset,
                                              p->act_min, p->act_max);
                    }
                }
            }
        }
    }
}
