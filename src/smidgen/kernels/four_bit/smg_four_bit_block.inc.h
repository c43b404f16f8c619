/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution by four-bit weights: strips of pixels whose windows are gathered as int16, then pairs of channels, whose
 * weights are unpacked once for a strip; four pixels by two channels at a time, 16 cycles for two inputs of each.
 *
 * A pair of channels: SMG_PAIR_WORDS words (its biases with the input's zero point folded in, multipliers, shifts as
 * two bytes), then for each two steps (four inputs) a word of weights w + 8 as nibbles, lanes of int16: bits 0 of the
 * first step's first channel, 4 of its second, 8 and 12 of the second step's; then, if SMG_GROUP, a byte of two factors
 * for each so many inputs, filled up to words. Inputs count up to a multiple of eight: what is past the window's end
 * has zero weights.
 *
 * An instance defines SMG_GROUP, SMG_STRIP_PIXELS (a multiple of 4), SMG_STRIP_BYTES of their windows and what
 * smg_four_bit_requantize.h needs. With SMG_GENERAL the sums are stored and requantised in C. */
#ifndef SMG_FOUR_BIT_BLOCK_INC_H
#define SMG_FOUR_BIT_BLOCK_INC_H
#include "smg_expand.h"
#include "smg_few_bytes.h"
#include "smg_four_bit_requantize.h"
#include "smg_kernels.h"
#include "smg_memory.h"

enum { SMG_PAIR_WORDS = 5, SMG_GROUP_STEPS = SMG_GROUP / 2 };

/* What two channels' sums become. Unless SMG_GENERAL starts are twice the biases. out_step: from a pixel's outputs to
 * the next one's. odd: whether the steps are an odd number of fours. */
typedef struct {
    const uint32_t *w_end;
    int32_t out_step, odd, start[2], requantize[2][3]; /* of each channel mult, addend, shift */
} smg_four_bit_pair;

#if SMG_GENERAL
typedef int32_t smg_four_bit_result; /* sums: (groups, 4 pixels, 2 channels) */
#else
typedef int8_t smg_four_bit_result;
#endif

#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)
#include "smg_naked.h"

/* clang-format off */
/* r0: inputs; r1: weights; r4, r6, r8, r10 sum channel 0 of pixels 0 to 3, r5, r7, r9, r11 channel 1. */
#define SMG_STEP(n)                                     \
    "ldr r2, [r1, #8 * " #n "]\n"                       \
    "ldr r3, [r1, #8 * " #n " + 4]\n"                   \
    "ldr r12, [r0, #16 * " #n "]\n"                     \
    "ldr lr, [r0, #16 * " #n " + 4]\n"                  \
    "smlad r4, r12, r2, r4\n" "smlad r5, r12, r3, r5\n" \
    "smlad r6, lr, r2, r6\n" "smlad r7, lr, r3, r7\n"   \
    "ldr r12, [r0, #16 * " #n " + 8]\n"                 \
    "ldr lr, [r0, #16 * " #n " + 12]\n"                 \
    "smlad r8, r12, r2, r8\n" "smlad r9, r12, r3, r9\n" \
    "smlad r10, lr, r2, r10\n" "smlad r11, lr, r3, r11\n"

/* Four pixels' outputs of one channel at r1. r_step: where the distance between them is to be from the first on. */
#define SMG_FINISH(acc0, acc1, acc2, acc3)                    \
    SMG_ASM_REQUANTIZE("lr", acc0, "r2", "r3", "r12")         \
    "strb lr, [r1]\n"                                         \
    "vmov " acc0 ", s3\n"                                     \
    SMG_ASM_REQUANTIZE("lr", acc1, "r2", "r3", "r12")         \
    "strb lr, [r1, " acc0 "]\n"                               \
    SMG_ASM_REQUANTIZE("lr", acc2, "r2", "r3", "r12")         \
    "strb lr, [r1, " acc0 ", lsl #1]\n"                       \
    "add " acc1 ", " acc0 ", " acc0 ", lsl #1\n"              \
    SMG_ASM_REQUANTIZE("lr", acc3, "r2", "r3", "r12")         \
    "strb lr, [r1, " acc1 "]\n"

/* y of two channels of groups of four pixels. x (groups, steps, 4 pixels), w (steps, 2 channels), doubled.
 * s0: w; s1: y; s2 on: the pair; s13: end of x. */
SMG_NAKED void smg_four_bit_pixels(const uint32_t *x, const uint32_t *w, smg_four_bit_result *y, const smg_four_bit_pair *pair,
                                   const uint32_t *x_end) {
    __asm__ volatile(
        "push {r4-r11, lr}\n"
        "vmov s0, r1\n"
        "vmov s1, r2\n"
        "vldmia r3, {s2-s12}\n"
        "ldr r2, [sp, #36]\n"
        "vmov s13, r2\n"
        ".p2align 2\n"
        "1:\n"
        "vmov r1, s0\n"
        "vmov r2, s4\n"
        "vmov r4, s5\n"
        "vmov r5, s6\n"
        "mov r6, r4\n" "mov r7, r5\n" "mov r8, r4\n" "mov r9, r5\n" "mov r10, r4\n" "mov r11, r5\n"
        "cbz r2, 2f\n"
        "subs r0, #64\n"
        "subs r1, #32\n"
        "b.w 3f\n"
        ".p2align 2\n"
        "2:\n" SMG_STEP(0) SMG_STEP(1) SMG_STEP(2) SMG_STEP(3)
        "3:\n" SMG_STEP(4) SMG_STEP(5) SMG_STEP(6) SMG_STEP(7)
        "adds r1, #64\n"
        "vmov r2, s2\n"
        "adds r0, #128\n"
        "cmp r1, r2\n"
        "bne.w 2b\n"
        "vmov r1, s1\n"
#if SMG_GENERAL
        "stmia r1!, {r4-r11}\n"
#else
        "vmov r2, s7\n"
        "vmov r3, s8\n"
        "vmov r12, s9\n"
        SMG_FINISH("r4", "r6", "r8", "r10")
        "vmov r2, s10\n"
        "vmov r3, s11\n"
        "vmov r12, s12\n"
        "adds r1, #1\n"
        SMG_FINISH("r5", "r7", "r9", "r11")
        "add r1, r1, r5, lsl #2\n"
        "subs r1, #1\n"
#endif
        "vmov s1, r1\n"
        "vmov r2, s13\n"
        "cmp r0, r2\n"
        "bne.w 1b\n"
        "pop {r4-r11, pc}\n");
}
/* clang-format on */
#else
/* The meaning of the assembly above. */
SMG_INLINE void smg_four_bit_pixels(const uint32_t *x, const uint32_t *w, smg_four_bit_result *y,
                                    const smg_four_bit_pair *pair, const uint32_t *x_end) {
    const int32_t steps = (int32_t)(pair->w_end - w) / 2;
    for (; x != x_end; x += 4 * steps, y += SMG_GENERAL ? 8 : 4 * pair->out_step) {
        for (int32_t i = 0; i < 8; i++) {
            const int32_t pixel = i / 2, channel = i % 2, *to = pair->requantize[channel];
            int32_t acc2 = pair->start[channel];
            for (int32_t s = 0; s < steps; s++) acc2 = smg_smlad(x[4 * s + pixel], w[2 * s + channel], acc2);
#if SMG_GENERAL
            (void)to, y[i] = acc2;
#else
            y[pixel * pair->out_step + channel] = smg_requantize_fast(acc2, to[0], to[1], to[2]);
#endif
        }
    }
}
#endif

/* From each packed word two words of weights, and two of the next step, doubled, times their channel's factor of the
 * byte both. An even number of words. */
#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)
/* clang-format off */
#if SMG_GROUP
#define SMG_TIMES(v, factor) "mul " v ", " v ", " factor "\n"
#else
#define SMG_TIMES(v, factor) ""
#endif
#define SMG_UNPACK                                                                                \
    "ldr r7, [r1], #4\n"                                                                          \
    "and r8, r12, r7, lsl #1\n" "and r9, r12, r7, lsr #3\n"                                       \
    "and r10, r12, r7, lsr #7\n" "and r11, r12, r7, lsr #11\n"                                    \
    SMG_TIMES("r8", "r3") SMG_TIMES("r9", "r4") SMG_TIMES("r10", "r3") SMG_TIMES("r11", "r4")     \
    "ssub16 r8, r8, r5\n" "ssub16 r9, r9, r6\n" "ssub16 r10, r10, r5\n" "ssub16 r11, r11, r6\n"    \
    "stmia r0!, {r8-r11}\n"

SMG_NAKED void smg_four_bit_unpack_words(uint32_t *to, const uint32_t *from, const uint32_t *end, uint32_t both) {
    __asm__ volatile(
        "push {r4-r11, lr}\n"
        "mov r12, #0x001e001e\n"
        "lsr r4, r3, #4\n"
        "and r3, r3, #15\n"
        "mov lr, #0x00100010\n"
        "mul r5, lr, r3\n"
        "mul r6, lr, r4\n"
        ".p2align 2\n"
        "1:\n" SMG_UNPACK SMG_UNPACK
        "cmp r1, r2\n"
        "bne 1b\n"
        "pop {r4-r11, pc}\n");
}
/* clang-format on */
#else
SMG_INLINE void smg_four_bit_unpack_words(uint32_t *to, const uint32_t *from, const uint32_t *end, uint32_t both) {
    const uint32_t factors[2] = {both & 15U, both >> 4};
    for (; from != end; from++, to += 4) {
        for (int32_t i = 0; i < 4; i++) {
            const uint32_t factor = factors[i % 2];
            to[i] = smg_ssub16((*from >> (4 * i) & 0x000f000fU) * 2U * factor, 0x00100010U * factor);
        }
    }
}
#endif

/* A pair's weights, two of each step, a multiple of four of these; returns what follows them. */
SMG_INLINE const uint32_t *smg_four_bit_unpack(uint32_t *to, const uint32_t *from, int32_t steps) {
    const uint32_t *const end = from + steps / 2;
#if SMG_GROUP
    const uint8_t *factors = (const uint8_t *)end;
    for (int32_t left = steps; left > 0; left -= SMG_GROUP_STEPS, to += 2 * SMG_GROUP_STEPS) {
        const uint32_t *const run = left < SMG_GROUP_STEPS ? end : from + SMG_GROUP_STEPS / 2;
        smg_four_bit_unpack_words(to, from, run, *factors++);
        from = run;
    }
    return end + ((steps + SMG_GROUP_STEPS - 1) / SMG_GROUP_STEPS + 3) / 4;
#else
    smg_four_bit_unpack_words(to, from, end, 0x11U);
    return end;
#endif
}

/* A pair's biases and requantisation from its packed words. */
SMG_INLINE void smg_four_bit_channels(smg_four_bit_pair *pair, const int32_t *packed, int32_t out_offset) {
    for (int32_t i = 0; i < 2; i++) {
        const int32_t shift = (int8_t)(packed[4] >> (8 * i));
        pair->start[i] = (int32_t)((uint32_t)packed[i] * 2U);
        pair->requantize[i][0] = packed[2 + i];
        pair->requantize[i][1] = SMG_GENERAL ? out_offset : (int32_t)((uint32_t)(2 * out_offset + 1) << (shift - 1));
        pair->requantize[i][2] = shift;
    }
}

/* The input of the next output. */
typedef struct {
    const int8_t *x; /* of its image (in_h, in_w, in_c) */
    int32_t oy, ox;
} smg_four_bit_place;

/* Where a window goes: as lanes of a pixel if whole is set, whose runs are fours but for the last, else as bytes. */
typedef struct {
    uint32_t *lanes;
    int8_t *bytes;
    int32_t whole;
} smg_four_bit_window;

enum {
    SMG_PIXEL_FOUR = 8,
    SMG_PIXEL_ODD = 4
}; /* words from four inputs of a pixel to the next, and to their odd lanes */

static __attribute__((noinline)) void smg_four_bit_copy(smg_four_bit_window *to, const int8_t *from, int32_t count) {
    if (to->whole) {
        smg_expand(to->lanes, SMG_PIXEL_FOUR, SMG_PIXEL_ODD, from, count);
        to->lanes += count / 4 * SMG_PIXEL_FOUR;
    } else {
        smg_copy(to->bytes, from, count);
        to->bytes += count;
    }
}

SMG_FEW_BYTES static __attribute__((noinline)) void smg_four_bit_fill(smg_four_bit_window *to, int32_t value,
                                                                      int32_t count) {
    if (to->whole) {
        const uint32_t lanes = (uint32_t)(value & 0xffff) * 0x00010001U;
        for (; count > 0; count -= 4, to->lanes += SMG_PIXEL_FOUR) to->lanes[0] = to->lanes[SMG_PIXEL_ODD] = lanes;
    } else {
        smg_fill(to->bytes, (int8_t)value, count);
        to->bytes += count;
    }
}

/* taps columns of one input row from column ix on, the zero point where they lie outside. */
SMG_FEW_BYTES static __attribute__((noinline)) void smg_four_bit_row(const smg_conv2d_params *p,
                                                                     smg_four_bit_window *to,
                                                                     const int8_t *row /* (in_w, in_c) */, int32_t ix,
                                                                     int32_t taps) {
    const int32_t first = smg_clamp(-ix, 0, taps), end = smg_clamp(p->in_w - ix, first, taps);
    if (first > 0) smg_four_bit_fill(to, -p->in_offset, first * p->in_c);
    if (end > first) smg_four_bit_copy(to, row + (ix + first) * p->in_c, (end - first) * p->in_c);
    if (end < taps) smg_four_bit_fill(to, -p->in_offset, (taps - end) * p->in_c);
}

/* A window's bytes to a pixel's lanes, if they are not there. */
SMG_INLINE void smg_four_bit_finish(uint32_t *lanes, const int8_t *bytes, int32_t whole, int32_t count) {
    smg_four_bit_window to = {lanes, 0, 1};
    if (!whole) smg_four_bit_copy(&to, bytes, count);
}

/* The window of the output at a place to a pixel's lanes, by way of bytes where it is not whole. */
SMG_FEW_BYTES static void smg_four_bit_gather(const smg_conv2d_params *p, const smg_four_bit_place *at, uint32_t *lanes,
                                              int8_t *bytes, int32_t whole) {
    const int32_t y0 = at->oy * p->stride_h - p->pad_t, x0 = at->ox * p->stride_w - p->pad_l;
    const int32_t taps = p->dilation_w == 1 ? p->k_w : 1, window = p->k_h * p->k_w * p->in_c;
    smg_four_bit_window to = {lanes, bytes, whole};
    if (taps == p->k_w && y0 >= 0 && x0 >= 0 && x0 + p->k_w <= p->in_w &&
        y0 + (p->k_h - 1) * p->dilation_h < p->in_h) { /* all inside: the most frequent case, much quicker */
        const int8_t *from = at->x + (y0 * p->in_w + x0) * p->in_c;
        for (int32_t ky = 0; ky < p->k_h; ky++, from += p->dilation_h * p->in_w * p->in_c) {
            smg_four_bit_copy(&to, from, p->k_w * p->in_c);
        }
        smg_four_bit_finish(lanes, bytes, whole, window);
        return;
    }
    for (int32_t ky = 0; ky < p->k_h; ky++) {
        const int32_t iy = y0 + ky * p->dilation_h;
        for (int32_t kx = 0; kx < p->k_w; kx += taps) {
            if (iy < 0 || iy >= p->in_h) {
                smg_four_bit_fill(&to, -p->in_offset, taps * p->in_c);
            } else {
                smg_four_bit_row(p, &to, at->x + iy * p->in_w * p->in_c, x0 + kx * p->dilation_w, taps);
            }
        }
    }
    smg_four_bit_finish(lanes, bytes, whole, window);
}

/* The windows of the next count outputs; moves the place on. */
SMG_INLINE void smg_four_bit_strip(const smg_conv2d_params *p, smg_four_bit_place *at, uint32_t *strip, int8_t *bytes,
                                   int32_t steps, int32_t count) {
    const int32_t whole = p->in_c % 4 == 0 || p->k_h * p->k_w == 1;
    for (int32_t i = 0; i < count; i++) {
        smg_four_bit_gather(p, at, strip + i / 4 * 4 * steps + i % 4, bytes, whole);
        if (++at->ox < p->out_w) continue;
        at->ox = 0;
        if (++at->oy < p->out_h) continue;
        at->oy = 0;
        at->x += p->in_h * p->in_w * p->in_c;
    }
}

/* Both channels of one to four pixels, or only the first one. */
SMG_FEW_BYTES static __attribute__((noinline)) void smg_four_bit_group(const uint32_t *x, const uint32_t *w,
                                                                       smg_four_bit_pair *pair, int8_t *y,
                                                                       int32_t count, int32_t channels,
                                                                       const uint32_t *x_end) {
    smg_four_bit_result results[8];
    const int32_t out_step = pair->out_step;
    pair->out_step = 2; /* of the results */
    smg_four_bit_pixels(x, w, results, pair, x_end);
    pair->out_step = out_step;
    for (int32_t i = 0; i < count; i++, y += out_step) {
        for (int32_t c = 0; c < channels; c++) {
#if SMG_GENERAL /* doubled as they are: |acc| < 2^30 */
            const int32_t *const to = pair->requantize[c];
            y[c] = smg_four_bit_output(results[2 * i + c] >> 1, to[0], to[2], to[1]);
#else
            y[c] = results[2 * i + c];
#endif
        }
    }
}

/* Both channels of count pixels whose windows are in a strip; one of them if y is the last channel's alone. */
SMG_INLINE void smg_four_bit_outputs(const uint32_t *strip, const uint32_t *w, smg_four_bit_pair *pair, int8_t *y,
                                     int32_t count, int32_t channels) {
    const int32_t steps = (int32_t)(pair->w_end - w) / 2, fours = channels == 2 && !SMG_GENERAL ? count / 4 : 0;
    const uint32_t *x = strip + fours * 4 * steps;
#if !SMG_GENERAL
    if (fours > 0) smg_four_bit_pixels(strip, w, y, pair, x);
#endif
    y += fours * 4 * pair->out_step;
    for (int32_t left = count - fours * 4; left > 0; left -= 4, x += 4 * steps, y += 4 * pair->out_step) {
        smg_four_bit_group(x, w, pair, y, left < 4 ? left : 4, channels, x + 4 * steps);
    }
}

/* Strips of outputs in memory order, each read before its outputs are written. scratch: a strip's windows, a pair's
 * weights, and the bytes of a window where the input channels are no fours. */
SMG_INLINE void smg_four_bit_conv2d(const smg_conv2d_params *p, const int8_t *x, const int32_t *b, int8_t *y,
                                    uint32_t *scratch) {
    const int32_t steps = (p->k_h * p->k_w * p->in_c + 7) / 8 * 4;
    const int32_t room = smg_clamp(SMG_STRIP_BYTES / (16 * steps) * 4, 4, SMG_STRIP_PIXELS);
    int32_t left = p->batch * p->out_h * p->out_w, strips = (left + room - 1) / room;
    const int32_t longest = (left + strips - 1) / strips;
    uint32_t *const w = scratch + (longest + 3) / 4 * 4 * steps;
    smg_four_bit_place at = {x, 0, 0};
    smg_four_bit_pair pair;
    pair.w_end = w + 2 * steps;
    pair.out_step = p->out_c;
    pair.odd = steps / 4 % 2;
    for (; left > 0; strips--) {
        const int32_t count = left / strips;
        const int32_t *from = b;
        smg_four_bit_strip(p, &at, scratch, (int8_t *)(w + 2 * steps), steps, count);
        for (int32_t c = 0; c < p->out_c; c += 2) {
            smg_four_bit_channels(&pair, from, p->out_offset);
            from = (const int32_t *)smg_four_bit_unpack(w, (const uint32_t *)from + SMG_PAIR_WORDS, steps);
            smg_four_bit_outputs(scratch, w, &pair, y + c, count, p->out_c - c > 1 ? 2 : 1);
        }
        y += count * p->out_c;
        left -= count;
    }
}
#endif
