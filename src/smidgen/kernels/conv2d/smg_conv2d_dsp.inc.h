/* SPDX-License-Identifier: Apache-2.0 */
/* Two output pixels by two output channels at a time with SMLAD; shared by the DSP convolutions.
 * The record folds the input's zero point into the bias, so bytes are multiplied as they are; packs weights as
 * (out_c / 2, groups of 4 inputs, 2 channels, 4), zeros past the ends; and proves that accumulators fit. */
#ifndef SMG_CONV2D_DSP_INC_H
#define SMG_CONV2D_DSP_INC_H
#include "smg_dsp_requantize.h"
#include "smg_expand.h"
#include "smg_kernels.h"

/* The sums of 2 pixels (0, 1) and 2 channels (a, b). */
typedef struct {
    int32_t a0, a1, b0, b1;
} smg_block;

/* 16 products a turn from 4 words of pixels, 2 words of weights: 7 cycles of loads, 4 SXTB16, 8 SMLAD. */
SMG_INLINE smg_block smg_conv2d_products(smg_block s, const uint32_t *x /* (groups, 2 pixels, 2) */,
                                         const int8_t *w /* (groups, 2 channels, 4) */, int32_t groups) {
    for (; groups > 0; groups--, x += 4, w += 8) {
        const uint32_t wa = smg_load32(w), wb = smg_load32(w + 4);
        const uint32_t x0 = x[0], x0_odd = x[1], x1 = x[2], x1_odd = x[3];
        const uint32_t a = smg_sxtb16(wa), a_odd = smg_sxtb16_odd(wa);
        const uint32_t b = smg_sxtb16(wb), b_odd = smg_sxtb16_odd(wb);
        s.a0 = smg_smlad(x0_odd, a_odd, smg_smlad(x0, a, s.a0));
        s.a1 = smg_smlad(x1_odd, a_odd, smg_smlad(x1, a, s.a1));
        s.b0 = smg_smlad(x0_odd, b_odd, smg_smlad(x0, b, s.b0));
        s.b1 = smg_smlad(x1_odd, b_odd, smg_smlad(x1, b, s.b1));
    }
    return s;
}

SMG_INLINE int8_t smg_conv2d_finish(smg_rounding rounding, const smg_conv2d_params *p, int32_t acc, int32_t o) {
    return smg_dsp_output(rounding, acc, p->mult[o], p->shift[o], p->out_offset, p->act_min, p->act_max);
}

/* All channels of two pixels. An odd last channel is computed twice, into the same place. */
SMG_INLINE void smg_conv2d_two_pixels(smg_rounding rounding, const smg_conv2d_params *p, const uint32_t *x,
                                      const int8_t *w, const int32_t *b, int32_t groups, int8_t *y0 /* (out_c) */,
                                      int8_t *y1 /* (out_c) */) {
    for (int32_t o = 0; o < p->out_c; o += 2, w += 8 * groups) {
        const int32_t next = o + 1 < p->out_c ? o + 1 : o;
        const smg_block start = {b[o], b[o], b[o + 1], b[o + 1]}; /* the packed bias is even in length */
        const smg_block s = smg_conv2d_products(start, x, w, groups);
        y0[next] = smg_conv2d_finish(rounding, p, s.b0, next);
        y1[next] = smg_conv2d_finish(rounding, p, s.b1, next);
        y0[o] = smg_conv2d_finish(rounding, p, s.a0, o);
        y1[o] = smg_conv2d_finish(rounding, p, s.a1, o);
    }
}
#endif
