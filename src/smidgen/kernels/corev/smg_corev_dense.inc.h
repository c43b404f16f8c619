/* SPDX-License-Identifier: Apache-2.0 */
/* One pixel (or row) by eight channels at a time: 17 instructions for 32 products, each weight read once.
 *
 * Instances define SMG_IN_C, SMG_OUT_C and what smg_xcv_requantize.h asks for. The stream holds for each group of eight
 * channels their words of each step of four inputs (steps, 8), then each channel's constants; zeros past the end. */
#ifndef SMG_COREV_DENSE_INC_H
#define SMG_COREV_DENSE_INC_H
#include "smg_naked.h"
#include "smg_xcv_requantize.h"

#define SMG_STEPS ((SMG_IN_C + 3) / 4)
#define SMG_GROUP_WORDS (8 * SMG_STEPS + 8 * SMG_WORDS)

#if SMG_XCV
/* clang-format off */
#define SMG_STEP(op)                                                     \
    "cv.lw t4, (a0), 4\n"                                                \
    "cv.lw t0, (a1), 4\n"                                                \
    "cv.lw t1, (a1), 4\n"                                                \
    op " s0, t0, t4\n" "cv.lw t2, (a1), 4\n"                             \
    op " s1, t1, t4\n" "cv.lw t3, (a1), 4\n"                             \
    op " s2, t2, t4\n" "cv.lw t0, (a1), 4\n"                             \
    op " s3, t3, t4\n" "cv.lw t1, (a1), 4\n"                             \
    op " s4, t0, t4\n" "cv.lw t2, (a1), 4\n"                             \
    op " s5, t1, t4\n" "cv.lw t3, (a1), 4\n"                             \
    op " s6, t2, t4\n"                                                   \
    op " s7, t3, t4\n"

/* cv.setupi 0: 18 words from here to its end. */
#if SMG_IN_C > 4
#define SMG_MORE_STEPS ".insn i 0x2b, 4, x12, x18, (" SMG_XCV_TEXT(SMG_IN_C) "+3)/4-1\n" SMG_STEP("cv.sdotsp.b")
#else
#define SMG_MORE_STEPS ""
#endif
#define SMG_ONE(acc) SMG_CONSTANTS SMG_OUTPUT(acc)
#define SMG_STORE(a, b, c, d)                                            \
    "cv.packhi.b " a ", " d ", " c "\n"                                  \
    "cv.packlo.b " a ", " b ", " a "\n"                                  \
    "cv.sw " a ", (a2), 4\n"

/* Eight outputs of each group. */
__attribute__((aligned(4))) SMG_NAKED void smg_corev_eights(const int8_t *x, const int32_t *stream, int8_t *y,
                                                            int32_t groups) {
    __asm__ volatile(
        ".option push\n"
        ".option norvc\n"
        "addi sp, sp, -48\n"
        "sw s0, 0(sp)\n" "sw s1, 4(sp)\n" "sw s2, 8(sp)\n" "sw s3, 12(sp)\n" "sw s4, 16(sp)\n" "sw s5, 20(sp)\n"
        "sw s6, 24(sp)\n" "sw s7, 28(sp)\n" "sw ra, 32(sp)\n"
        "lla t0, 1f\n"
        "lla t1, 2f\n"
        ".insn i 0x2b, 4, x3, t0, 0\n"   /* cv.start 1 */
        ".insn i 0x2b, 4, x7, t1, 0\n"   /* cv.end 1 */
        ".insn i 0x2b, 4, x11, a3, 0\n"  /* cv.count 1 */
        "1:\n"
        SMG_STEP("cv.dotsp.b")
        SMG_MORE_STEPS
        "li t0, -(" SMG_XCV_TEXT(SMG_IN_C) "+3)/4*4\n"
        "add a0, a0, t0\n"
        SMG_ONE("s0") SMG_ONE("s1") SMG_ONE("s2") SMG_ONE("s3") SMG_ONE("s4") SMG_ONE("s5") SMG_ONE("s6") SMG_ONE("s7")
        SMG_STORE("s0", "s1", "s2", "s3")
        SMG_STORE("s4", "s5", "s6", "s7")
        "2:\n"
        "lw s0, 0(sp)\n" "lw s1, 4(sp)\n" "lw s2, 8(sp)\n" "lw s3, 12(sp)\n" "lw s4, 16(sp)\n" "lw s5, 20(sp)\n"
        "lw s6, 24(sp)\n" "lw s7, 28(sp)\n" "lw ra, 32(sp)\n"
        "addi sp, sp, 48\n"
        "ret\n"
        ".option pop\n");
}
/* clang-format on */
#else

/* The meaning of the assembly above. */
SMG_INLINE void smg_corev_eights(const int8_t *x, const int32_t *stream, int8_t *y, int32_t groups) {
    for (int32_t c = 0; c < 8 * groups; c++) {
        const int32_t *group = stream + c / 8 * SMG_GROUP_WORDS;
        int32_t sum = 0;
        for (int32_t k = 0; k < SMG_STEPS; k++)
            sum = smg_sdotsp4((uint32_t)group[8 * k + c % 8], smg_load32(x + 4 * k), sum);
        y[c] = smg_xcv_output(sum, group + 8 * SMG_STEPS + c % 8 * SMG_WORDS);
    }
}
#endif

/* x: (rows, in_c), y: (rows, out_c), scratch: a row in whole words, and eight outputs. */
SMG_INLINE void smg_corev_dense(const int8_t *x, const int32_t *stream, int8_t *y, int8_t *scratch, int32_t rows) {
    int8_t *outputs = scratch + 4 * SMG_STEPS;
    for (; rows > 0; rows--, x += SMG_IN_C, y += SMG_OUT_C) {
        const int8_t *row = x;
#if SMG_IN_C % 4
        smg_copy(scratch, x, SMG_IN_C);
        row = scratch;
#endif
#if SMG_OUT_C >= 8
        smg_corev_eights(row, stream, y, SMG_OUT_C / 8);
#endif
#if SMG_OUT_C % 8
        smg_corev_eights(row, stream + SMG_OUT_C / 8 * SMG_GROUP_WORDS, outputs, 1);
        smg_copy(y + SMG_OUT_C / 8 * 8, outputs, SMG_OUT_C % 8);
#else
        (void)outputs;
#endif
    }
}
#endif
