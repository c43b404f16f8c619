/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution of any shape with one group, two pixels and two channels at a time. */
#include "smg_compact_channels.h"

smg_compact_kernel SMG_FUNCTION;

/* The window of an output pixel as lanes of int16: of each four values 0 and 2, then 1 and 3, as SXTB16 gives the
 * weights; two pixels' words alternate by twos. Zero points outside the input, zeros past the window's end. */
SMG_OUTLINE void compact_window(const smg_compact_params *p, int16_t *to, const int8_t *x /* (in_h, in_w, in_c) */,
                                int32_t oy, int32_t ox) {
    const int32_t in_h = smg_low(p->in_size), in_w = smg_high(p->in_size), in_c = smg_low(p->channels);
    const int32_t y0 = oy * smg_byte(p->window, 2) - smg_byte(p->place, 0);
    const int32_t x0 = ox * smg_byte(p->window, 3) - smg_byte(p->place, 1);
    int32_t at = 0;
    for (int32_t ky = 0; ky < smg_byte(p->window, 0); ky++) {
        const int32_t iy = y0 + ky * smg_byte(p->place, 2);
        for (int32_t kx = 0; kx < smg_byte(p->window, 1); kx++) {
            const int32_t ix = x0 + kx * smg_byte(p->place, 3);
            const int inside = iy >= 0 && iy < in_h && ix >= 0 && ix < in_w;
            const int8_t *from = x + (inside ? (iy * in_w + ix) * in_c : 0);
            const int32_t fours = inside && (at & 3) == 0 ? in_c & ~3 : 0; /* most of it, much quicker */
            int32_t c = 0;
            SMG_ROLLED
            for (; c < fours; c += 4, at += 4) {
                const uint32_t four = smg_load32(from + c);
                smg_store32(to + at * 2, smg_sxtb16(four));
                smg_store32(to + at * 2 + 2, smg_sxtb16_odd(four));
            }
            SMG_ROLLED
            for (; c < in_c; c++, at++) {
                to[(at & ~3) * 2 + ((at & 1) << 1 | (at >> 1 & 1))] =
                    (int16_t)(inside ? from[c] : smg_byte(p->range, 0));
            }
        }
    }
    for (; at & 3; at++) to[(at & ~3) * 2 + ((at & 1) << 1 | (at >> 1 & 1))] = 0;
}

/* All channels of two pixels whose windows of so many fours are in lanes; y0 and y1 may be the same. */
SMG_OUTLINE void compact_pixels(const smg_compact_params *p, const uint32_t *lanes,
                                const int8_t *w /* (out_c, window) */, const int32_t *b, int32_t window,
                                int8_t *y[2] /* (out_c) each */) {
    const int32_t out_c = smg_high(p->channels), many = smg_compact_words(p) > 1;
    const smg_compact_biases biases = smg_compact_biases_of(p, b);
    const smg_compact_range r = smg_compact_range_of(p);
    for (int32_t c = 0; c < out_c; c += 2) {
        const int32_t next = c + 1 < out_c;
        const int8_t *row[2] = {w + c * window, w + (c + next) * window};
        const uint32_t *from = lanes;
        const int32_t bias0 = smg_compact_bias(biases, c), bias1 = smg_compact_bias(biases, c + next);
        int32_t acc[2][2] = {{bias0, bias0}, {bias1, bias1}};
        SMG_ROLLED
        for (int32_t left = window; left > 0; left -= 4, from += 4) {
            const uint32_t w0 = smg_load32(row[0]), w1 = smg_load32(row[1]);
            const uint32_t w00 = smg_sxtb16(w0), w01 = smg_sxtb16_odd(w0), w10 = smg_sxtb16(w1),
                           w11 = smg_sxtb16_odd(w1);
            row[0] += 4, row[1] += 4;
            acc[0][0] = smg_smlad(from[1], w01, smg_smlad(from[0], w00, acc[0][0]));
            acc[0][1] = smg_smlad(from[3], w01, smg_smlad(from[2], w00, acc[0][1]));
            acc[1][0] = smg_smlad(from[1], w11, smg_smlad(from[0], w10, acc[1][0]));
            acc[1][1] = smg_smlad(from[3], w11, smg_smlad(from[2], w10, acc[1][1]));
        }
        SMG_ROLLED
        for (int32_t i = 0; i <= next; i++) {
            const uint32_t word = (uint32_t)b[many ? c + i : 0];
            *y[0]++ = smg_compact_output(r, acc[i][0], word);
            *y[1]++ = smg_compact_output(r, acc[i][1], word);
        }
    }
}

/* Pixels in memory order, two at a time across row ends; an odd last one is computed twice, into the same place.
 * b: (out_c) or (1) words, then (out_c) biases with the input's zero point folded in. */
SMG_SMALL void SMG_FUNCTION(const smg_compact_params *p, const int8_t *x /* (batch, in_h, in_w, in_c) */,
                            const int8_t *w /* (out_c, k_h, k_w, in_c) and 3 bytes */, const int32_t *b,
                            int8_t *y /* (batch, out_h, out_w, out_c) */, void *scratch) {
    const int32_t in_c = smg_low(p->channels), out_c = smg_high(p->channels);
    const int32_t out_h = smg_low(p->out_size), out_w = smg_high(p->out_size);
    const int32_t window = smg_byte(p->window, 0) * smg_byte(p->window, 1) * in_c;
    for (int32_t n = 0; n < smg_high(p->record); n++, x += smg_low(p->in_size) * smg_high(p->in_size) * in_c) {
        int32_t oy = 0, ox = 0;
        for (int32_t left = out_h * out_w; left > 0; left -= 2) {
            int8_t *outputs[2] = {y, left > 1 ? y + out_c : y};
            y = outputs[1] + out_c;
            for (int32_t pixel = 0; pixel < 2; pixel++) {
                compact_window(p, (int16_t *)scratch + 4 * pixel, x, oy, ox);
                if (left == 1) continue;
                if (++ox == out_w) ox = 0, oy++;
            }
            compact_pixels(p, scratch, w, b, window, outputs);
        }
    }
}
