/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise convolution of any shape, channel multiplier 1, four channels of a pixel at a time. */
#include "smg_compact_channels.h"

smg_compact_kernel SMG_FUNCTION;

SMG_INLINE int32_t compact_product(uint32_t a, uint32_t b) { return (int16_t)a * (int16_t)b; }
SMG_INLINE int32_t compact_product_high(uint32_t a, uint32_t b) { return (int16_t)(a >> 16) * (int16_t)(b >> 16); }

/* The taps of a window that lie inside the input: how many, and the bytes from one to the next. */
typedef struct {
    int32_t rows, columns, x_row, x_column, w_row, w_column;
    uint32_t zeros; /* the input's zero point in both lanes */
} compact_taps;

/* Adds the products of four channels, from those x and w point to on. */
SMG_INLINE void compact_sums(const compact_taps *t, const int8_t *x, const int8_t *w, int32_t acc[4]) {
    SMG_ROLLED
    for (int32_t ky = t->rows; ky > 0; ky--, x += t->x_row, w += t->w_row) {
        const int8_t *from = x, *taps = w;
        SMG_ROLLED
        for (int32_t kx = t->columns; kx > 0; kx--, from += t->x_column, taps += t->w_column) {
            const uint32_t v = smg_load32(from), wv = smg_load32(taps);
            const uint32_t even = smg_ssub16(smg_sxtb16(v), t->zeros), odd = smg_ssub16(smg_sxtb16_odd(v), t->zeros);
            const uint32_t w_even = smg_sxtb16(wv), w_odd = smg_sxtb16_odd(wv);
            acc[0] += compact_product(even, w_even);
            acc[1] += compact_product(odd, w_odd);
            acc[2] += compact_product_high(even, w_even);
            acc[3] += compact_product_high(odd, w_odd);
        }
    }
}

/* The first tap at or past coordinate 0, and how many follow before the end. */
SMG_INLINE int32_t compact_first(int32_t start, int32_t dilation) {
    int32_t first = 0;
    SMG_ROLLED
    while (start + first * dilation < 0) first++;
    return first;
}

SMG_INLINE int32_t compact_count(int32_t start, int32_t dilation, int32_t taps, int32_t end) {
    while (taps > 0 && start + (taps - 1) * dilation >= end) {
        taps--;
        __asm__(""); /* compilers need not unroll this */
    }
    return taps;
}

/* One pixel, all channels; an odd last group of four begins earlier and repeats some. */
SMG_OUTLINE void compact_pixel(const smg_compact_params *p, const int8_t *x /* (in_h, in_w, in_c) */, const int8_t *w,
                               const int32_t *b, int8_t *y, int32_t y0, int32_t x0) {
    const int32_t channels = smg_high(p->channels), in_w = smg_high(p->in_size), k_w = smg_byte(p->window, 1);
    const int32_t dilation_h = smg_byte(p->place, 2), dilation_w = smg_byte(p->place, 3);
    const int32_t ky = compact_first(y0, dilation_h), kx = compact_first(x0, dilation_w);
    const uint32_t zero = (uint32_t)smg_byte(p->range, 0);
    const compact_taps t = {
        compact_count(y0, dilation_h, smg_byte(p->window, 0), smg_low(p->in_size)) - ky,
        compact_count(x0, dilation_w, k_w, in_w) - kx,
        dilation_h * in_w * channels,
        dilation_w * channels,
        k_w * channels,
        channels,
        smg_low_halves(zero, zero),
    };
    const smg_compact_range r = smg_compact_range_of(p);
    const int32_t many = smg_compact_words(p) > 1;
    const smg_compact_biases biases = smg_compact_biases_of(p, b);
    const int inside = t.rows > 0 && t.columns > 0;
    x += inside ? ((y0 + ky * dilation_h) * in_w + x0 + kx * dilation_w) * channels : 0;
    w += inside ? (ky * k_w + kx) * channels : 0;
    SMG_ROLLED
    for (int32_t c = 0, done = 0; !done; c = smg_clamp(c + 4, 0, channels - 4)) {
        int32_t acc[4];
        for (int32_t i = 0; i < 4; i++) acc[i] = smg_compact_bias(biases, c + i);
        if (inside) compact_sums(&t, x + c, w + c, acc);
        SMG_ROLLED
        for (int32_t i = 0; i < 4; i++) {
            y[c + i] = smg_compact_output(r, acc[i], (uint32_t)b[many ? c + i : 0]);
        }
        done = c + 4 >= channels;
    }
}

/* At least four channels. b: (out_c) or (1) words, then (out_c) biases. */
SMG_SMALL void SMG_FUNCTION(const smg_compact_params *p, const int8_t *x /* (batch, in_h, in_w, in_c) */,
                            const int8_t *w /* (k_h, k_w, in_c) */, const int32_t *b,
                            int8_t *y /* (batch, out_h, out_w, in_c) */, void *scratch) {
    const int32_t channels = smg_high(p->channels);
    (void)scratch;
    for (int32_t n = 0; n < smg_high(p->record); n++, x += smg_low(p->in_size) * smg_high(p->in_size) * channels) {
        int32_t y0 = -smg_byte(p->place, 0);
        for (int32_t oy = smg_low(p->out_size); oy > 0; oy--, y0 += smg_byte(p->window, 2)) {
            int32_t x0 = -smg_byte(p->place, 1);
            for (int32_t ox = smg_high(p->out_size); ox > 0; ox--, x0 += smg_byte(p->window, 3), y += channels) {
                compact_pixel(p, x, w, b, y, y0, x0);
            }
        }
    }
}
