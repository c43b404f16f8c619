/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise convolution with int16 on the DSP extension: four channels of one output pixel at a time, a multiplication
 * each, tap by tap; taps that lie outside the input are left out. The record packs weights as (channels / 4, k_h, k_w,
 * 4), where the last four channels may overlap the ones before, and b as (channels) smg_channel, the zero point not
 * folded in; and proves that sums fit. An instance defines SMG_K_H and SMG_K_W, so that whole windows are unrolled. */
#include "smg_halves.h"
#include "smg_kernels.h"
#include "smg_products16.h"

smg_depthwise_s16_kernel SMG_FUNCTION;

typedef SMG_INT(SMG_IN_BITS) in_t;
typedef SMG_INT(SMG_OUT_BITS) out_t;

/* The sums of four channels. */
typedef struct {
    int32_t c0, c1, c2, c3;
} quad_t;

/* Adds one tap; offsets: in_offset in both lanes. */
SMG_INLINE quad_t add_tap_16(quad_t s, const int16_t *x /* (4) */, const int8_t *w /* (4) */, uint32_t offsets) {
    const uint32_t x01 = smg_load32(x), x23 = smg_load32(x + 2), v = smg_load32(w);
    const uint32_t even = smg_sxtb16(v), odd = smg_sxtb16_odd(v);
    (void)offsets; /* 0 */
    s.c0 = smg_smlabb(x01, even, s.c0);
    s.c1 = smg_smlatb(x01, odd, s.c1);
    s.c2 = smg_smlabt(x23, even, s.c2);
    s.c3 = smg_smlatt(x23, odd, s.c3);
    return s;
}

SMG_INLINE quad_t add_tap_8(quad_t s, const int8_t *x /* (4) */, const int8_t *w /* (4) */, uint32_t offsets) {
    const uint32_t u = smg_load32(x), v = smg_load32(w);
    const uint32_t x02 = smg_sxtab16(offsets, u), x13 = smg_sxtab16_odd(offsets, u);
    const uint32_t even = smg_sxtb16(v), odd = smg_sxtb16_odd(v);
    s.c0 = smg_smlabb(x02, even, s.c0);
    s.c1 = smg_smlabb(x13, odd, s.c1);
    s.c2 = smg_smlatt(x02, even, s.c2);
    s.c3 = smg_smlatt(x13, odd, s.c3);
    return s;
}

/* Taps first <= i < end along one dimension lie inside an input of this size. */
typedef struct {
    int32_t first, end;
} span_t;

SMG_INLINE span_t taps_inside(int32_t start, int32_t dilation, int32_t taps, int32_t size) {
    span_t span = {0, taps};
    while (span.first < taps && start + span.first * dilation < 0) span.first++;
    while (span.end > span.first && start + (span.end - 1) * dilation >= size) span.end--;
    return span;
}

/* Four channels of a whole window. */
SMG_INLINE quad_t whole_window(quad_t s, const in_t *x, int32_t row, int32_t column, const int8_t *w,
                               uint32_t offsets) {
    for (int32_t ky = 0; ky < SMG_K_H; ky++, x += row) {
        for (int32_t kx = 0; kx < SMG_K_W; kx++, w += 4) {
            s = SMG_FOR(add_tap, SMG_IN_BITS)(s, x + kx * column, w, offsets);
        }
    }
    return s;
}

/* Four channels of the part of a window that these taps are; at: the window's start, which may lie outside. */
SMG_INLINE quad_t part_window(quad_t s, const in_t *x, int32_t at, int32_t row, int32_t column, const int8_t *w,
                              uint32_t offsets, span_t rows, span_t columns) {
    for (int32_t ky = rows.first; ky < rows.end; ky++) {
        for (int32_t kx = columns.first; kx < columns.end; kx++) {
            s = SMG_FOR(add_tap, SMG_IN_BITS)(s, x + (at + ky * row + kx * column), w + 4 * (ky * SMG_K_W + kx),
                                              offsets);
            __asm__(""); /* compilers need not unroll this */
        }
    }
    return s;
}

SMG_INLINE void finish(quad_t s, const int32_t *b /* (4) smg_channel */, smg_range range, out_t *y) {
    const int32_t v0 = SMG_FOR(smg_output, SMG_OUTPUT)(s.c0, b, range),
                  v1 = SMG_FOR(smg_output, SMG_OUTPUT)(s.c1, b + SMG_CHANNEL_WORDS, range);
    const int32_t v2 = SMG_FOR(smg_output, SMG_OUTPUT)(s.c2, b + 2 * SMG_CHANNEL_WORDS, range);
    const int32_t v3 = SMG_FOR(smg_output, SMG_OUTPUT)(s.c3, b + 3 * SMG_CHANNEL_WORDS, range);
    y[0] = (out_t)v0;
    y[1] = (out_t)v1;
    y[2] = (out_t)v2;
    y[3] = (out_t)v3;
}

/* Pixels in memory order. */
void SMG_FUNCTION(const smg_depthwise_params *p, const void *x /* (batch, in_h, in_w, in_c) */, const int8_t *w,
                  const int32_t *b, void *y /* (batch, out_h, out_w, in_c) */, void *scratch) {
    const smg_range range = smg_output_range(p->out_offset, p->act_min, p->act_max);
    const uint32_t offsets = smg_low_halves((uint32_t)p->in_offset, (uint32_t)p->in_offset);
    const int32_t channels = p->in_c, row = p->dilation_h * p->in_w * channels, column = p->dilation_w * channels;
    const in_t *image = x;
    out_t *to = y;
    (void)scratch;
    for (int32_t n = 0; n < p->batch; n++, image += p->in_h * p->in_w * channels) {
        for (int32_t oy = 0; oy < p->out_h; oy++) {
            const int32_t y0 = oy * p->stride_h - p->pad_t;
            const span_t rows = taps_inside(y0, p->dilation_h, SMG_K_H, p->in_h);
            for (int32_t ox = 0; ox < p->out_w; ox++, to += channels) {
                const int32_t x0 = ox * p->stride_w - p->pad_l;
                const span_t columns = taps_inside(x0, p->dilation_w, SMG_K_W, p->in_w);
                const int whole = rows.end - rows.first == SMG_K_H && columns.end - columns.first == SMG_K_W;
                const int8_t *wc = w;
                for (int32_t next = 0; next < channels; next += 4, wc += 4 * SMG_K_H * SMG_K_W) {
                    const int32_t c = next + 4 <= channels ? next : channels - 4;
                    const int32_t *bc = b + SMG_CHANNEL_WORDS * c;
                    quad_t s = {bc[0], bc[SMG_CHANNEL_WORDS], bc[2 * SMG_CHANNEL_WORDS], bc[3 * SMG_CHANNEL_WORDS]};
                    if (whole) {
                        s = whole_window(s, image + (y0 * p->in_w + x0) * channels + c, row, column, wc, offsets);
                    } else {
                        s = part_window(s, image + c, (y0 * p->in_w + x0) * channels, row, column, wc, offsets, rows,
                                        columns);
                    }
                    finish(s, bc, range, to + c);
                }
            }
        }
    }
}
