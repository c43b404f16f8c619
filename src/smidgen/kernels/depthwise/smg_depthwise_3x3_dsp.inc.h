/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise 3x3 convolution on the DSP extension, the nine taps written out. */
#ifndef SMG_DEPTHWISE_3X3_DSP_INC_H
#define SMG_DEPTHWISE_3X3_DSP_INC_H
#include "smg_depthwise_dsp.inc.h"

/* One pixel: its channels by fours. row, column: distance of neighbouring taps in x. The tenth tap has weight 0. */
SMG_INLINE void smg_depthwise_3x3_pixel(smg_rounding rounding, const smg_depthwise_params *p, const int8_t *x,
                                        int32_t row, int32_t column, const int8_t *w, const int32_t *b,
                                        int8_t *y /* (out_c) */) {
    const smg_byte_range range = smg_output_bytes(p->out_offset, p->act_min, p->act_max);
    const int32_t channels = p->in_c;
    for (int32_t next = 0; next < channels; next += 4, w += 40) {
        const int32_t c = next + 4 <= channels ? next : channels - 4;
        const int8_t *r0 = x + c, *r1 = r0 + row, *r2 = r1 + row;
        smg_quad s = smg_depthwise_start(b + SMG_CHANNEL_WORDS * c);
        s = smg_depthwise_pair(s, smg_load32(r0), smg_load32(r0 + column), w);
        s = smg_depthwise_pair(s, smg_load32(r0 + 2 * column), smg_load32(r1), w + 8);
        s = smg_depthwise_pair(s, smg_load32(r1 + column), smg_load32(r1 + 2 * column), w + 16);
        s = smg_depthwise_pair(s, smg_load32(r2), smg_load32(r2 + column), w + 24);
        s = smg_depthwise_pair(s, smg_load32(r2 + 2 * column), 0, w + 32);
        smg_depthwise_finish(rounding, s, b + SMG_CHANNEL_WORDS * c, range, y + c);
    }
}

/* Pixels in memory order. A window inside the input is read in place; one that leaves it is copied to scratch first. */
SMG_INLINE void smg_depthwise_3x3_dsp(smg_rounding rounding, const smg_depthwise_params *p,
                                      const int8_t *x,  /* (batch, in_h, in_w, in_c) */
                                      const int8_t *w,  /* packed, see smg_depthwise_dsp.inc.h */
                                      const int32_t *b, /* (in_c) smg_channel */
                                      int8_t *y,        /* (batch, out_h, out_w, in_c) */
                                      int8_t *scratch /* (3, 3, in_c) */) {
    const int32_t column = p->in_c, row = p->in_w * column;
    for (int32_t n = 0; n < p->batch; n++, x += p->in_h * row) {
        for (int32_t oy = 0; oy < p->out_h; oy++) {
            for (int32_t ox = 0; ox < p->out_w; ox++, y += column) {
                const int32_t y0 = oy * p->stride_h - p->pad_t, x0 = ox * p->stride_w - p->pad_l;
                const int inside = smg_depthwise_inside(p, y0, x0);
                if (!inside) smg_depthwise_copy_window(p, scratch, x, y0, x0);
                smg_depthwise_3x3_pixel(rounding, p, inside ? x + y0 * row + x0 * column : scratch,
                                        inside ? row : 3 * column, column, w, b, y);
            }
        }
    }
}
#endif
