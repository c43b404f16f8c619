/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise 3x3, strides 1 and 2, for one shape. A channel's nine weights stay in registers; one or two lines of
 * outputs, side by side, are walked along the longer side of the image. Each column of inputs across the lines is
 * loaded once and goes into the sums of all outputs that need it: four loads for two outputs of stride 1. Taps on
 * padding are left out; what the zero point adds there is in the value that the sums begin with. */
#include "smg_depthwise_linear.inc.h"
#include "smg_kernels.h"
#include "smg_small.h"

smg_depthwise_kernel SMG_FUNCTION;

#define SMG_IN_PITCH (SMG_IN_W * SMG_CHANNELS)
#define SMG_OUT_PITCH (SMG_OUT_W * SMG_CHANNELS)
#define SMG_PAD_B ((SMG_OUT_H - 1) * SMG_STRIDE - SMG_PAD_T + 2 >= SMG_IN_H)
#define SMG_PAD_R ((SMG_OUT_W - 1) * SMG_STRIDE - SMG_PAD_L + 2 >= SMG_IN_W)
#if SMG_DOWN /* lines are columns of the image */
#define SMG_X_ALONG SMG_IN_PITCH
#define SMG_X_ACROSS SMG_CHANNELS
#define SMG_Y_ALONG SMG_OUT_PITCH
#define SMG_Y_ACROSS SMG_CHANNELS
#define SMG_LENGTH SMG_OUT_H
#define SMG_LINES SMG_OUT_W
#define SMG_PAD SMG_PAD_T
#define SMG_END SMG_PAD_B
#define SMG_FIRST SMG_PAD_L
#define SMG_LAST SMG_PAD_R
#else
#define SMG_X_ALONG SMG_CHANNELS
#define SMG_X_ACROSS SMG_IN_PITCH
#define SMG_Y_ALONG SMG_CHANNELS
#define SMG_Y_ACROSS SMG_OUT_PITCH
#define SMG_LENGTH SMG_OUT_W
#define SMG_LINES SMG_OUT_H
#define SMG_PAD SMG_PAD_L
#define SMG_END SMG_PAD_R
#define SMG_FIRST SMG_PAD_T
#define SMG_LAST SMG_PAD_B
#endif
#define SMG_FULL_STEPS (SMG_LENGTH - SMG_END)
#define SMG_WORDS (9 + SMG_LINEAR_WORDS)

/* A channel: w[along][across]. */
typedef struct {
    int32_t w[3][3];
    smg_linear linear;
} smg_three;

/* Where a strip of one line or two lies: whether taps before its first line or behind its last are on padding. */
typedef struct {
    int32_t first, last, two;
} smg_place;

/* Sums of the strip's lines, and a column of inputs across them. */
typedef struct {
    int32_t of[2];
} smg_line_sums;
typedef struct {
    int32_t of[5];
} smg_column;

/* x: the input under the middle tap of the first line. */
SMG_INLINE smg_column smg_load_column(const int8_t *x, smg_place at) {
    smg_column v = {{0, 0, 0, 0, 0}};
    if (!at.first) v.of[0] = x[-SMG_X_ACROSS];
    v.of[1] = x[0];
    if (!at.last || at.two) v.of[2] = x[SMG_X_ACROSS];
    if (at.two) v.of[3] = x[2 * SMG_X_ACROSS];
    if (at.two && SMG_STRIDE == 2) v.of[4] = x[3 * SMG_X_ACROSS];
    return v;
}

/* A weight where it is used. With eight registers for arithmetic none can stay in one: it is loaded each time, and the
 * product may take its place. */
#if defined(__thumb__) && !defined(__thumb2__)
#define SMG_WEIGHT(w) (*(const volatile int32_t *)&(w))
#else
#define SMG_WEIGHT(w) (w)
#endif

/* sums + the products of a column with the taps of column k. */
SMG_INLINE smg_line_sums smg_taps(smg_line_sums sums, const smg_three *c, int32_t k, smg_column v, smg_place at) {
    if (!at.first) sums.of[0] = smg_add_product(sums.of[0], SMG_WEIGHT(c->w[k][0]), v.of[0]);
    sums.of[0] = smg_add_product(sums.of[0], SMG_WEIGHT(c->w[k][1]), v.of[1]);
    if (!at.last || at.two) sums.of[0] = smg_add_product(sums.of[0], SMG_WEIGHT(c->w[k][2]), v.of[2]);
    if (at.two) {
        sums.of[1] = smg_add_product(sums.of[1], SMG_WEIGHT(c->w[k][0]), v.of[SMG_STRIDE]);
        sums.of[1] = smg_add_product(sums.of[1], SMG_WEIGHT(c->w[k][1]), v.of[SMG_STRIDE + 1]);
        sums.of[1] = smg_add_product(sums.of[1], SMG_WEIGHT(c->w[k][2]), v.of[SMG_STRIDE + 2]);
    }
    return sums;
}

/* sums + those products where the whole column is padding. */
SMG_INLINE smg_line_sums smg_padded_taps(smg_line_sums sums, const smg_three *c, int32_t k, int32_t zero,
                                         smg_place at) {
    const smg_column v = {{zero, zero, zero, zero, zero}};
    return smg_taps(sums, c, k, v, at);
}

SMG_INLINE void smg_store_line(int8_t *y, smg_line_sums sums, const smg_three *c, smg_place at) {
    y[0] = smg_linear_output(sums.of[0], c->linear);
    if (at.two) y[SMG_Y_ACROSS] = smg_linear_output(sums.of[1], c->linear);
}

/* What sums begin with: what padded taps across the line add as well. */
SMG_INLINE smg_line_sums smg_start(const smg_three *c, int32_t zero, smg_place at) {
    int32_t start = c->linear.start;
    if (at.first) start += zero * (c->w[0][0] + c->w[1][0] + c->w[2][0]);
    if (at.last) start += zero * (c->w[0][2] + c->w[1][2] + c->w[2][2]);
    const smg_line_sums sums = {{start, start}};
    return sums;
}

#if SMG_STRIDE == 1
#define SMG_TURN(a, b, c)                 \
    {                                     \
        v = smg_load_column(x, at);       \
        a = smg_taps(a, s, 2, v, at);     \
        b = smg_taps(b, s, 1, v, at);     \
        c = smg_taps(start, s, 0, v, at); \
        smg_store_line(y, a, s, at);      \
        x += SMG_X_ALONG;                 \
        y += SMG_Y_ALONG;                 \
    }

/* x: the input under the middle taps of the strip's first output if that has a padded tap before it, otherwise of the
 * one before. Three sums are under way: a lacks its last column, b its last two. */
SMG_INLINE void smg_strip(const smg_three *s, const int8_t *x, int8_t *y, int32_t zero, smg_place at) {
    const smg_line_sums start = smg_start(s, zero, at);
    smg_line_sums a = start, b = start, c = start;
    smg_column v = smg_load_column(x, at);
    if (SMG_PAD) {
        a = smg_padded_taps(a, s, 0, zero, at);
    } else {
        a = smg_taps(a, s, 0, v, at);
        x += SMG_X_ALONG;
        v = smg_load_column(x, at);
    }
    a = smg_taps(a, s, 1, v, at);
    b = smg_taps(b, s, 0, v, at);
    x += SMG_X_ALONG;
    SMG_ROLLED
    for (int32_t left = SMG_FULL_STEPS; left > 0; left -= 3) {
        SMG_TURN(a, b, c)
        if (SMG_FULL_STEPS % 3 == 1 && left == 1) break;
        SMG_TURN(b, c, a)
        if (SMG_FULL_STEPS % 3 == 2 && left == 2) break;
        SMG_TURN(c, a, b)
    }
    if (SMG_END) {
        const smg_line_sums last = SMG_FULL_STEPS % 3 == 0 ? a : SMG_FULL_STEPS % 3 == 1 ? b : c;
        smg_store_line(y, smg_padded_taps(last, s, 2, zero, at), s, at);
    }
}
#else
/* The same for stride 2: one sum a line is under way. */
SMG_INLINE void smg_strip(const smg_three *s, const int8_t *x, int8_t *y, int32_t zero, smg_place at) {
    const smg_line_sums start = smg_start(s, zero, at);
    smg_line_sums a = start;
    if (SMG_PAD) {
        a = smg_padded_taps(a, s, 0, zero, at);
    } else {
        a = smg_taps(a, s, 0, smg_load_column(x, at), at);
        x += SMG_X_ALONG;
    }
    SMG_ROLLED
    for (int32_t left = SMG_FULL_STEPS; left > 0; left--) {
        a = smg_taps(a, s, 1, smg_load_column(x, at), at);
        const smg_column v = smg_load_column(x + SMG_X_ALONG, at);
        smg_store_line(y, smg_taps(a, s, 2, v, at), s, at);
        a = smg_taps(start, s, 0, v, at);
        x += 2 * SMG_X_ALONG;
        y += SMG_Y_ALONG;
    }
    if (SMG_END) {
        a = smg_taps(a, s, 1, smg_load_column(x, at), at);
        smg_store_line(y, smg_padded_taps(a, s, 2, zero, at), s, at);
    }
}
#endif

/* All lines of a channel. x, y: its first input and output. */
SMG_INLINE void smg_depthwise_channel(const smg_three *s, const int8_t *x, int8_t *y, int32_t zero) {
    const smg_place only = {1, 1, 0}, before = {1, 0, 0}, inside = {0, 0, 0}, behind = {0, 1, 0}, two = {0, 0, 1};
    int32_t lines = SMG_LINES - SMG_FIRST - SMG_LAST;
    if (SMG_LINES == 1 && SMG_FIRST && SMG_LAST) {
        smg_strip(s, x, y, zero, only);
        return;
    }
    if (SMG_FIRST) {
        smg_strip(s, x, y, zero, before);
        x += (SMG_STRIDE - 1) * SMG_X_ACROSS;
        y += SMG_Y_ACROSS;
    }
    x += SMG_X_ACROSS;
    SMG_ROLLED
    for (; lines >= 2; lines -= 2, x += 2 * SMG_STRIDE * SMG_X_ACROSS, y += 2 * SMG_Y_ACROSS) {
        smg_strip(s, x, y, zero, two);
    }
    if ((SMG_LINES - SMG_FIRST - SMG_LAST) % 2) {
        smg_strip(s, x, y, zero, inside);
        x += SMG_STRIDE * SMG_X_ACROSS;
        y += SMG_Y_ACROSS;
    }
    if (SMG_LAST) smg_strip(s, x, y, zero, behind);
}

/* x (batch, SMG_IN_H, SMG_IN_W, SMG_CHANNELS), packed (SMG_CHANNELS, SMG_WORDS). */
void SMG_FUNCTION(const smg_depthwise_params *p, const int8_t *x, const int8_t *w, const int32_t *packed, int8_t *y,
                  void *scratch) {
    (void)w;
    (void)scratch;
    const int32_t zero = -p->in_offset;
    for (int32_t n = 0; n < p->batch; n++) {
        const int32_t *words = packed;
        SMG_ROLLED
        for (int32_t c = 0; c < SMG_CHANNELS; c++, words += SMG_WORDS) {
            const smg_three s = {
                {{words[0], words[1], words[2]}, {words[3], words[4], words[5]}, {words[6], words[7], words[8]}},
                smg_linear_of(words + 9)};
            smg_depthwise_channel(&s, x + c, y + c, zero);
        }
        x += SMG_IN_H * SMG_IN_PITCH;
        y += SMG_OUT_H * SMG_OUT_PITCH;
    }
}
