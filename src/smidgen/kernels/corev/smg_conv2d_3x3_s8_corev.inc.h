/* SPDX-License-Identifier: Apache-2.0 */
/* 3x3 convolution, stride SMG_STRIDE (1 or 2) both ways, from three rows of inputs padded to SMG_COLUMNS columns: eight
 * pixels by two channels at a time. Each input word meets all the taps that want it, so that a step of four inputs and
 * three taps takes 48 products of words, and 16 loads at stride 1, 23 at stride 2.
 *
 * Instances define SMG_IN_C, SMG_OUT_C, a multiple of two, and what smg_xcv_requantize.h asks for too. Rows in scratch
 * have SMG_WIDE_C channels, whole words; what fills them up meets weights of 0. The stream holds for each pair of
 * channels their words (k_h, SMG_WIDE_C / 4, k_w, 2), then each one's constants. */
#include "smg_kernels.h"
#include "smg_naked.h"
#include "smg_xcv_requantize.h"

smg_conv2d_kernel SMG_FUNCTION;

#define SMG_WIDE_C ((SMG_IN_C + 3) / 4 * 4)
#define SMG_ROW_BYTES (SMG_COLUMNS * SMG_WIDE_C)
#define SMG_PAIR_WORDS (18 * SMG_WIDE_C / 4 + 2 * SMG_WORDS)

#if SMG_XCV
/* clang-format off */
#define SMG_IN_A "t6"
#define SMG_IN_B "ra"
#define SMG_SUM_0 "s0", "s8"
#define SMG_SUM_1 "s1", "s9"
#define SMG_SUM_2 "s2", "s10"
#define SMG_SUM_3 "s3", "s11"
#define SMG_SUM_4 "s4", "a4"
#define SMG_SUM_5 "s5", "a5"
#define SMG_SUM_6 "s6", "a6"
#define SMG_SUM_7 "s7", "a7"
#define SMG_TWO_OF(op, w0, w1, x, even, odd) op " " even ", " w0 ", " x "\n" op " " odd ", " w1 ", " x "\n"
#define SMG_TWO(op, w0, w1, x, sums) SMG_TWO_OF(op, w0, w1, x, sums)
#define SMG_TAP0(first, rest, x, p) SMG_TWO(first, "t0", "t1", x, SMG_SUM_##p)
#define SMG_TAP1(first, rest, x, p) SMG_TWO(rest, "t2", "t3", x, SMG_SUM_##p)
#define SMG_TAP2(first, rest, x, p) SMG_TWO(rest, "t4", "t5", x, SMG_SUM_##p)
#define SMG_LOAD(into, column) "lw " SMG_IN_##into ", (" #column "*" SMG_XCV_TEXT(SMG_WIDE_C) "-4)(a0)\n"

/* Four inputs, three taps: each output's first product is `first`, the others `rest`. */
#define SMG_STEP_OF(first, rest)                                         \
    "cv.lw t0, (a1), 4\n" "cv.lw t1, (a1), 4\n" "cv.lw t2, (a1), 4\n"    \
    "cv.lw t3, (a1), 4\n" "cv.lw t4, (a1), 4\n" "cv.lw t5, (a1), 4\n"    \
    "cv.lw t6, (a0), 4\n"                                                \
    SMG_COLUMN_STEPS(first, rest)
#if SMG_STRIDE == 1
#define SMG_LOOP_WORDS "65"
#define SMG_COLUMN_STEPS(first, rest) \
    SMG_LOAD(B, 1) SMG_TAP0(first, rest, SMG_IN_A, 0) \
    SMG_LOAD(A, 2) SMG_TAP0(first, rest, SMG_IN_B, 1) SMG_TAP1(first, rest, SMG_IN_B, 0) \
    SMG_LOAD(B, 3) SMG_TAP0(first, rest, SMG_IN_A, 2) SMG_TAP1(first, rest, SMG_IN_A, 1) SMG_TAP2(first, rest, SMG_IN_A, 0) \
    SMG_LOAD(A, 4) SMG_TAP0(first, rest, SMG_IN_B, 3) SMG_TAP1(first, rest, SMG_IN_B, 2) SMG_TAP2(first, rest, SMG_IN_B, 1) \
    SMG_LOAD(B, 5) SMG_TAP0(first, rest, SMG_IN_A, 4) SMG_TAP1(first, rest, SMG_IN_A, 3) SMG_TAP2(first, rest, SMG_IN_A, 2) \
    SMG_LOAD(A, 6) SMG_TAP0(first, rest, SMG_IN_B, 5) SMG_TAP1(first, rest, SMG_IN_B, 4) SMG_TAP2(first, rest, SMG_IN_B, 3) \
    SMG_LOAD(B, 7) SMG_TAP0(first, rest, SMG_IN_A, 6) SMG_TAP1(first, rest, SMG_IN_A, 5) SMG_TAP2(first, rest, SMG_IN_A, 4) \
    SMG_LOAD(A, 8) SMG_TAP0(first, rest, SMG_IN_B, 7) SMG_TAP1(first, rest, SMG_IN_B, 6) SMG_TAP2(first, rest, SMG_IN_B, 5) \
    SMG_LOAD(B, 9) SMG_TAP1(first, rest, SMG_IN_A, 7) SMG_TAP2(first, rest, SMG_IN_A, 6) \
    SMG_TAP2(first, rest, SMG_IN_B, 7)
#else
#define SMG_LOOP_WORDS "72"
#define SMG_COLUMN_STEPS(first, rest) \
    SMG_LOAD(B, 1) SMG_TAP0(first, rest, SMG_IN_A, 0) \
    SMG_LOAD(A, 2) SMG_TAP1(first, rest, SMG_IN_B, 0) \
    SMG_LOAD(B, 3) SMG_TAP0(first, rest, SMG_IN_A, 1) SMG_TAP2(first, rest, SMG_IN_A, 0) \
    SMG_LOAD(A, 4) SMG_TAP1(first, rest, SMG_IN_B, 1) \
    SMG_LOAD(B, 5) SMG_TAP0(first, rest, SMG_IN_A, 2) SMG_TAP2(first, rest, SMG_IN_A, 1) \
    SMG_LOAD(A, 6) SMG_TAP1(first, rest, SMG_IN_B, 2) \
    SMG_LOAD(B, 7) SMG_TAP0(first, rest, SMG_IN_A, 3) SMG_TAP2(first, rest, SMG_IN_A, 2) \
    SMG_LOAD(A, 8) SMG_TAP1(first, rest, SMG_IN_B, 3) \
    SMG_LOAD(B, 9) SMG_TAP0(first, rest, SMG_IN_A, 4) SMG_TAP2(first, rest, SMG_IN_A, 3) \
    SMG_LOAD(A, 10) SMG_TAP1(first, rest, SMG_IN_B, 4) \
    SMG_LOAD(B, 11) SMG_TAP0(first, rest, SMG_IN_A, 5) SMG_TAP2(first, rest, SMG_IN_A, 4) \
    SMG_LOAD(A, 12) SMG_TAP1(first, rest, SMG_IN_B, 5) \
    SMG_LOAD(B, 13) SMG_TAP0(first, rest, SMG_IN_A, 6) SMG_TAP2(first, rest, SMG_IN_A, 5) \
    SMG_LOAD(A, 14) SMG_TAP1(first, rest, SMG_IN_B, 6) \
    SMG_LOAD(B, 15) SMG_TAP0(first, rest, SMG_IN_A, 7) SMG_TAP2(first, rest, SMG_IN_A, 6) \
    SMG_LOAD(A, 16) SMG_TAP1(first, rest, SMG_IN_B, 7) \
    SMG_TAP2(first, rest, SMG_IN_A, 7)
#endif
#define SMG_STEP SMG_STEP_OF("cv.sdotsp.b", "cv.sdotsp.b")
#define SMG_LOOP(times) "li a3, " times "\n" ".insn i 0x2b, 4, x14, a3, " SMG_LOOP_WORDS "\n" SMG_STEP /* cv.setup 0 */
#define SMG_FOURS "(" SMG_XCV_TEXT(SMG_WIDE_C) "/4)"
#if SMG_IN_C > 4
#define SMG_MORE SMG_LOOP(SMG_FOURS "-1")
#else
#define SMG_MORE ""
#endif
#define SMG_OUT(acc, pixel, channel) \
    SMG_OUTPUT(acc) "sb " acc ", (" #pixel "*" SMG_XCV_TEXT(SMG_OUT_C) "+" #channel ")(a2)\n"
#define SMG_NEXT_BLOCK(at) "lw t0, " at "(sp)\n" "addi t0, t0, 8*" SMG_XCV_TEXT(SMG_STRIDE * SMG_WIDE_C) "\n" "sw t0, " at "(sp)\n"

/* All channels of `blocks` times eight pixels of a row. rows: the three rows, from the first pixel's first column on. */
__attribute__((aligned(4))) SMG_NAKED void smg_corev_row(const int8_t *const *rows, const int32_t *stream, int8_t *y,
                                                         int32_t blocks) {
    __asm__ volatile(
        ".option push\n"
        ".option norvc\n"
        "addi sp, sp, -80\n"
        "sw s0, 0(sp)\n" "sw s1, 4(sp)\n" "sw s2, 8(sp)\n" "sw s3, 12(sp)\n" "sw s4, 16(sp)\n" "sw s5, 20(sp)\n"
        "sw s6, 24(sp)\n" "sw s7, 28(sp)\n" "sw s8, 32(sp)\n" "sw s9, 36(sp)\n" "sw s10, 40(sp)\n" "sw s11, 44(sp)\n"
        "sw ra, 48(sp)\n" "sw a1, 52(sp)\n" "sw a2, 56(sp)\n" "sw a3, 60(sp)\n"
        "lw t0, 0(a0)\n" "lw t1, 4(a0)\n" "lw t2, 8(a0)\n"
        "sw t0, 64(sp)\n" "sw t1, 68(sp)\n" "sw t2, 72(sp)\n"
        "lla t0, 2f\n"
        "lla t1, 3f\n"
        ".insn i 0x2b, 4, x3, t0, 0\n" /* cv.start 1 */
        ".insn i 0x2b, 4, x7, t1, 0\n" /* cv.end 1 */
        "1:\n"
        "li t0, " SMG_XCV_TEXT(SMG_OUT_C) "/2\n"
        "lw a1, 52(sp)\n"
        ".insn i 0x2b, 4, x11, t0, 0\n" /* cv.count 1 */
        "2:\n"
        "lw a0, 64(sp)\n"
        SMG_STEP_OF("cv.dotsp.b", "cv.sdotsp.b")
        SMG_MORE
        "lw a0, 68(sp)\n"
        SMG_LOOP(SMG_FOURS)
        "lw a0, 72(sp)\n"
        SMG_LOOP(SMG_FOURS)
        SMG_CONSTANTS
        SMG_OUT("s0", 0, 0) SMG_OUT("s1", 1, 0) SMG_OUT("s2", 2, 0) SMG_OUT("s3", 3, 0)
        SMG_OUT("s4", 4, 0) SMG_OUT("s5", 5, 0) SMG_OUT("s6", 6, 0) SMG_OUT("s7", 7, 0)
        SMG_CONSTANTS
        SMG_OUT("s8", 0, 1) SMG_OUT("s9", 1, 1) SMG_OUT("s10", 2, 1) SMG_OUT("s11", 3, 1)
        SMG_OUT("a4", 4, 1) SMG_OUT("a5", 5, 1) SMG_OUT("a6", 6, 1) SMG_OUT("a7", 7, 1)
        "addi a2, a2, 2\n"
        "3:\n"
        SMG_NEXT_BLOCK("64")
        SMG_NEXT_BLOCK("68")
        SMG_NEXT_BLOCK("72")
        "addi a2, a2, 7*" SMG_XCV_TEXT(SMG_OUT_C) "\n"
        "lw t0, 60(sp)\n"
        "addi t0, t0, -1\n"
        "sw t0, 60(sp)\n"
        "bnez t0, 1b\n"
        "lw s0, 0(sp)\n" "lw s1, 4(sp)\n" "lw s2, 8(sp)\n" "lw s3, 12(sp)\n" "lw s4, 16(sp)\n" "lw s5, 20(sp)\n"
        "lw s6, 24(sp)\n" "lw s7, 28(sp)\n" "lw s8, 32(sp)\n" "lw s9, 36(sp)\n" "lw s10, 40(sp)\n" "lw s11, 44(sp)\n"
        "lw ra, 48(sp)\n"
        "addi sp, sp, 80\n"
        "ret\n"
        ".option pop\n");
}
/* clang-format on */
#else

/* The meaning of the assembly above. */
SMG_INLINE void smg_corev_row(const int8_t *const *rows, const int32_t *stream, int8_t *y, int32_t blocks) {
    for (int32_t i = 0; i < 8 * blocks; i++, y += SMG_OUT_C) {
        for (int32_t c = 0; c < SMG_OUT_C; c++) {
            const int32_t *pair = stream + c / 2 * SMG_PAIR_WORDS, *w = pair + c % 2;
            int32_t sum = 0;
            for (int32_t ky = 0; ky < 3; ky++)
                for (int32_t k = 0; k < SMG_WIDE_C; k += 4)
                    for (int32_t kx = 0; kx < 3; kx++, w += 2)
                        sum = smg_sdotsp4((uint32_t)*w, smg_load32(rows[ky] + (i * SMG_STRIDE + kx) * SMG_WIDE_C + k),
                                          sum);
            y[c] = smg_xcv_output(sum, pair + 18 * SMG_WIDE_C / 4 + c % 2 * SMG_WORDS);
        }
    }
}
#endif

/* `pixels` of a row of the image, as they are in scratch. */
SMG_INLINE void smg_pixels(int8_t **to, const int8_t *from, int32_t pixels) {
#if SMG_IN_C % 4 == 0
    smg_words(to, &from, pixels * SMG_IN_C / 4);
#else
    for (; pixels * SMG_IN_C >= SMG_WIDE_C; pixels--, from += SMG_IN_C) { /* words that reach into the next pixels */
        const int8_t *pixel = from;
        smg_pass(to, &pixel, SMG_WIDE_C);
    }
    for (; pixels > 0; pixels--, *to += SMG_WIDE_C - SMG_IN_C) smg_pass(to, &from, SMG_IN_C);
#endif
}

/* Row iy of image x, padded; zeros: a word of zero points. */
SMG_INLINE void smg_padded_row(const smg_conv2d_params *p, const int8_t *x, int32_t iy, int8_t *to, uint32_t zeros) {
    const int32_t after = SMG_COLUMNS - p->pad_l, inside = after < p->in_w ? after : p->in_w;
    if (iy < 0 || iy >= p->in_h) {
        smg_words_same(&to, zeros, SMG_ROW_BYTES / 4);
        return;
    }
    smg_words_same(&to, zeros, p->pad_l * SMG_WIDE_C / 4);
    smg_pixels(&to, x + iy * p->in_w * SMG_IN_C, inside);
    smg_words_same(&to, zeros, (after - inside) * SMG_WIDE_C / 4);
}

/* x: (batch, in_h, in_w, in_c), b: the stream, y: (batch, out_h, out_w, out_c), scratch: three padded rows. */
void SMG_FUNCTION(const smg_conv2d_params *p, const int8_t *x, const int8_t *w, const int32_t *b, int8_t *y,
                  void *scratch) {
    const uint32_t zeros = (uint32_t)(uint8_t)-p->in_offset * 0x01010101U;
    int8_t *slots = scratch;
    (void)w;
    for (int32_t n = 0; n < p->batch; n++, x += p->in_h * p->in_w * SMG_IN_C) {
        int32_t loaded = 0;
        for (int32_t oy = 0; oy < p->out_h; oy++, y += p->out_w * SMG_OUT_C) {
            const int8_t *rows[3], *last[3];
            const int32_t tail = p->out_w - 8;
            for (; loaded < oy * SMG_STRIDE + 3; loaded++)
                smg_padded_row(p, x, loaded - p->pad_t, slots + loaded % 3 * SMG_ROW_BYTES, zeros);
            for (int32_t k = 0; k < 3; k++) {
                rows[k] = slots + (oy * SMG_STRIDE + k) % 3 * SMG_ROW_BYTES;
                last[k] = rows[k] + tail * SMG_STRIDE * SMG_WIDE_C;
            }
            smg_corev_row(rows, b, y, p->out_w / 8);
            if (p->out_w % 8) smg_corev_row(last, b, y + tail * SMG_OUT_C, 1);
        }
    }
}
