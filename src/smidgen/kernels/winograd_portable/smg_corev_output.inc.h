/* SPDX-License-Identifier: Apache-2.0 */
/* The output transform on CORE-V, in place of smg_portable_output.inc.h: A'MA is 576 times the raw sum(w * x) modulo
 * 2^32, and its product with the inverse of nine is 64 times that. */
#ifndef SMG_PORTABLE_OUTPUT_INC_H
#define SMG_PORTABLE_OUTPUT_INC_H
#include "smg_naked.h"
#include "smg_portable_winograd.inc.h"
#include "smg_xcv_requantize.h"

#if SMG_XCV
/* clang-format off */
#define SMG_SUM_AT(i, j) "((6*" #i "+" #j "-18)*64)(a0)\n"
#define SMG_LINE_SUMS(i, j, into, other)                                                 \
    "lw " into ", " SMG_SUM_AT(i, 1) "lw t6, " SMG_SUM_AT(i, 2)                          \
    "lw " other ", " SMG_SUM_AT(i, 3) "lw ra, " SMG_SUM_AT(i, 4) "lw a3, " SMG_SUM_AT(i, j)
/* Outputs 0 and 2 of a line of sums, to y0 and y2. */
#define SMG_EVEN_LINE(i, y0, y2) SMG_LINE_SUMS(i, 0, y2, y0)                             \
    "add " y2 ", " y2 ", t6\n"                                                           \
    "add " y0 ", " y0 ", ra\n"                                                           \
    "add a3, a3, " y2 "\n"                                                               \
    "cv.mac " y2 ", " y0 ", a4\n"                                                        \
    "add " y0 ", " y0 ", a3\n"
/* Outputs 1 and 3. */
#define SMG_ODD_LINE(i, y1, y3) SMG_LINE_SUMS(i, 5, y1, y3)                              \
    "sub " y1 ", " y1 ", t6\n"                                                           \
    "sub ra, " y3 ", ra\n"                                                               \
    "slli " y3 ", a3, 1\n"                                                               \
    "add " y3 ", " y3 ", " y1 "\n"                                                       \
    "cv.mac " y1 ", ra, a6\n"                                                            \
    "cv.mac " y3 ", ra, a5\n"
#define SMG_PIXEL_OUT(acc, at)                                                           \
    "mul " acc ", " acc ", a7\n" "srai " acc ", " acc ", " SMG_XCV_TEXT(SMG_SCALE_BITS) "\n" \
    SMG_OUTPUT(acc) SMG_STORE_BYTE(acc, at)
/* A column of six to its four pixels, `below` bytes apart from byte `at` on. */
#define SMG_COLUMN_OUT(r0, r1, r2, r3, r4, r5, at, below)                                \
    "add a3, " r1 ", " r2 "\n"                                                           \
    "sub " r1 ", " r1 ", " r2 "\n"                                                       \
    "add t6, " r3 ", " r4 "\n"                                                           \
    "sub " r3 ", " r3 ", " r4 "\n"                                                       \
    "add " r0 ", " r0 ", a3\n"                                                           \
    "add " r0 ", " r0 ", t6\n"                                                           \
    "cv.mac a3, t6, a4\n"                                                                \
    "slli " r5 ", " r5 ", 1\n"                                                           \
    "add " r5 ", " r5 ", " r1 "\n"                                                       \
    "cv.mac " r5 ", " r3 ", a5\n"                                                        \
    "cv.mac " r1 ", " r3 ", a6\n"                                                        \
    SMG_PIXEL_OUT(r0, at) SMG_PIXEL_OUT(r1, at "+" below)                                \
    SMG_PIXEL_OUT("a3", at "+2*" below) SMG_PIXEL_OUT(r5, at "+3*" below)
#define SMG_LEFT "s0", "s1", "s2", "s3", "s4", "s5"
#define SMG_RIGHT "s6", "s7", "s8", "s9", "s10", "s11"
#define SMG_COLUMN(column, at, below) SMG_COLUMN_OF(column, at, below)
#define SMG_COLUMN_OF(r0, r1, r2, r3, r4, r5, at, below) SMG_COLUMN_OUT(r0, r1, r2, r3, r4, r5, at, below)

/* `channels` of one tile, from its sums to pixels at y, `right` bytes apart and rows `below`. */
#define SMG_TILE_OUTPUTS(right, below)                                                   \
    __asm__ volatile(                                                                    \
        ".option push\n"                                                                 \
        ".option norvc\n"                                                                \
        "addi sp, sp, -64\n"                                                             \
        "sw s0, 0(sp)\n" "sw s1, 4(sp)\n" "sw s2, 8(sp)\n" "sw s3, 12(sp)\n" "sw s4, 16(sp)\n"       \
        "sw s5, 20(sp)\n" "sw s6, 24(sp)\n" "sw s7, 28(sp)\n" "sw s8, 32(sp)\n" "sw s9, 36(sp)\n"    \
        "sw s10, 40(sp)\n" "sw s11, 44(sp)\n" "sw ra, 48(sp)\n"                          \
        "lla t0, 1f\n"                                                                   \
        "lla t1, 2f\n"                                                                   \
        "mv t2, a3\n"                                                                    \
        ".insn i 0x2b, 4, x3, t0, 0\n"  /* cv.start 1 */                                 \
        ".insn i 0x2b, 4, x7, t1, 0\n"  /* cv.end 1 */                                   \
        ".insn i 0x2b, 4, x11, t2, 0\n" /* cv.count 1 */                                 \
        "li a4, 4\n"                                                                     \
        "li a5, 8\n"                                                                     \
        "li a6, 2\n"                                                                     \
        "li a7, 0x38e38e39\n" /* SMG_INVERSE */                                               \
        "addi a0, a0, 18*64\n"                                                           \
        "1:\n"                                                                           \
        SMG_CONSTANTS                                                                    \
        SMG_EVEN_LINE(0, "s0", "s6") SMG_EVEN_LINE(1, "s1", "s7") SMG_EVEN_LINE(2, "s2", "s8")       \
        SMG_EVEN_LINE(3, "s3", "s9") SMG_EVEN_LINE(4, "s4", "s10") SMG_EVEN_LINE(5, "s5", "s11")     \
        SMG_COLUMN(SMG_LEFT, "0", below) SMG_COLUMN(SMG_RIGHT, "2*" right, below)        \
        SMG_ODD_LINE(0, "s0", "s6") SMG_ODD_LINE(1, "s1", "s7") SMG_ODD_LINE(2, "s2", "s8")          \
        SMG_ODD_LINE(3, "s3", "s9") SMG_ODD_LINE(4, "s4", "s10") SMG_ODD_LINE(5, "s5", "s11")        \
        SMG_COLUMN(SMG_LEFT, right, below) SMG_COLUMN(SMG_RIGHT, "3*" right, below)      \
        "addi a0, a0, 4\n"                                                               \
        "addi a2, a2, 1\n"                                                               \
        "2:\n"                                                                           \
        "lw s0, 0(sp)\n" "lw s1, 4(sp)\n" "lw s2, 8(sp)\n" "lw s3, 12(sp)\n" "lw s4, 16(sp)\n"       \
        "lw s5, 20(sp)\n" "lw s6, 24(sp)\n" "lw s7, 28(sp)\n" "lw s8, 32(sp)\n" "lw s9, 36(sp)\n"    \
        "lw s10, 40(sp)\n" "lw s11, 44(sp)\n" "lw ra, 48(sp)\n"                          \
        "addi sp, sp, 64\n"                                                              \
        "ret\n"                                                                          \
        ".option pop\n")

#if 3 * (SMG_OUT_PITCH + SMG_OUT_C) <= 2047
#define SMG_STORE_BYTE(acc, at) "sb " acc ", (" at ")(a2)\n"
#else
#define SMG_STORE_BYTE(acc, at) "li ra, " at "\n" "cv.sb " acc ", ra(a2)\n"
#endif
__attribute__((aligned(4))) SMG_NAKED void smg_outputs(const uint32_t *m, const smg_word *constants, int8_t *y,
                                                       int32_t channels) {
    SMG_TILE_OUTPUTS(SMG_XCV_TEXT(SMG_OUT_C), SMG_XCV_TEXT(SMG_OUT_PITCH));
}
#if SMG_EDGES
__attribute__((aligned(4))) SMG_NAKED void smg_edge_outputs(const uint32_t *m, const smg_word *constants, int8_t *y,
                                                            int32_t channels) {
    SMG_TILE_OUTPUTS("1", "4");
}
#endif
/* clang-format on */
#else

/* The meaning of the assembly above: `channels` of one tile. */
SMG_COLD void smg_any_outputs(const uint32_t *m, const smg_word *constants, int8_t *y, int32_t channels, int32_t pixel,
                              int32_t pitch) {
    for (int32_t c = 0; c < channels; c++, m++, y++, constants += SMG_WORDS) {
        uint32_t rows[SMG_SUMS][SMG_TILE];
        for (int32_t i = 0; i < SMG_SUMS; i++) {
            uint32_t line[SMG_SUMS];
            for (int32_t j = 0; j < SMG_SUMS; j++) line[j] = m[(SMG_SUMS * i + j) * SMG_SUM_STEP];
            smg_output_line(line, rows[i]);
        }
        for (int32_t k = 0; k < SMG_TILE; k++) {
            uint32_t line[SMG_SUMS], z[SMG_TILE];
            for (int32_t i = 0; i < SMG_SUMS; i++) line[i] = rows[i][k];
            smg_output_line(line, z);
            for (int32_t i = 0; i < SMG_TILE; i++) {
                const int32_t sum = (int32_t)(z[i] * SMG_INVERSE) >> SMG_SCALE_BITS;
                y[i * pitch + k * pixel] = smg_xcv_output(sum, (const int32_t *)(const void *)constants);
            }
        }
    }
}

SMG_INLINE void smg_outputs(const uint32_t *m, const smg_word *constants, int8_t *y, int32_t channels) {
    smg_any_outputs(m, constants, y, channels, SMG_OUT_C, SMG_OUT_PITCH);
}

SMG_INLINE void smg_edge_outputs(const uint32_t *m, const smg_word *constants, int8_t *y, int32_t channels) {
    smg_any_outputs(m, constants, y, channels, 1, SMG_TILE);
}
#endif
#endif
