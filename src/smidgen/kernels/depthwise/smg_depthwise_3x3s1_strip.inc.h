/* SPDX-License-Identifier: Apache-2.0 */
/* 3x3 outputs of stride 1 from column words: blocks of two rows by two columns read eight words and take 24 products.
 *
 * All core registers are in use: six words of weights, four accumulators, two data words and two pointers. Bias,
 * multiplier, addend, shift and counters live in FPU registers, where a move costs one cycle and a lone load two. */
#ifndef SMG_DEPTHWISE_3X3S1_STRIP_INC_H
#define SMG_DEPTHWISE_3X3S1_STRIP_INC_H
#include "smg_depthwise_columns.inc.h"

#define SMG_OUT_ROW_BYTES (SMG_OUT_W * SMG_CHANNELS)
#define SMG_PACKED_WORDS 10 /* a channel: weights (0, 1) and (1, 2) of each column, bias, mult, addend, shift */

#if SMG_DEPTHWISE_ASSEMBLY
#define SMG_BLOCKS (SMG_OUT_W / 2)
#if SMG_BLOCKS <= 4
#define SMG_UNROLL SMG_BLOCKS
#elif SMG_BLOCKS % 4 == 0
#define SMG_UNROLL 4
#elif SMG_BLOCKS % 3 < 2
#define SMG_UNROLL 3
#else
#define SMG_UNROLL 2
#endif
#if SMG_UNROLL == SMG_BLOCKS
#define SMG_LOOP_BYTES 0
#else
#define SMG_LOOP_BYTES (8 * (SMG_BLOCKS - SMG_BLOCKS % SMG_UNROLL))
#endif

#define SMG_ASM_STRIP_MACROS                                                                            \
    SMG_ASM_ADDI                                                                                        \
    ".macro COLUMN offset\n"                                                                            \
    "ldr r2, [r0, #\\offset]\n"                                                                         \
    "ldr r9, [r0, #\\offset + " SMG_IMMEDIATE(SMG_ROW_BYTES) "]\n"                                      \
                                                             ".endm\n"                                  \
                                                             ".macro PRODUCTS upper, lower, w01, w12\n" \
                                                             "smlad \\upper, r2, \\w01, \\upper\n"      \
                                                             "smlatb \\lower, r2, \\w01, \\lower\n"     \
                                                             "smlabt \\upper, r9, \\w12, \\upper\n"     \
                                                             "smlad \\lower, r9, \\w12, \\lower\n"      \
                                                             ".endm\n"                                  \
                                                             ".macro START upper, lower, bias\n"        \
                                                             "smlad \\upper, r2, r3, \\bias\n"          \
                                                             "smlatb \\lower, r2, r3, \\bias\n"         \
                                                             "smlabt \\upper, r9, r6, \\upper\n"        \
                                                             "smlad \\lower, r9, r6, \\lower\n"         \
                                                             ".endm\n"

/* Requantisation by r2 (mult, then shift) and r9 (addend). */
#if SMG_ROUNDING_MODE == SMG_ROUND_DOUBLE /* needs a free register */
#define SMG_ASM_PARK "vmov s5, r0\n"
#define SMG_ASM_UNPARK "vmov r0, s5\n"
#else
#define SMG_ASM_PARK ""
#define SMG_ASM_UNPARK ""
#endif
#define SMG_ASM_HIGH_IN_PLACE(acc, free) SMG_ASM_HIGH_BY(acc, "r2", "r9", free)
#define SMG_ASM_LOAD_SHIFT SMG_ASM_SHIFT_IN("r2")
#define SMG_ASM_SHIFT(acc) SMG_ASM_SHIFT_BY(acc, "r2")

/* Stores of two rows at r1, and r1 to the next column; r2 is free. */
#if SMG_CHANNELS < 128 && SMG_OUT_ROW_BYTES < 4096
#define SMG_ASM_STORE_BLOCK                                                                                       \
    "strb r10, [r1], #2*" SMG_TEXT(                                                                               \
        SMG_CHANNELS) "\n"                                                                                        \
                      "strb r11, [r1, #" SMG_IMMEDIATE(                                                           \
                          SMG_OUT_ROW_BYTES -                                                                     \
                          2 * SMG_CHANNELS) "]\n"                                                                 \
                                            "strb r12, [r1, #-" SMG_TEXT(                                         \
                                                SMG_CHANNELS) "]\n"                                               \
                                                              "strb lr, [r1, #" SMG_IMMEDIATE(SMG_OUT_ROW_BYTES - \
                                                                                              SMG_CHANNELS) "]\n"
#else
#define SMG_ASM_STORE_BLOCK                                                                                           \
    "ADDI r2, r1, " SMG_IMMEDIATE(SMG_OUT_ROW_BYTES) "\n"                                                             \
                                                     "strb r10, [r1]\n"                                               \
                                                     "strb r12, [r1, #" SMG_TEXT(                                     \
                                                         SMG_CHANNELS) "]\n"                                          \
                                                                       "strb r11, [r2]\n"                             \
                                                                       "strb lr, [r2, #" SMG_TEXT(                    \
                                                                           SMG_CHANNELS) "]\n"                        \
                                                                                         "addw r1, r1, #2*" SMG_TEXT( \
                                                                                             SMG_CHANNELS) "\n"
#endif

/* BLOCK offset: two rows by two columns. */
#define SMG_ASM_BLOCK                                                                                          \
    ".macro BLOCK offset\n"                                                                                    \
    "COLUMN \\offset\n"                                                                                        \
    "vmov lr, s0\n"                                                                                            \
    "START r10, r11, lr\n"                                                                                     \
    "COLUMN \\offset+4\n"                                                                                      \
    "PRODUCTS r10, r11, r4, r7\n"                                                                              \
    "START r12, lr, lr\n"                                                                                      \
    "COLUMN \\offset+8\n"                                                                                      \
    "PRODUCTS r10, r11, r5, r8\n"                                                                              \
    "PRODUCTS r12, lr, r4, r7\n"                                                                               \
    "COLUMN \\offset+12\n"                                                                                     \
    "PRODUCTS r12, lr, r5, r8\n"                                                                               \
    "vmov r2, r9, s1, s2\n" SMG_ASM_PARK SMG_ASM_HIGH_IN_PLACE("r10", "r0") SMG_ASM_HIGH_IN_PLACE("r11", "r0") \
        SMG_ASM_HIGH_IN_PLACE("r12", "r0") SMG_ASM_HIGH_IN_PLACE("lr", "r0")                                   \
            SMG_ASM_LOAD_SHIFT SMG_ASM_UNPARK SMG_ASM_SHIFT("r10") SMG_ASM_SHIFT("r11") SMG_ASM_SHIFT("r12")   \
                SMG_ASM_SHIFT("lr") SMG_ASM_STORE_BLOCK ".endm\n"

/* TAIL offset: the last column of an odd width, two rows. */
#define SMG_ASM_TAIL                                                                                                   \
    ".macro TAIL offset\n"                                                                                             \
    "COLUMN \\offset\n"                                                                                                \
    "vmov r11, s0\n"                                                                                                   \
    "START r10, r11, r11\n"                                                                                            \
    "COLUMN \\offset+4\n"                                                                                              \
    "PRODUCTS r10, r11, r4, r7\n"                                                                                      \
    "COLUMN \\offset+8\n"                                                                                              \
    "PRODUCTS r10, r11, r5, r8\n"                                                                                      \
    "vmov r2, r9, s1, s2\n" SMG_ASM_HIGH_IN_PLACE("r10", "r12") SMG_ASM_HIGH_IN_PLACE("r11", "r12")                    \
        SMG_ASM_LOAD_SHIFT SMG_ASM_SHIFT("r10")                                                                        \
            SMG_ASM_SHIFT("r11") "strb r10, [r1]\n"                                                                    \
                                 "ADDI r9, r1, " SMG_IMMEDIATE(SMG_OUT_ROW_BYTES) "\n"                                 \
                                                                                  "addw r1, r1, #" SMG_TEXT(           \
                                                                                      SMG_CHANNELS) "\n"               \
                                                                                                    "strb r11, [r9]\n" \
                                                                                                    ".endm\n"

/* One row alone, the last of an odd height: two columns, then one. */
#define SMG_ASM_SINGLE                                                                                     \
    ".macro ONE upper, w01, w12, bias\n"                                                                   \
    "smlad \\upper, r2, \\w01, \\bias\n"                                                                   \
    "smlabt \\upper, r9, \\w12, \\upper\n"                                                                 \
    ".endm\n"                                                                                              \
    ".macro SINGLE count\n"                                                                                \
    "COLUMN 0\n"                                                                                           \
    "vmov lr, s0\n"                                                                                        \
    "ONE r10, r3, r6, lr\n"                                                                                \
    "COLUMN 4\n"                                                                                           \
    "ONE r10, r4, r7, r10\n"                                                                               \
    ".if \\count == 2\nONE r12, r3, r6, lr\n.endif\n"                                                      \
    "COLUMN 8\n"                                                                                           \
    "ONE r10, r5, r8, r10\n"                                                                               \
    ".if \\count == 2\nONE r12, r4, r7, r12\n"                                                             \
    "COLUMN 12\n"                                                                                          \
    "ONE r12, r5, r8, r12\n.endif\n"                                                                       \
    "vmov r2, r9, s1, s2\n" SMG_ASM_HIGH_IN_PLACE("r10", "lr") ".if \\count == 2\n" SMG_ASM_HIGH_IN_PLACE( \
        "r12", "lr") ".endif\n" SMG_ASM_LOAD_SHIFT                                                         \
        SMG_ASM_SHIFT("r10") "strb r10, [r1]\n"                                                            \
                             ".if \\count == 2\n" SMG_ASM_SHIFT("r12") "strb r12, [r1, #" SMG_TEXT(        \
                                 SMG_CHANNELS) "]\n.endif\n"                                               \
                                               ".endm\n"

#if SMG_OUT_H % 2
#define SMG_ASM_SINGLE_ROW                                                                                          \
    "5:\n"                                                                                                          \
    "vmov r2, s9\n"                                                                                                 \
    "lsls r2, r2, #31\n"                                                                                            \
    "beq 7f\n"                                                                                                      \
    ".if " SMG_TEXT(SMG_BLOCKS) "\n"                                                                                \
                                "mov r11, #" SMG_TEXT(SMG_BLOCKS) "\n"                                              \
                                                                  "6:\n"                                            \
                                                                  "SINGLE 2\n"                                      \
                                                                  "adds r0, r0, #8\n"                               \
                                                                  "addw r1, r1, #2*" SMG_TEXT(                      \
                                                                      SMG_CHANNELS) "\n"                            \
                                                                                    "subs r11, r11, #1\n"           \
                                                                                    "bne 6b\n"                      \
                                                                                    ".endif\n"                      \
                                                                                    ".if " SMG_IMMEDIATE(           \
                                                                                        SMG_OUT_W % 2) "\n"         \
                                                                                                       "SINGLE 1\n" \
                                                                                                       ".endif\n"   \
                                                                                                       "7:\n"
#define SMG_ASM_TO_SINGLE_ROW "beq 5f\n"
#else
#define SMG_ASM_SINGLE_ROW ""
#define SMG_ASM_TO_SINGLE_ROW ""
#endif

/* All blocks of two rows; then r0 lies SMG_ROW_BYTES further, r1 two rows further. */
#if SMG_LOOP_BYTES
#define SMG_ASM_TWO_ROWS                                                                                      \
    "ADDI r2, r0, " SMG_IMMEDIATE(                                                                            \
        SMG_LOOP_BYTES) "\n"                                                                                  \
                        "vmov s4, r2\n"                                                                       \
                        "4:\n"                                                                                \
                        ".set smg_at, 0\n.rept " SMG_TEXT(                                                    \
                            SMG_UNROLL) "\nBLOCK smg_at\n.set smg_at, smg_at+8\n.endr\n"                      \
                                        "vmov r2, s4\n"                                                       \
                                        "adds r0, r0, #8*" SMG_TEXT(                                          \
                                            SMG_UNROLL) "\n"                                                  \
                                                        "cmp r0, r2\n"                                        \
                                                        "bne 4b\n"                                            \
                                                        ".set smg_at, 0\n.rept " SMG_IMMEDIATE(               \
                                                            SMG_BLOCKS %                                      \
                                                            SMG_UNROLL) "\nBLOCK smg_at\n"                    \
                                                                        ".set smg_at, smg_at+8\n.endr\n"      \
                                                                        ".if " SMG_IMMEDIATE(                 \
                                                                            SMG_OUT_W %                       \
                                                                            2) "\nTAIL smg_at\n.endif\n"      \
                                                                               "ADDI r0, r0, " SMG_IMMEDIATE( \
                                                                                   SMG_ROW_BYTES -            \
                                                                                   SMG_LOOP_BYTES) "\n"
#else
#define SMG_ASM_TWO_ROWS                                                                                             \
    ".set smg_at, 0\n.rept " SMG_TEXT(SMG_BLOCKS) "\nBLOCK smg_at\n.set smg_at, smg_at+8\n.endr\n"                   \
                                                  ".if " SMG_IMMEDIATE(SMG_OUT_W % 2) "\nTAIL smg_at\n.endif\n"      \
                                                                                      "ADDI r0, r0, " SMG_IMMEDIATE( \
                                                                                          SMG_ROW_BYTES) "\n"
#endif

/* ``rows`` rows of outputs of ``channels`` neighbouring channels from their planes. */
__attribute__((naked, noinline)) static void smg_depthwise_strip(const char *planes __attribute__((unused)),
                                                                 int8_t *y __attribute__((unused)),
                                                                 const int32_t *packed __attribute__((unused)),
                                                                 int32_t rows __attribute__((unused)),
                                                                 int32_t channels __attribute__((unused))) {
    __asm__(SMG_ASM_STRIP_MACROS SMG_ASM_BLOCK SMG_ASM_TAIL SMG_ASM_SINGLE
            "push {r4-r11, lr}\n"
            "ldr r4, [sp, #36]\n"
            "vmov s8, r4\n"
            "vmov s9, r3\n"
            "vmov s10, r0\n"
            "vmov s11, r1\n"
            "mov r12, r2\n"
            "1:\n"
            "ldm r12!, {r3-r8}\n"
            "vldmia r12!, {s0-s3}\n"
            "vmov r2, s9\n"
            "vmov s12, r12\n"
            "lsrs r2, r2, #1\n"
            "vmov s6, r2\n" SMG_ASM_TO_SINGLE_ROW "2:\n" SMG_ASM_TWO_ROWS "vmov r2, s6\n"
            "ADDI r1, r1, " SMG_IMMEDIATE(
                SMG_OUT_ROW_BYTES) "\n"
                                   "subs r2, r2, #1\n"
                                   "vmov s6, r2\n"
                                   "bne 2b\n" SMG_ASM_SINGLE_ROW "vmov r0, s10\n"
                                   "vmov r1, s11\n"
                                   "vmov r2, s8\n"
                                   "vmov r12, s12\n"
                                   "ADDI r0, r0, " SMG_IMMEDIATE(
                                       SMG_PLANE_BYTES) "\n"
                                                        "adds r1, r1, #1\n"
                                                        "vmov s10, r0\n"
                                                        "vmov s11, r1\n"
                                                        "subs r2, r2, #1\n"
                                                        "vmov s8, r2\n"
                                                        "bne 1b\n"
                                                        "pop {r4-r11, pc}\n"
                                                        ".purgem ADDI\n.purgem COLUMN\n.purgem PRODUCTS\n.purgem "
                                                        "START\n.purgem BLOCK\n.purgem TAIL\n"
                                                        ".purgem ONE\n.purgem SINGLE\n");
}
#else
/* One output from three rows of three columns: v[0] holds the first two rows, v[SMG_ROW_BYTES / 4] the third, or
 * the first in the upper half and then the other two. */
SMG_INLINE int8_t smg_depthwise_output(const uint32_t *v, const int32_t *packed, int32_t lower) {
    int32_t acc = packed[6];
    for (int32_t i = 0; i < 3; i++) {
        const uint32_t first = v[i], second = v[SMG_ROW_BYTES / 4 + i];
        const uint32_t w01 = (uint32_t)packed[i], w12 = (uint32_t)packed[3 + i];
        acc = lower ? smg_smlad(first >> 16, w01 & 0xffffU, smg_smlad(second, w12, acc))
                    : smg_smlad(first, w01, smg_smlad(second & 0xffffU, w12 >> 16, acc));
    }
    return smg_requantize_fast(acc, packed[7], packed[8], packed[9]);
}
static void smg_depthwise_strip(const char *planes, int8_t *y, const int32_t *packed, int32_t rows, int32_t channels) {
    for (int32_t c = 0; c < channels; c++, planes += SMG_PLANE_BYTES, packed += SMG_PACKED_WORDS) {
        for (int32_t row = 0; row < rows; row++) {
            const uint32_t *v = (const uint32_t *)(const void *)(planes + (row >> 1) * SMG_ROW_BYTES);
            for (int32_t i = 0; i < SMG_OUT_W; i++) {
                y[c + (row * SMG_OUT_W + i) * SMG_CHANNELS] = smg_depthwise_output(v + i, packed, row & 1);
            }
        }
    }
}
#endif
#endif
