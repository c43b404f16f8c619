/* SPDX-License-Identifier: Apache-2.0 */
/* Sums over a pooling window, for blocks of channels. */
#ifndef SMG_WINDOW_SUMS_INC_H
#define SMG_WINDOW_SUMS_INC_H
#include "smg_channel_sums.h"
#include "smg_pool_window.h"

enum { SMG_SMALL_WINDOW = 24 }; /* elements; up to here a loop in place beats the call */

/* sums (words, 4): of 4 * words channels over x (height, columns), pixels step bytes and rows pitch bytes apart. */
SMG_INLINE void smg_small_window_sums(int32_t words, const int8_t *x, int32_t step, int32_t columns, int32_t pitch,
                                      int32_t height, int32_t *sums) {
    uint32_t lanes[8] = {0};
    for (int32_t left = height, row = 0; left > 0; left--, row += pitch) {
        for (int32_t pixels = columns, at = row; pixels > 0; pixels--, at += step) {
            uint32_t v[4];
            for (int32_t i = 0; i < words; i++) v[i] = smg_load32(x + at + 4 * i);
            for (int32_t i = 0; i < words; i++) {
                lanes[2 * i] = smg_sxtab16(lanes[2 * i], v[i]);
                lanes[2 * i + 1] = smg_sxtab16_odd(lanes[2 * i + 1], v[i]);
            }
            __asm__(""); /* compilers need not unroll this further */
        }
    }
    for (int32_t i = 0; i < 4 * words; i++) sums[i] = 0;
    smg_empty_lanes(words, lanes, sums);
}

/* Functions of their own: inline, their registers would lie on the stack below smg_channel_sums' as well. */
static __attribute__((noinline)) void smg_small_sums_4(const int8_t *x, int32_t step, int32_t columns, int32_t pitch,
                                                       int32_t height, int32_t *sums) {
    smg_small_window_sums(1, x, step, columns, pitch, height, sums);
}

static __attribute__((noinline)) void smg_small_sums_16(const int8_t *x, int32_t step, int32_t columns, int32_t pitch,
                                                        int32_t height, int32_t *sums) {
    smg_small_window_sums(4, x, step, columns, pitch, height, sums);
}

/* sums (words, 4): of the first 4 * words channels of x (in_h, in_w, channels) over the window (not empty). words is a
 * constant, 1 or 4. */
SMG_INLINE void smg_window_sums(int32_t words, const int8_t *x, int32_t in_w, int32_t channels, smg_span rows,
                                smg_span cols, int32_t *sums) {
    const int32_t pitch = in_w * channels, height = rows.end - rows.first, columns = cols.end - cols.first;
    const int8_t *const first = x + rows.first * pitch + cols.first * channels;
    if (height * columns > SMG_SMALL_WINDOW) {
        const int32_t run = columns == in_w ? columns * height : columns; /* whole rows are one run of pixels */
        smg_channel_sums(words, first, channels, run, pitch, columns == in_w ? 1 : height, sums);
    } else if (words == 4) {
        smg_small_sums_16(first, channels, columns, pitch, height, sums);
    } else {
        smg_small_sums_4(first, channels, columns, pitch, height, sums);
    }
}

/* Where the block of four channels that are next lies: the last one may overlap the ones before, computed twice. */
SMG_INLINE int32_t smg_block_start(int32_t c, int32_t channels) { return c + 4 <= channels ? c : channels - 4; }
#endif
