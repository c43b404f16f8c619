/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of input bytes into the strip of words that smg_conv2d_few_channels_rows.inc.h describes.
 *
 * A row has SMG_VALUES bytes. With SMG_HEAD, its first goes into the upper half of a word whose lower half is padding,
 * and so is the upper half of the last word if no byte is left for it. */
#ifndef SMG_CONV2D_FEW_CHANNELS_EXPAND_INC_H
#define SMG_CONV2D_FEW_CHANNELS_EXPAND_INC_H
#include "smg_fast_requantize.h"
#include <stdint.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter" /* naked functions find theirs in registers */

#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)
/* rows rows; 37 cycles for 16 bytes or 70 for 32. r1 next word, r2 next row's first word, r10 rows left, r11 passes
 * left, on the stack zero. */
__attribute__((naked, noinline)) static void smg_few_channels_expand(const int8_t *from, uint32_t *to, int32_t rows,
                                                                     uint32_t zero) {
    /* clang-format off */
    __asm__ volatile(
        " .altmacro\n"
        " .set smg_quads, (" SMG_TEXT(SMG_VALUES) " - " SMG_TEXT(SMG_HEAD) ") / 4\n"
        " .set smg_rest, (" SMG_TEXT(SMG_VALUES) " - " SMG_TEXT(SMG_HEAD) ") % 4\n"
        " .set smg_turns, 1\n"
        /* Thirty-two bytes a pass if that divides the row. */
        " .if smg_quads % 8 == 0\n"
        "  .set smg_turns, 2\n"
        " .endif\n"
        " .macro smg_constant register, value\n"
        "  movw \\register, #\\value\n"
        " .endm\n"
        " .macro smg_put register\n"
        "  str \\register, [r1], #4 * " SMG_TEXT(SMG_PITCH) "\n"
        " .endm\n"
        /* Two words from four bytes: with u = x + 128 = x ^ 0x80 unsigned, lanes of 2 * u are a mask of the shifted word. */
        " .macro smg_four_bytes word\n"
        "  eor \\word, \\word, lr\n"
        "  and r7, r12, \\word, lsl #1\n"
        "  and r8, r12, \\word, lsr #7\n"
        "  pkhbt r9, r7, r8, lsl #16\n"
        "  pkhtb r8, r8, r7, asr #16\n"
        "  smg_put r9\n"
        "  smg_put r8\n"
        " .endm\n"
        " push {r3-r11, lr}\n"
        " movw r12, #0x01fe\n"
        " movt r12, #0x01fe\n"
        " mov lr, #0x80808080\n"
        " mov r10, r2\n"
        " mov r2, r1\n"
        "1:\n"
        " mov r1, r2\n"
        " .if " SMG_TEXT(SMG_HEAD) "\n"
        "  ldrsb r7, [r0], #1\n"
        "  ldr r8, [sp]\n"
        "  add r7, r7, #128\n"
        "  add r8, r8, r7, lsl #17\n"
        "  smg_put r8\n"
        " .endif\n"
        " .if smg_quads >= 4\n"
        "  smg_constant r11, %(smg_quads / (4 * smg_turns))\n"
        "  .p2align 2\n"
        "2:\n"
        "  .rept smg_turns\n"
        "   ldr r3, [r0], #4\n"
        "   ldr r4, [r0], #4\n"
        "   ldr r5, [r0], #4\n"
        "   ldr r6, [r0], #4\n"
        "   smg_four_bytes r3\n"
        "   smg_four_bytes r4\n"
        "   smg_four_bytes r5\n"
        "   smg_four_bytes r6\n"
        "  .endr\n"
        "  subs r11, r11, #1\n"
        "  bne 2b\n"
        " .endif\n"
        " .if smg_quads % 4\n"
        "  smg_constant r11, %(smg_quads % 4)\n"
        "3:\n"
        "  ldr r3, [r0], #4\n"
        "  smg_four_bytes r3\n"
        "  subs r11, r11, #1\n"
        "  bne 3b\n"
        " .endif\n"
        " .if smg_rest >= 2\n"
        "  ldrsb r7, [r0], #1\n"
        "  ldrsb r8, [r0], #1\n"
        "  add r7, r7, #128\n"
        "  add r8, r8, #128\n"
        "  lsl r7, r7, #1\n"
        "  add r8, r7, r8, lsl #17\n"
        "  smg_put r8\n"
        " .endif\n"
        " .if smg_rest % 2\n"
        "  ldrsb r7, [r0], #1\n"
        "  ldr r8, [sp]\n"
        "  add r7, r7, #128\n"
        "  lsl r8, r8, #16\n"
        "  add r8, r8, r7, lsl #1\n"
        "  str r8, [r1]\n"
        " .endif\n"
        " addw r0, r0, #" SMG_TEXT(SMG_IN_ROW_BYTES) " - " SMG_TEXT(SMG_VALUES) "\n"
        " add r2, r2, #4\n"
        " subs r10, r10, #1\n"
        " bne 1b\n"
        " pop {r3-r11, pc}\n"
        " .purgem smg_constant\n"
        " .purgem smg_put\n"
        " .purgem smg_four_bytes\n"
        " .noaltmacro\n"
    );
    /* clang-format on */
}
#else
/* rows rows. */
SMG_INLINE void smg_few_channels_expand(const int8_t *from, uint32_t *to, int32_t rows, uint32_t zero) {
    for (; rows > 0; rows--, from += SMG_IN_ROW_BYTES, to++) {
        for (int32_t i = -SMG_HEAD; i < SMG_VALUES; i += 2) {
            const uint32_t low = i < 0 ? zero : (uint32_t)(2 * (from[i] + 128));
            const uint32_t high = i + 1 >= SMG_VALUES ? zero : (uint32_t)(2 * (from[i + 1] + 128));
            to[(i + SMG_HEAD) / 2 * SMG_PITCH] = low | high << 16;
        }
    }
}
#endif
#pragma GCC diagnostic pop
#endif
