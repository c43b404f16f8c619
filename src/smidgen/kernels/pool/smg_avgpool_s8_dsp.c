/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_kernels.h"
#include "smg_window_sums.inc.h"

smg_pool_kernel smg_avgpool_s8_dsp;

/* y (count): sums over a window's elements inside the input, halves away from zero. */
static __attribute__((noinline)) void finish(const smg_pool_params *p, const int32_t *sums, int32_t count,
                                             smg_span rows, smg_span cols, int8_t *y) {
    const int32_t elements = (rows.end - rows.first) * (cols.end - cols.first), half = elements / 2;
    const int32_t lo = p->act_min, hi = p->act_max;
    for (int32_t i = 0; i < count; i++) {
        const int32_t rounded = sums[i] > 0 ? sums[i] + half : sums[i] - half;
        y[i] = (int8_t)smg_clamp(rounded / elements, lo, hi);
    }
}

/* At least four channels. Outputs in memory order, channels in blocks of 16, then 4. */
void smg_avgpool_s8_dsp(const smg_pool_params *p, const int8_t *x, int8_t *y, void *scratch) {
    (void)scratch;
    const int32_t channels = p->in_c;
    for (int32_t n = 0; n < p->batch; n++, x += p->in_h * p->in_w * channels) {
        for (int32_t oy = 0; oy < p->out_h; oy++) {
            const smg_span rows = smg_pool_span(oy, p->stride_h, p->pad_t, p->k_h, p->in_h);
            for (int32_t ox = 0; ox < p->out_w; ox++, y += channels) {
                const smg_span cols = smg_pool_span(ox, p->stride_w, p->pad_l, p->k_w, p->in_w);
                int32_t sums[16], c = 0;
                for (; c + 16 <= channels; c += 16) {
                    smg_window_sums(4, x + c, p->in_w, channels, rows, cols, sums);
                    finish(p, sums, 16, rows, cols, y + c);
                }
                for (; c < channels; c += 4) {
                    const int32_t first = smg_block_start(c, channels);
                    smg_window_sums(1, x + first, p->in_w, channels, rows, cols, sums);
                    finish(p, sums, 4, rows, cols, y + first);
                }
            }
        }
    }
}
