/* SPDX-License-Identifier: Apache-2.0 */
/* Sums over a pooling window, four channels at a time in int16 lanes: for windows of at most 256 elements. */
#ifndef SMG_SUMS_DSP_INC_H
#define SMG_SUMS_DSP_INC_H
#include "smg_dsp.h"
#include "smg_memory.h"
#include "smg_pool_window.inc.h"

/* sums (4): of channels 0 .. 3 over the window (not empty). x: (in_h, in_w, in_c), from the first channel on. */
SMG_INLINE void smg_window_sums(const int8_t *x, int32_t in_w, int32_t in_c, smg_span rows, smg_span cols,
                                int32_t sums[4]) {
    uint32_t even = 0, odd = 0;
    for (int32_t iy = rows.first; iy < rows.end; iy++) {
        const int8_t *at = x + (iy * in_w + cols.first) * in_c;
        int32_t left = cols.end - cols.first; /* at least 1 */
        for (;;) {
            const uint32_t v = smg_load32(at);
            even = smg_sadd16(even, smg_sxtb16(v));
            odd = smg_sadd16(odd, smg_sxtb16_odd(v));
            if (--left <= 0) break;
            at += in_c; /* not past the last column: that might lead out of x */
        }
    }
    sums[0] = (int16_t)even;
    sums[1] = (int16_t)odd;
    sums[2] = (int16_t)(even >> 16);
    sums[3] = (int16_t)(odd >> 16);
}
#endif
