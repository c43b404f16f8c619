/* SPDX-License-Identifier: Apache-2.0 */
/* Joins what an odd number of values a row leaves over: the value of each row with that of the next in one word.
 * So a filter of three rows takes two more words instead of three. */
#ifndef SMG_CONV2D_FEW_CHANNELS_JOIN_INC_H
#define SMG_CONV2D_FEW_CHANNELS_JOIN_INC_H
#include "smg_fast_requantize.h"
#include <stdint.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter" /* naked functions find theirs in registers */

#define SMG_JOINED_ROWS (SMG_PITCH - SMG_STRIP_ROWS)
#if SMG_STRIDE_H % 2 /* with an even stride, windows start in even rows only */
#define SMG_JOINED_STEP 1
#else
#define SMG_JOINED_STEP 2
#endif

#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)
#define SMG_JOIN_MACROS                                                                                                \
    ".altmacro\n"                                                                                                      \
    ".macro smg_load register, row\n ldr r\\register, [r0, #4 * \\row]\n .endm\n"                                      \
    ".macro smg_put row\n str r5, [r1, #4 * \\row]\n .endm\n"                                                          \
    ".macro smg_joined join\n .set smg_row, 0\n"                                                                       \
    " .if " SMG_TEXT(                                                                                                  \
        SMG_JOINED_STEP) " == 1\n  ldr r3, [r0]\n"                                                                     \
                         "  .rept (" SMG_TEXT(                                                                         \
                             SMG_JOINED_ROWS) " + 1) / 2\n"                                                            \
                                              "   smg_load 4, %(smg_row + 1)\n   \\join r3, r4\n   smg_put "           \
                                              "%(smg_row)\n"                                                           \
                                              "   .if smg_row + 1 < " SMG_TEXT(                                        \
                                                  SMG_JOINED_ROWS) "\n"                                                \
                                                                   "    smg_load 3, %(smg_row + 2)\n    \\join r4, "   \
                                                                   "r3\n    smg_put %(smg_row + 1)\n   .endif\n"       \
                                                                   "   .set smg_row, smg_row + 2\n  .endr\n"           \
                                                                   " .else\n  .rept (" SMG_TEXT(                       \
                                                                       SMG_JOINED_ROWS) " + 1) / 2\n"                  \
                                                                                        "   smg_load 3, %(smg_row)\n " \
                                                                                        "  smg_load 4, %(smg_row + "   \
                                                                                        "1)\n   \\join r3, r4\n   "    \
                                                                                        "smg_put %(smg_row)\n"         \
                                                                                        "   .set smg_row, smg_row + "  \
                                                                                        "2\n  .endr\n .endif\n "       \
                                                                                        ".endm\n"                      \
                                                                                        ".macro smg_low row, next\n "  \
                                                                                        "pkhbt r5, \\row, \\next, "    \
                                                                                        "lsl #16\n .endm\n"            \
                                                                                        ".macro smg_high row, next\n " \
                                                                                        "pkhtb r5, \\next, \\row, "    \
                                                                                        "asr #16\n .endm\n"

#define SMG_JOIN_COLUMNS(join)                                                                                       \
    __asm__ volatile(SMG_JOIN_MACROS "push {r4, r5}\n"                                                               \
                                     "movw r12, #" SMG_TEXT(                                                         \
                                         SMG_COLUMN_BYTES) "\n"                                                      \
                                                           "1: smg_joined " join "\n"                                \
                                                           "add r0, r0, r12\n"                                       \
                                                           "add r1, r1, r12\n"                                       \
                                                           "subs r2, r2, #1\n"                                       \
                                                           "bne 1b\n"                                                \
                                                           "pop {r4, r5}\n"                                          \
                                                           "bx lr\n"                                                 \
                                                           ".purgem smg_load\n.purgem smg_put\n"                     \
                                                           ".purgem smg_joined\n.purgem smg_low\n.purgem smg_high\n" \
                                                           ".noaltmacro\n")

/* The values in the lower halves of column from, or in the upper ones, of so many windows. */
__attribute__((naked, noinline)) static void smg_few_channels_join_low(const uint32_t *from, uint32_t *to,
                                                                       int32_t columns) {
    SMG_JOIN_COLUMNS("smg_low");
}
#if SMG_PHASES > 1
__attribute__((naked, noinline)) static void smg_few_channels_join_high(const uint32_t *from, uint32_t *to,
                                                                        int32_t columns) {
    SMG_JOIN_COLUMNS("smg_high");
}
#endif
#else
SMG_INLINE void smg_few_channels_join_low(const uint32_t *from, uint32_t *to, int32_t columns) {
    for (; columns > 0; columns--, from += SMG_COLUMN_BYTES / 4, to += SMG_COLUMN_BYTES / 4) {
        for (int32_t i = 0; i < SMG_JOINED_ROWS; i += SMG_JOINED_STEP) to[i] = smg_low_halves(from[i], from[i + 1]);
    }
}
#if SMG_PHASES > 1
SMG_INLINE void smg_few_channels_join_high(const uint32_t *from, uint32_t *to, int32_t columns) {
    for (; columns > 0; columns--, from += SMG_COLUMN_BYTES / 4, to += SMG_COLUMN_BYTES / 4) {
        for (int32_t i = 0; i < SMG_JOINED_ROWS; i += SMG_JOINED_STEP) to[i] = smg_high_halves(from[i], from[i + 1]);
    }
}
#endif
#endif
#pragma GCC diagnostic pop
#endif
