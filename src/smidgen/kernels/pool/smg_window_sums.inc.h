/* SPDX-License-Identifier: Apache-2.0 */
/* Sums over a pooling window, for blocks of channels. */
#ifndef SMG_WINDOW_SUMS_INC_H
#define SMG_WINDOW_SUMS_INC_H
#include "smg_channel_sums.h"
#include "smg_pool_window.inc.h"

/* sums (words, 4): of the first 4 * words channels of x (in_h, in_w, channels) over the window (not empty). */
SMG_INLINE void smg_window_sums(int32_t words, const int8_t *x, int32_t in_w, int32_t channels, smg_span rows,
                                smg_span cols, int32_t *sums) {
    const int32_t pitch = in_w * channels, height = rows.end - rows.first, columns = cols.end - cols.first;
    const int32_t run = columns == in_w ? columns * height : columns; /* whole rows are one run of pixels */
    smg_channel_sums(words, x + rows.first * pitch + cols.first * channels, channels, run, pitch,
                     columns == in_w ? 1 : height, sums);
}

/* Where the block of four channels that are next lies: the last one may overlap the ones before, computed twice. */
SMG_INLINE int32_t smg_block_start(int32_t c, int32_t channels) { return c + 4 <= channels ? c : channels - 4; }
#endif
