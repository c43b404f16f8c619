/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise 3x3, stride 1 or 2, two lines of outputs at a time, which are rows or columns: lines go along the output's
 * width or height, whichever fills blocks better. An odd last line goes with the one before it again.
 * Steps in bytes: SMG_IN_STEP and SMG_OUT_STEP along a line, SMG_IN_LINE and SMG_OUT_LINE from line to line. */
#include "smg_kernels.h"
#include "smg_mve_window_blocks.inc.h"
#include "smg_requantize.h"
#include <arm_mve.h>

smg_depthwise_kernel SMG_FUNCTION;

#define SMG_TAPS (SMG_STRIDE == 1 ? 4 : 5) /* lines of the input under two lines of outputs */
#define SMG_COLUMNS ((SMG_PLACES - 1) * SMG_STRIDE + 3)
#define SMG_BEFORE (SMG_PAD_ALONG < SMG_COLUMNS ? SMG_PAD_ALONG : SMG_COLUMNS)
#define SMG_INSIDE (SMG_COLUMNS - SMG_BEFORE < SMG_IN_PLACES ? SMG_COLUMNS - SMG_BEFORE : SMG_IN_PLACES)
#define SMG_STRIP_STEP (SMG_STRIDE == 1 ? 64 : 128)

/* Words of places beside the input. */
static __attribute__((noinline)) int8_t *smg_strip_zeros(int8_t *strip, int8_t zero, int32_t places) {
    const int8x16_t zeros = vdupq_n_s8(zero);
    for (int32_t i = 0; i < places * (SMG_STRIP_STEP / 16); i++, strip += 16) vstrbq_s8(strip, zeros);
    return strip;
}

/* Words of places of the input: line k of the input from from[k] on. */
SMG_INLINE int8_t *smg_strip_places(int8_t *strip, const int8_t *const *from, const int32_t *step, mve_pred16_t some) {
    const int8_t *a = from[0], *b = from[1], *c = from[2], *d = from[3];
    const int32_t a_step = step[0], b_step = step[1], c_step = step[2], d_step = step[3];
#if SMG_STRIDE == 2
    const int8_t *e = from[4];
    const int32_t e_step = step[4];
#endif
    for (int32_t i = 0; i < SMG_INSIDE; i++, strip += SMG_STRIP_STEP, a += a_step, b += b_step, c += c_step) {
        int8x16x4_t words;
        words.val[0] = vldrbq_z_s8(a, some);
        words.val[1] = vldrbq_z_s8(b, some);
        words.val[2] = vldrbq_z_s8(c, some);
        words.val[3] = vldrbq_z_s8(d, some);
        vst4q_s8(strip, words);
        d += d_step;
#if SMG_STRIDE == 2
        words.val[0] = words.val[2];
        words.val[1] = words.val[3];
        words.val[2] = vldrbq_z_s8(e, some);
        vst4q_s8(strip + 64, words);
        e += e_step;
#endif
    }
    return strip;
}

/* b: a channel's record after the other, see smg_mve_window_blocks.inc.h. scratch: the strip. */
void SMG_FUNCTION(const smg_depthwise_params *p, const int8_t *x /* (batch, in_h, in_w, c) */, const int8_t *w,
                  const int32_t *b, int8_t *y /* (batch, out_h, out_w, c) */, void *scratch) {
    static const uint16_t offsets[8] = {
#if SMG_STRIDE == 1 /* even ones: the first two places of both lines, odd ones: the next two */
        0,
        2 * SMG_OUT_STEP,
        SMG_OUT_STEP,
        3 * SMG_OUT_STEP,
        SMG_OUT_LINE,
        SMG_OUT_LINE + 2 * SMG_OUT_STEP,
        SMG_OUT_LINE + SMG_OUT_STEP,
        SMG_OUT_LINE + 3 * SMG_OUT_STEP,
#else
        0,
        2 * SMG_OUT_STEP,
        SMG_OUT_LINE,
        SMG_OUT_LINE + 2 * SMG_OUT_STEP,
        SMG_OUT_STEP,
        3 * SMG_OUT_STEP,
        SMG_OUT_LINE + SMG_OUT_STEP,
        SMG_OUT_LINE + 3 * SMG_OUT_STEP,
#endif
    };
    const int32_t record = SMG_STRIDE == 1 ? 20 : 8;
    int8_t zeros[16];
    (void)w;
    vstrbq_s8(zeros, vdupq_n_s8((int8_t)-p->in_offset));
    for (int32_t n = 0; n < p->batch; n++, x += p->in_h * p->in_w * p->in_c, y += p->out_h * p->out_w * p->out_c) {
        for (int32_t next = 0; next < SMG_LINES; next += 2) {
            const int32_t line = next < SMG_LINES - 2 ? next : SMG_LINES - 2;
            for (int32_t c = 0; c < p->in_c; c += 16) {
                const int32_t left = p->in_c - c, some = left < 16 ? left : 16;
                const int8_t *from[SMG_TAPS];
                int32_t step[SMG_TAPS];
                int8_t *strip = scratch;
                for (int32_t k = 0; k < SMG_TAPS; k++) {
                    const int32_t at = line * SMG_STRIDE - SMG_PAD_ACROSS + k;
                    const int inside = at >= 0 && at < SMG_IN_LINES;
                    from[k] = inside ? x + at * SMG_IN_LINE + c : zeros;
                    step[k] = inside ? SMG_IN_STEP : 0;
                }
                strip = smg_strip_zeros(strip, zeros[0], SMG_BEFORE);
                strip = smg_strip_places(strip, from, step, vctp8q((uint32_t)some));
                smg_strip_zeros(strip, zeros[0], SMG_COLUMNS - SMG_BEFORE - SMG_INSIDE);
                smg_mve_lines(scratch, b + c * record, y + line * SMG_OUT_LINE + c, some, offsets);
            }
        }
    }
}
