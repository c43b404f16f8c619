/* SPDX-License-Identifier: Apache-2.0 */
/* Four channels of one output pixel at a time, two filter taps an instruction; shared by the DSP depthwise kernels.
 * The record folds the input's zero point into the bias, so bytes are multiplied as they are; packs weights as
 * (channels / 4, taps / 2, 8 bytes), see smg_depthwise_pair, where the last four channels may overlap the ones before,
 * and b as (channels) smg_channel; and proves that accumulators fit. */
#ifndef SMG_DEPTHWISE_DSP_INC_H
#define SMG_DEPTHWISE_DSP_INC_H
#include "smg_dsp_requantize.h"
#include "smg_kernels.h"
#include "smg_memory.h"

/* The sums of four channels. */
typedef struct {
    int32_t c0, c1, c2, c3;
} smg_quad;

/* Adds two taps t, u to four channels. w: (t0, t1, u0, u1), (t2, t3, u2, u3), the digit being the channel. */
SMG_INLINE smg_quad smg_depthwise_pair(smg_quad s, uint32_t t, uint32_t u, const int8_t *w) {
    const uint32_t w01 = smg_load32(w), w23 = smg_load32(w + 4);
    const uint32_t x01 = smg_low_halves(t, u), x23 = smg_high_halves(t, u);
    s.c0 = smg_smlad(smg_sxtb16(x01), smg_sxtb16(w01), s.c0);
    s.c1 = smg_smlad(smg_sxtb16_odd(x01), smg_sxtb16_odd(w01), s.c1);
    s.c2 = smg_smlad(smg_sxtb16(x23), smg_sxtb16(w23), s.c2);
    s.c3 = smg_smlad(smg_sxtb16_odd(x23), smg_sxtb16_odd(w23), s.c3);
    return s;
}

/* b: (4) smg_channel. */
SMG_INLINE smg_quad smg_depthwise_start(const int32_t *b) {
    const smg_quad s = {b[0], b[SMG_CHANNEL_WORDS], b[2 * SMG_CHANNEL_WORDS], b[3 * SMG_CHANNEL_WORDS]};
    return s;
}

/* Rescales four channels and writes them. */
SMG_INLINE void smg_depthwise_finish(smg_rounding rounding, smg_quad s, const int32_t *b, smg_byte_range range,
                                     int8_t *y) {
    const uint32_t b0 = smg_output_byte(rounding, s.c0, b, range.offset);
    const uint32_t b1 = smg_output_byte(rounding, s.c1, b + SMG_CHANNEL_WORDS, range.offset);
    const uint32_t b2 = smg_output_byte(rounding, s.c2, b + 2 * SMG_CHANNEL_WORDS, range.offset);
    const uint32_t b3 = smg_output_byte(rounding, s.c3, b + 3 * SMG_CHANNEL_WORDS, range.offset);
    smg_store32(y, smg_clamp_bytes(b0, b1, b2, b3, range));
}

/* True if the window whose top left corner is (y0, x0) lies in the input. */
SMG_INLINE int smg_depthwise_inside(const smg_depthwise_params *p, int32_t y0, int32_t x0) {
    return y0 >= 0 && x0 >= 0 && y0 + (p->k_h - 1) * p->dilation_h < p->in_h &&
           x0 + (p->k_w - 1) * p->dilation_w < p->in_w;
}

/* A window that leaves the input, as (k_h, k_w, in_c) with the zero point outside. */
SMG_INLINE void smg_depthwise_copy_window(const smg_depthwise_params *p, int8_t *to,
                                          const int8_t *x /* (in_h, in_w, in_c) */, int32_t y0, int32_t x0) {
    for (int32_t ky = 0; ky < p->k_h; ky++) {
        const int32_t iy = y0 + ky * p->dilation_h;
        for (int32_t kx = 0; kx < p->k_w; kx++, to += p->in_c) {
            const int32_t ix = x0 + kx * p->dilation_w;
            if (iy >= 0 && iy < p->in_h && ix >= 0 && ix < p->in_w) {
                smg_copy(to, x + (iy * p->in_w + ix) * p->in_c, p->in_c);
            } else {
                smg_fill(to, (int8_t)-p->in_offset, p->in_c);
            }
        }
    }
}
#endif
