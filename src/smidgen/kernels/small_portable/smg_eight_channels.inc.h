/* SPDX-License-Identifier: Apache-2.0 */
/* Sums and maxima of eight channels at a time over a window of pixels, one register each. */
#ifndef SMG_EIGHT_CHANNELS_H
#define SMG_EIGHT_CHANNELS_H
#include "smg_requantize.h"
#include "smg_small.h"
#include <stdint.h>

enum { SMG_EIGHT = 8 };

/* A window: rows of columns, pixels step bytes apart, from a row's end to the next row's start skip bytes. */
typedef struct {
    int32_t rows, columns, step, skip;
} smg_pixels;

/* Where the block of eight channels at c starts: the last one overlaps the one before. */
SMG_INLINE int32_t smg_eight_start(int32_t c, int32_t channels) {
    return c + SMG_EIGHT <= channels ? c : channels - SMG_EIGHT;
}

static __attribute__((noinline, unused)) void smg_eight_sums(const int8_t *x, const smg_pixels *pixels,
                                                             int32_t *sums /* (8) */) {
    const int32_t columns = pixels->columns, step = pixels->step, skip = pixels->skip;
    int32_t a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0;
    SMG_ROLLED
    for (int32_t rows = pixels->rows; rows > 0; rows--, x += skip) {
        SMG_ROLLED
        for (int32_t left = columns; left > 0; left--, x += step) {
            a += x[0];
            b += x[1];
            c += x[2];
            d += x[3];
            e += x[4];
            f += x[5];
            g += x[6];
            h += x[7];
        }
    }
    sums[0] = a, sums[1] = b, sums[2] = c, sums[3] = d, sums[4] = e, sums[5] = f, sums[6] = g, sums[7] = h;
}

SMG_INLINE int32_t smg_larger(int32_t a, int32_t b) { return a < b ? b : a; }

static __attribute__((noinline, unused)) void smg_eight_maxima(const int8_t *x, const smg_pixels *pixels,
                                                               int32_t *maxima /* (8) */) {
    const int32_t columns = pixels->columns, step = pixels->step, skip = pixels->skip;
    int32_t a = INT8_MIN, b = a, c = a, d = a, e = a, f = a, g = a, h = a;
    SMG_ROLLED
    for (int32_t rows = pixels->rows; rows > 0; rows--, x += skip) {
        SMG_ROLLED
        for (int32_t left = columns; left > 0; left--, x += step) {
            a = smg_larger(a, x[0]);
            b = smg_larger(b, x[1]);
            c = smg_larger(c, x[2]);
            d = smg_larger(d, x[3]);
            e = smg_larger(e, x[4]);
            f = smg_larger(f, x[5]);
            g = smg_larger(g, x[6]);
            h = smg_larger(h, x[7]);
        }
    }
    maxima[0] = a, maxima[1] = b, maxima[2] = c, maxima[3] = d;
    maxima[4] = e, maxima[5] = f, maxima[6] = g, maxima[7] = h;
}
#endif
