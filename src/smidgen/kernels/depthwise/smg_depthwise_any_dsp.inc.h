/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise convolution of any window on the DSP extension, by a table of the taps' offsets. */
#ifndef SMG_DEPTHWISE_ANY_DSP_INC_H
#define SMG_DEPTHWISE_ANY_DSP_INC_H
#include "smg_depthwise_dsp.inc.h"

/* One pixel: its channels by fours. offsets (taps, evened up by repeating the last): of each tap in x. */
SMG_INLINE void smg_depthwise_any_pixel(smg_rounding rounding, const smg_depthwise_params *p, const int8_t *x,
                                        const int32_t *offsets, int32_t pairs, const int8_t *w, const int32_t *b,
                                        int8_t *y /* (out_c) */) {
    const smg_byte_range range = smg_output_bytes(p->out_offset, p->act_min, p->act_max);
    const int32_t channels = p->in_c;
    for (int32_t next = 0; next < channels; next += 4) {
        const int32_t c = next + 4 <= channels ? next : channels - 4;
        smg_quad s = smg_depthwise_start(b + SMG_CHANNEL_WORDS * c);
        for (int32_t i = 0; i < pairs; i++, w += 8) {
            s = smg_depthwise_pair(s, smg_load32(x + c + offsets[2 * i]), smg_load32(x + c + offsets[2 * i + 1]), w);
        }
        smg_depthwise_finish(rounding, s, b + SMG_CHANNEL_WORDS * c, range, y + c);
    }
}

/* Pixels in memory order. A window inside the input is read in place; one that leaves it is copied first.
 * scratch: offsets for either case (2, taps evened up), then the copied window's bytes. */
SMG_INLINE void smg_depthwise_any_dsp(smg_rounding rounding, const smg_depthwise_params *p,
                                      const int8_t *x,  /* (batch, in_h, in_w, in_c) */
                                      const int8_t *w,  /* packed, see smg_depthwise_dsp.inc.h */
                                      const int32_t *b, /* (in_c) smg_channel */
                                      int8_t *y,        /* (batch, out_h, out_w, in_c) */
                                      int32_t *scratch) {
    const int32_t taps = p->k_h * p->k_w, pairs = (taps + 1) / 2;
    int32_t *direct = scratch, *copied = scratch + 2 * pairs;
    int8_t *window = (int8_t *)(scratch + 4 * pairs);
    for (int32_t i = 0; i < 2 * pairs; i++) {
        const int32_t tap = i < taps ? i : taps - 1;
        direct[i] = (tap / p->k_w * p->dilation_h * p->in_w + tap % p->k_w * p->dilation_w) * p->in_c;
        copied[i] = tap * p->in_c;
    }
    for (int32_t n = 0; n < p->batch; n++, x += p->in_h * p->in_w * p->in_c) {
        for (int32_t oy = 0; oy < p->out_h; oy++) {
            for (int32_t ox = 0; ox < p->out_w; ox++, y += p->in_c) {
                const int32_t y0 = oy * p->stride_h - p->pad_t, x0 = ox * p->stride_w - p->pad_l;
                const int inside = smg_depthwise_inside(p, y0, x0);
                if (!inside) smg_depthwise_copy_window(p, window, x, y0, x0);
                smg_depthwise_any_pixel(rounding, p, inside ? x + (y0 * p->in_w + x0) * p->in_c : window,
                                        inside ? direct : copied, pairs, w, b, y);
            }
        }
    }
}
#endif
