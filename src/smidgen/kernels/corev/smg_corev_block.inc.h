/* SPDX-License-Identifier: Apache-2.0 */
/* Four pixels by four channels at a time: 16 sums in registers, 24 instructions for 64 products.
 *
 * Instances define SMG_STEPS (words of four inputs), SMG_PIXEL_BYTES from a pixel to the next, SMG_OUT_C and what
 * smg_xcv_requantize.h asks for. The stream holds for each group of four channels their words of each step (steps, 4),
 * then each channel's constants. */
#ifndef SMG_COREV_BLOCK_INC_H
#define SMG_COREV_BLOCK_INC_H
#include "smg_naked.h"
#include "smg_xcv_requantize.h"

#define SMG_GROUP_WORDS (4 * SMG_STEPS + 4 * SMG_WORDS)

#if SMG_XCV
/* clang-format off */
#if 3 * SMG_PIXEL_BYTES - 4 <= 2047
#define SMG_STRIDES ""
#define SMG_LOAD_INPUTS                                                  \
    "cv.lw t0, (a0), 4\n"                                                \
    "lw t1, (" SMG_XCV_TEXT(SMG_PIXEL_BYTES) "-4)(a0)\n"                 \
    "lw t2, (2*(" SMG_XCV_TEXT(SMG_PIXEL_BYTES) ")-4)(a0)\n"             \
    "lw t3, (3*(" SMG_XCV_TEXT(SMG_PIXEL_BYTES) ")-4)(a0)\n"
#else
#define SMG_STRIDES                                                      \
    "li t6, " SMG_XCV_TEXT(SMG_PIXEL_BYTES) "-4\n"                       \
    "li ra, 2*(" SMG_XCV_TEXT(SMG_PIXEL_BYTES) ")-4\n"                   \
    "li a3, 3*(" SMG_XCV_TEXT(SMG_PIXEL_BYTES) ")-4\n"
#define SMG_LOAD_INPUTS                                                  \
    "cv.lw t0, (a0), 4\n"                                                \
    "cv.lw t1, t6(a0)\n"                                                 \
    "cv.lw t2, ra(a0)\n"                                                 \
    "cv.lw t3, a3(a0)\n"
#endif

#define SMG_FOUR(op, w, a, b, c, d)                                      \
    op " " a ", " w ", t0\n" op " " b ", " w ", t1\n" op " " c ", " w ", t2\n" op " " d ", " w ", t3\n"
#define SMG_STEP(op)                                                     \
    "cv.lw t4, (a1), 4\n"                                                \
    "cv.lw t5, (a1), 4\n" SMG_LOAD_INPUTS                                \
    SMG_FOUR(op, "t4", "s0", "s1", "s2", "s3")                           \
    "cv.lw t4, (a1), 4\n"                                                \
    SMG_FOUR(op, "t5", "s4", "s5", "s6", "s7")                           \
    "cv.lw t5, (a1), 4\n"                                                \
    SMG_FOUR(op, "t4", "s8", "s9", "s10", "s11")                         \
    SMG_FOUR(op, "t5", "a4", "a5", "a6", "a7")

/* Hardware loops have no mnemonics. This is cv.setupi 0: how many words from here to its end, and how often. */
#if SMG_STEPS > 1
#define SMG_MORE_STEPS ".insn i 0x2b, 4, x12, x25, " SMG_XCV_TEXT(SMG_STEPS) "-1\n" SMG_STEP("cv.sdotsp.b")
#else
#define SMG_MORE_STEPS ""
#endif
#define SMG_OUTPUTS(a, b, c, d) SMG_CONSTANTS SMG_OUTPUT(a) SMG_OUTPUT(b) SMG_OUTPUT(c) SMG_OUTPUT(d)

#define SMG_Y(pixel, channel) "(" #pixel "*" SMG_XCV_TEXT(SMG_OUT_C) "+" #channel ")(a2)\n"
#if SMG_OUT_C % 4 == 0 && 3 * SMG_OUT_C + 3 <= 2047
#define SMG_STORE(pixel, a, b, c, d)                                     \
    "cv.packhi.b " a ", " d ", " c "\n"                                  \
    "cv.packlo.b " a ", " b ", " a "\n"                                  \
    "sw " a ", " SMG_Y(pixel, 0)
#define SMG_NEXT_GROUP "addi a2, a2, 4\n"
#elif 3 * SMG_OUT_C + 3 <= 2047
#define SMG_STORE(pixel, a, b, c, d)                                     \
    "sb " a ", " SMG_Y(pixel, 0) "sb " b ", " SMG_Y(pixel, 1) "sb " c ", " SMG_Y(pixel, 2) "sb " d ", " SMG_Y(pixel, 3)
#define SMG_NEXT_GROUP "addi a2, a2, 4\n"
#else
#define SMG_STORE(pixel, a, b, c, d)                                     \
    "li t0, " SMG_XCV_TEXT(SMG_OUT_C) "\n"                               \
    "sb " a ", 0(a2)\n" "sb " b ", 1(a2)\n" "sb " c ", 2(a2)\n" "sb " d ", 3(a2)\n" "add a2, a2, t0\n"
#define SMG_NEXT_GROUP "li t0, 4-4*" SMG_XCV_TEXT(SMG_OUT_C) "\n" "add a2, a2, t0\n"
#endif

/* All channels of `blocks` times four pixels. x: their inputs, groups: of four channels in the stream. */
__attribute__((aligned(4))) SMG_NAKED void smg_corev_blocks(const int8_t *x, const int32_t *stream, int8_t *y,
                                                            int32_t blocks, int32_t groups) {
    __asm__ volatile(
        ".option push\n"
        ".option norvc\n"
        "addi sp, sp, -80\n"
        "sw s0, 0(sp)\n" "sw s1, 4(sp)\n" "sw s2, 8(sp)\n" "sw s3, 12(sp)\n" "sw s4, 16(sp)\n" "sw s5, 20(sp)\n"
        "sw s6, 24(sp)\n" "sw s7, 28(sp)\n" "sw s8, 32(sp)\n" "sw s9, 36(sp)\n" "sw s10, 40(sp)\n" "sw s11, 44(sp)\n"
        "sw ra, 48(sp)\n" "sw a1, 52(sp)\n" "sw a2, 56(sp)\n" "sw a3, 60(sp)\n" "sw a4, 64(sp)\n"
        "lla t0, 2f\n"
        "lla t1, 3f\n"
        ".insn i 0x2b, 4, x3, t0, 0\n" /* cv.start 1 */
        ".insn i 0x2b, 4, x7, t1, 0\n" /* cv.end 1 */
        "1:\n"
        "lw t0, 64(sp)\n"
        "lw a1, 52(sp)\n"
        ".insn i 0x2b, 4, x11, t0, 0\n" /* cv.count 1 */
        "2:\n"
        SMG_STRIDES
        SMG_STEP("cv.dotsp.b")
        SMG_MORE_STEPS
        "li t0, -4*" SMG_XCV_TEXT(SMG_STEPS) "\n"
        "add a0, a0, t0\n"
        SMG_OUTPUTS("s0", "s1", "s2", "s3")
        SMG_OUTPUTS("s4", "s5", "s6", "s7")
        SMG_OUTPUTS("s8", "s9", "s10", "s11")
        SMG_OUTPUTS("a4", "a5", "a6", "a7")
        SMG_STORE(0, "s0", "s4", "s8", "a4")
        SMG_STORE(1, "s1", "s5", "s9", "a5")
        SMG_STORE(2, "s2", "s6", "s10", "a6")
        SMG_STORE(3, "s3", "s7", "s11", "a7")
        SMG_NEXT_GROUP
        "3:\n"
        "lw t0, 60(sp)\n"
        "lw a2, 56(sp)\n"
        "li t1, 4*" SMG_XCV_TEXT(SMG_PIXEL_BYTES) "\n"
        "li t2, 4*" SMG_XCV_TEXT(SMG_OUT_C) "\n"
        "addi t0, t0, -1\n"
        "add a0, a0, t1\n"
        "add a2, a2, t2\n"
        "sw a2, 56(sp)\n"
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
SMG_INLINE void smg_corev_blocks(const int8_t *x, const int32_t *stream, int8_t *y, int32_t blocks, int32_t groups) {
    for (int32_t p = 0; p < 4 * blocks; p++, x += SMG_PIXEL_BYTES, y += SMG_OUT_C) {
        for (int32_t c = 0; c < 4 * groups; c++) {
            const int32_t *group = stream + c / 4 * SMG_GROUP_WORDS;
            int32_t sum = 0;
            for (int32_t k = 0; k < SMG_STEPS; k++)
                sum = smg_sdotsp4((uint32_t)group[4 * k + c % 4], smg_load32(x + 4 * k), sum);
            y[c] = smg_xcv_output(sum, group + 4 * SMG_STEPS + c % 4 * SMG_WORDS);
        }
    }
}
#endif

/* The same for a number of channels that four does not divide, at least four: the last group takes the last four. */
SMG_INLINE void smg_corev_pixels(const int8_t *x, const int32_t *stream, int8_t *y, int32_t blocks) {
    smg_corev_blocks(x, stream, y, blocks, SMG_OUT_C / 4);
#if SMG_OUT_C % 4
    smg_corev_blocks(x, stream + SMG_OUT_C / 4 * SMG_GROUP_WORDS, y + SMG_OUT_C - 4, blocks, 1);
#endif
}

/* All of at least four pixels; the last four may overlap those before them. */
SMG_INLINE void smg_corev_all_pixels(const int8_t *x, const int32_t *stream, int8_t *y, int32_t pixels) {
    smg_corev_pixels(x, stream, y, pixels / 4);
    if (pixels % 4) smg_corev_pixels(x + (pixels - 4) * SMG_PIXEL_BYTES, stream, y + (pixels - 4) * SMG_OUT_C, 1);
}
#endif
