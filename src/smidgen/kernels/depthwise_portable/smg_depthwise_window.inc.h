/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise of any window for one shape. SMG_AT_ONCE neighbouring outputs along a line are summed up together: each
 * input and each weight is loaded once for all of them. An instance with SMG_COPIED first copies a channel's plane,
 * padded, to scratch, so y may be x; others have no padding. */
#include "smg_depthwise_linear.inc.h"
#include "smg_kernels.h"
#include "smg_small.h"

smg_depthwise_kernel SMG_FUNCTION;

#define SMG_OUT_PITCH (SMG_OUT_W * SMG_CHANNELS)
#if SMG_COPIED
#define SMG_X_PITCH SMG_PLANE_W
#define SMG_X_PIXEL 1
#else
#define SMG_X_PITCH (SMG_IN_W * SMG_CHANNELS)
#define SMG_X_PIXEL SMG_CHANNELS
#endif
#if SMG_DOWN /* lines are columns of the image */
#define SMG_X_STEP SMG_X_PITCH
#define SMG_STRIDE SMG_STRIDE_H
#define SMG_DILATION SMG_DILATION_H
#define SMG_X_TAPS (SMG_DILATION_W * SMG_X_PIXEL)
#define SMG_X_LINE (SMG_STRIDE_W * SMG_X_PIXEL)
#define SMG_Y_NEXT SMG_OUT_PITCH
#define SMG_Y_LINE SMG_CHANNELS
#define SMG_LENGTH SMG_OUT_H
#define SMG_LINES SMG_OUT_W
#define SMG_TAPS_ALONG SMG_K_H
#define SMG_TAPS_ACROSS SMG_K_W
#else
#define SMG_X_STEP SMG_X_PIXEL
#define SMG_STRIDE SMG_STRIDE_W
#define SMG_DILATION SMG_DILATION_W
#define SMG_X_TAPS (SMG_DILATION_H * SMG_X_PITCH)
#define SMG_X_LINE (SMG_STRIDE_H * SMG_X_PITCH)
#define SMG_Y_NEXT SMG_CHANNELS
#define SMG_Y_LINE SMG_OUT_PITCH
#define SMG_LENGTH SMG_OUT_W
#define SMG_LINES SMG_OUT_H
#define SMG_TAPS_ALONG SMG_K_W
#define SMG_TAPS_ACROSS SMG_K_H
#endif

#define SMG_X_NEXT (SMG_STRIDE * SMG_X_STEP)
#define SMG_REACH ((SMG_AT_ONCE - 1) * SMG_STRIDE + (SMG_TAPS_ALONG - 1) * SMG_DILATION + 1) /* inputs of a block */
#define SMG_BEYOND ((SMG_AT_ONCE - SMG_LENGTH % SMG_AT_ONCE) % SMG_AT_ONCE)

/* x: the input under the first tap of the first output. w (SMG_TAPS_ACROSS, SMG_TAPS_ALONG). */
SMG_INLINE void smg_window_block(const int8_t *x, const int8_t *w, int8_t *y, int32_t factor, smg_linear linear) {
    int32_t sums[SMG_AT_ONCE] = {0};
    for (int32_t row = 0; row < SMG_TAPS_ACROSS; row++, x += SMG_X_TAPS, w += SMG_TAPS_ALONG) {
        int32_t taps[SMG_TAPS_ALONG] = {w[0]}, next = x[0];
        SMG_WHOLE
        for (int32_t at = 0; at < SMG_REACH; at++) {
            const int32_t v = next, tap = (at + 1) / SMG_DILATION;
            if (at + 1 < SMG_REACH) { /* a load's result is late: one step ahead */
                next = x[(at + 1) * SMG_X_STEP];
                SMG_HERE(next);
            }
            if ((at + 1) % SMG_DILATION == 0 && tap < SMG_TAPS_ALONG) {
                taps[tap] = w[tap];
                SMG_HERE(taps[tap]);
            }
            SMG_WHOLE
            for (int32_t i = 0; i < SMG_AT_ONCE; i++) {
                const int32_t from = at - i * SMG_STRIDE;
                if (from >= 0 && from % SMG_DILATION == 0 && from / SMG_DILATION < SMG_TAPS_ALONG) {
                    sums[i] = smg_add_product(sums[i], taps[from / SMG_DILATION], v);
                }
            }
        }
    }
    SMG_WHOLE
    for (int32_t i = 0; i < SMG_AT_ONCE; i++) {
        const int32_t sum = sums[i] * factor + linear.start;
        y[i * SMG_Y_NEXT] = smg_linear_output(sum, linear);
    }
}

/* All lines of a channel; the last block of a line ends where the line does. */
SMG_INLINE void smg_window_channel(const int8_t *x, const int8_t *w, int8_t *y, int32_t factor, smg_linear linear) {
    SMG_ROLLED
    for (int32_t line = 0; line < SMG_LINES; line++, x += SMG_X_LINE, y += SMG_Y_LINE) {
        const int8_t *from = x;
        int8_t *to = y;
        SMG_ROLLED
        for (int32_t left = SMG_LENGTH; left > 0; left -= SMG_AT_ONCE) {
            if (SMG_BEYOND > 0 && left < SMG_AT_ONCE) {
                from -= SMG_BEYOND * SMG_X_NEXT;
                to -= SMG_BEYOND * SMG_Y_NEXT;
            }
            smg_window_block(from, w, to, factor, linear);
            from += SMG_AT_ONCE * SMG_X_NEXT;
            to += SMG_AT_ONCE * SMG_Y_NEXT;
        }
    }
}

#if SMG_COPIED
/* A channel's plane to the middle of the padded one. */
SMG_INLINE const int8_t *smg_window_plane(const int8_t *x, int8_t *plane) {
    int8_t *to = plane + SMG_PAD_T * SMG_PLANE_W + SMG_PAD_L;
    SMG_ROLLED
    for (int32_t row = 0; row < SMG_IN_H; row++, to += SMG_PLANE_W - SMG_IN_W) {
        int8_t *const end = to + SMG_IN_W;
        if (SMG_IN_W % 2) {
            *to++ = *x;
            x += SMG_CHANNELS;
        }
        SMG_ROLLED
        while (to != end) {
            const int8_t first = x[0], second = x[SMG_CHANNELS];
            to[0] = first;
            to[1] = second;
            x += 2 * SMG_CHANNELS;
            to += 2;
        }
    }
    return plane;
}

SMG_INLINE void smg_window_margins(int8_t *plane, int8_t zero) {
    SMG_ROLLED
    for (int32_t i = 0; i < SMG_PLANE_H * SMG_PLANE_W; i++) {
        plane[i] = zero;
        __asm__("" ::: "memory"); /* no call of memset */
    }
}
#else
SMG_INLINE const int8_t *smg_window_plane(const int8_t *x, int8_t *plane) {
    (void)plane;
    return x;
}
SMG_INLINE void smg_window_margins(int8_t *plane, int8_t zero) {
    (void)plane;
    (void)zero;
}
#endif

/* x (batch, SMG_IN_H, SMG_IN_W, SMG_CHANNELS), w (SMG_CHANNELS, SMG_TAPS_ACROSS, SMG_TAPS_ALONG), packed
 * (SMG_CHANNELS, 1 + SMG_LINEAR_WORDS): factor, then what smg_linear_of reads. */
void SMG_FUNCTION(const smg_depthwise_params *p, const int8_t *x, const int8_t *w, const int32_t *packed, int8_t *y,
                  void *scratch) {
    smg_window_margins(scratch, (int8_t)-p->in_offset);
    for (int32_t n = 0; n < p->batch; n++) {
        const int8_t *taps = w;
        const int32_t *words = packed;
        SMG_ROLLED
        for (int32_t c = 0; c < SMG_CHANNELS; c++) {
            smg_window_channel(smg_window_plane(x + c, scratch), taps, y + c, words[0], smg_linear_of(words + 1));
            taps += SMG_TAPS_ACROSS * SMG_TAPS_ALONG;
            words += 1 + SMG_LINEAR_WORDS;
        }
        x += SMG_IN_H * SMG_IN_W * SMG_CHANNELS;
        y += SMG_OUT_H * SMG_OUT_PITCH;
    }
}
