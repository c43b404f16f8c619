/* SPDX-License-Identifier: Apache-2.0 */
/* The walk of a pooling kernel for at least eight channels. SMG_POOL_PARAMS is its type of parameters, and
 * smg_pool_finish(p, first, pixels, y) writes eight outputs of the window of pixels at first. */
#include "smg_eight_channels.inc.h"
#include "smg_pool_window.h"

static void smg_pool_finish(const SMG_POOL_PARAMS *p, const int8_t *first, const smg_pixels *pixels, int8_t *y);

SMG_INLINE void smg_pool_eight(const SMG_POOL_PARAMS *p, const int8_t *x, int8_t *y) {
    const int32_t channels = p->in_c, width = p->in_w;
    for (int32_t n = 0; n < p->batch; n++, x += p->in_h * width * channels) {
        for (int32_t oy = 0; oy < p->out_h; oy++) {
            const smg_span rows = smg_pool_span(oy, p->stride_h, p->pad_t, p->k_h, p->in_h);
            for (int32_t ox = 0; ox < p->out_w; ox++, y += channels) {
                const smg_span cols = smg_pool_span(ox, p->stride_w, p->pad_l, p->k_w, width);
                const int32_t columns = cols.end - cols.first;
                const smg_pixels pixels = {rows.end - rows.first, columns, channels, (width - columns) * channels};
                const int8_t *const first = x + (rows.first * width + cols.first) * channels;
                for (int32_t c = 0; c < channels; c += SMG_EIGHT) {
                    const int32_t start = smg_eight_start(c, channels);
                    smg_pool_finish(p, first + start, &pixels, y + start);
                }
            }
        }
    }
}
