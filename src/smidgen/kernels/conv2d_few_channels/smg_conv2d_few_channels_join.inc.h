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

/* The values in the lower halves of column from, or in the upper ones, of so many windows. */
#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)
__attribute__((naked, noinline)) static void smg_few_channels_join(const uint32_t *from, uint32_t *to, int32_t columns,
                                                                   int32_t upper) {
    /* clang-format off */
    __asm__ volatile(
        " .altmacro\n"
        " .macro smg_load register, row\n"
        "  ldr r\\register, [r0, #4 * \\row]\n"
        " .endm\n"
        " .macro smg_put row\n"
        "  str r5, [r1, #4 * \\row]\n"
        " .endm\n"
        " .macro smg_join this, next, upper\n"
        "  .if \\upper\n"
        "   pkhtb r5, r\\next, r\\this, asr #16\n"
        "  .else\n"
        "   pkhbt r5, r\\this, r\\next, lsl #16\n"
        "  .endif\n"
        "  smg_put %(smg_at)\n"
        "  .set smg_at, smg_at + " SMG_TEXT(SMG_JOINED_STEP) "\n"
        " .endm\n"
        /* One column: every row with the next, or every other. */
        " .macro smg_column_of upper\n"
        "  .set smg_at, 0\n"
        "  .if " SMG_TEXT(SMG_JOINED_STEP) " == 1\n"
        "   smg_load 3, 0\n"
        "   .rept (" SMG_TEXT(SMG_JOINED_ROWS) " + 1) / 2\n"
        "    smg_load 4, %(smg_at + 1)\n"
        "    smg_join 3, 4, \\upper\n"
        "    .if smg_at < " SMG_TEXT(SMG_JOINED_ROWS) "\n"
        "     smg_load 3, %(smg_at + 1)\n"
        "     smg_join 4, 3, \\upper\n"
        "    .endif\n"
        "   .endr\n"
        "  .else\n"
        "   .rept (" SMG_TEXT(SMG_JOINED_ROWS) " + 1) / 2\n"
        "    smg_load 3, %(smg_at)\n"
        "    smg_load 4, %(smg_at + 1)\n"
        "    smg_join 3, 4, \\upper\n"
        "   .endr\n"
        "  .endif\n"
        "  add r0, r0, r12\n"
        "  add r1, r1, r12\n"
        "  subs r2, r2, #1\n"
        " .endm\n"
        " push {r4, r5}\n"
        " movw r12, #" SMG_TEXT(SMG_COLUMN_BYTES) "\n"
        " cmp r3, #0\n"
        " bne 2f\n"
        "1:\n"
        " smg_column_of 0\n"
        " bne 1b\n"
        " b 3f\n"
        "2:\n"
        " .if " SMG_TEXT(SMG_PHASES) " > 1\n"
        "  smg_column_of 1\n"
        "  bne 2b\n"
        " .endif\n"
        "3:\n"
        " pop {r4, r5}\n"
        " bx lr\n"
        " .purgem smg_load\n"
        " .purgem smg_put\n"
        " .purgem smg_join\n"
        " .purgem smg_column_of\n"
        " .noaltmacro\n"
    );
    /* clang-format on */
}
#else
SMG_INLINE void smg_few_channels_join(const uint32_t *from, uint32_t *to, int32_t columns, int32_t upper) {
    for (; columns > 0; columns--, from += SMG_COLUMN_BYTES / 4, to += SMG_COLUMN_BYTES / 4) {
        for (int32_t i = 0; i < SMG_JOINED_ROWS; i += SMG_JOINED_STEP) {
            to[i] = upper ? smg_high_halves(from[i], from[i + 1]) : smg_low_halves(from[i], from[i + 1]);
        }
    }
}
#endif
#pragma GCC diagnostic pop
#endif
