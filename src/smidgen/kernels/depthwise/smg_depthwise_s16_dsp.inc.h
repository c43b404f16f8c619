/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise convolution with int16 on the DSP extension: four channels of one output pixel at a time, two filter taps
 * an instruction, by a table of the taps' offsets. Weights and b are packed as in smg_depthwise_dsp.inc.h. */
#include "smg_depthwise_dsp.inc.h"
#include "smg_elements.h"
#include "smg_products16.h"

smg_depthwise_s16_kernel SMG_FUNCTION;

typedef SMG_INT(SMG_IN_BITS) in_t;
typedef SMG_INT(SMG_OUT_BITS) out_t;

/* Adds two taps t, u to four channels; w as for smg_depthwise_pair. */
SMG_INLINE smg_quad add_pair_16(smg_quad s, const int16_t *t, const int16_t *u, const int8_t *w) {
    const uint32_t t01 = smg_load32(t), t23 = smg_load32(t + 2), u01 = smg_load32(u), u23 = smg_load32(u + 2);
    const uint32_t w01 = smg_load32(w), w23 = smg_load32(w + 4);
    s.c0 = smg_smlad(smg_low_halves(t01, u01), smg_sxtb16(w01), s.c0);
    s.c1 = smg_smlad(smg_high_halves(t01, u01), smg_sxtb16_odd(w01), s.c1);
    s.c2 = smg_smlad(smg_low_halves(t23, u23), smg_sxtb16(w23), s.c2);
    s.c3 = smg_smlad(smg_high_halves(t23, u23), smg_sxtb16_odd(w23), s.c3);
    return s;
}

SMG_INLINE smg_quad add_pair_8(smg_quad s, const int8_t *t, const int8_t *u, const int8_t *w) {
    return smg_depthwise_pair(s, smg_load32(t), smg_load32(u), w);
}

/* One pixel: its channels by fours. offsets (taps, evened up by repeating the last): of each tap in x. */
SMG_INLINE void one_pixel(const smg_depthwise_params *p, const in_t *x, const int32_t *offsets, int32_t pairs,
                          const int8_t *w, const int32_t *b, out_t *y /* (out_c) */) {
    const smg_range range = smg_output_range(p->out_offset, p->act_min, p->act_max);
    const int32_t channels = p->in_c;
    for (int32_t next = 0; next < channels; next += 4) {
        const int32_t c = next + 4 <= channels ? next : channels - 4;
        const int32_t *bc = b + SMG_CHANNEL_WORDS * c;
        smg_quad s = smg_depthwise_start(bc);
        for (int32_t i = 0; i < pairs; i++, w += 8) {
            s = SMG_FOR(add_pair, SMG_IN_BITS)(s, x + c + offsets[2 * i], x + c + offsets[2 * i + 1], w);
        }
        y[c] = (out_t)smg_output_32(s.c0, bc, range);
        y[c + 1] = (out_t)smg_output_32(s.c1, bc + SMG_CHANNEL_WORDS, range);
        y[c + 2] = (out_t)smg_output_32(s.c2, bc + 2 * SMG_CHANNEL_WORDS, range);
        y[c + 3] = (out_t)smg_output_32(s.c3, bc + 3 * SMG_CHANNEL_WORDS, range);
    }
}

/* A window that leaves the input, as (k_h, k_w, in_c) with the zero point outside. */
SMG_INLINE void copy_window(const smg_depthwise_params *p, in_t *to, const in_t *x /* (in_h, in_w, in_c) */, int32_t y0,
                            int32_t x0) {
    for (int32_t ky = 0; ky < p->k_h; ky++) {
        const int32_t iy = y0 + ky * p->dilation_h;
        for (int32_t kx = 0; kx < p->k_w; kx++) {
            const int32_t ix = x0 + kx * p->dilation_w, inside = iy >= 0 && iy < p->in_h && ix >= 0 && ix < p->in_w;
            for (int32_t c = 0; c < p->in_c; c++) {
                *to++ = inside ? x[(iy * p->in_w + ix) * p->in_c + c] : (in_t)-p->in_offset;
                __asm__("" ::: "memory");
            }
        }
    }
}

/* Pixels in memory order. A window inside the input is read in place; one that leaves it is copied first.
 * scratch: offsets for either case (2, taps evened up), then the copied window. */
void SMG_FUNCTION(const smg_depthwise_params *p, const void *x /* (batch, in_h, in_w, in_c) */, const int8_t *w,
                  const int32_t *b, void *y /* (batch, out_h, out_w, in_c) */, void *scratch) {
    const int32_t taps = p->k_h * p->k_w, pairs = (taps + 1) / 2;
    int32_t *direct = scratch, *copied = direct + 2 * pairs;
    in_t *window = (in_t *)(copied + 2 * pairs);
    const in_t *image = x;
    out_t *to = y;
    for (int32_t i = 0; i < 2 * pairs; i++) {
        const int32_t tap = i < taps ? i : taps - 1;
        direct[i] = (tap / p->k_w * p->dilation_h * p->in_w + tap % p->k_w * p->dilation_w) * p->in_c;
        copied[i] = tap * p->in_c;
    }
    for (int32_t n = 0; n < p->batch; n++, image += p->in_h * p->in_w * p->in_c) {
        for (int32_t oy = 0; oy < p->out_h; oy++) {
            for (int32_t ox = 0; ox < p->out_w; ox++, to += p->in_c) {
                const int32_t y0 = oy * p->stride_h - p->pad_t, x0 = ox * p->stride_w - p->pad_l;
                const int inside = smg_depthwise_inside(p, y0, x0);
                if (!inside) copy_window(p, window, image, y0, x0);
                one_pixel(p, inside ? image + (y0 * p->in_w + x0) * p->in_c : window, inside ? direct : copied, pairs,
                          w, b, to);
            }
        }
    }
}
