/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_dsp.h"
#include "smg_kernels.h"
#include "smg_memory.h"
#include "smg_pool_window.h"

smg_pool_kernel smg_maxpool_s8_dsp;

/* A window's first pixel and size, its pixels step bytes and its rows pitch bytes apart. */
typedef struct {
    const int8_t *x;
    int32_t step, columns, pitch, rows;
} window;

/* y: the maxima of 4 * words channels (words a constant, at most 4) over the window, at least lo and at most hi. */
SMG_INLINE void maxima(int32_t words, const int8_t *x, window w, uint32_t lo, uint32_t hi, int8_t *y) {
    uint32_t best[4] = {lo, lo, lo, lo};
    for (int32_t rows = w.rows, row = 0; rows > 0; rows--, row += w.pitch) {
        for (int32_t columns = w.columns, at = row; columns > 0; columns--, at += w.step) {
            uint32_t v[4];
            for (int32_t i = 0; i < words; i++) v[i] = smg_load32(x + at + 4 * i);
            for (int32_t i = 0; i < words; i++) best[i] = smg_max8(best[i], v[i]);
        }
    }
    for (int32_t i = 0; i < words; i++) smg_store32(y + 4 * i, smg_min8(best[i], hi));
}

/* At least four channels. Outputs in memory order, channels in blocks of 16, then of 4, of which the last may overlap
 * the one before. The lower bound is where the maxima start. */
void smg_maxpool_s8_dsp(const smg_pool_params *p, const int8_t *x, int8_t *y, void *scratch) {
    (void)scratch;
    const int32_t channels = p->in_c, pitch = p->in_w * channels;
    const uint32_t lo = (uint8_t)p->act_min * 0x01010101U, hi = (uint8_t)p->act_max * 0x01010101U;
    for (int32_t n = 0; n < p->batch; n++, x += p->in_h * pitch) {
        for (int32_t oy = 0; oy < p->out_h; oy++) {
            const smg_span rows = smg_pool_span(oy, p->stride_h, p->pad_t, p->k_h, p->in_h);
            for (int32_t ox = 0; ox < p->out_w; ox++, y += channels) {
                const smg_span cols = smg_pool_span(ox, p->stride_w, p->pad_l, p->k_w, p->in_w);
                const window w = {x + rows.first * pitch + cols.first * channels, channels, cols.end - cols.first,
                                  pitch, rows.end - rows.first};
                int32_t c = 0;
                for (; c + 16 <= channels; c += 16) maxima(4, w.x + c, w, lo, hi, y + c);
                for (; c < channels; c += 4) {
                    const int32_t first = c + 4 <= channels ? c : channels - 4;
                    maxima(1, w.x + first, w, lo, hi, y + first);
                }
            }
        }
    }
}
