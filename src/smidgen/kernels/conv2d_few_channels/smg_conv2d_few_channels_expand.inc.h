/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of input bytes into the strip of words that smg_conv2d_few_channels_rows.inc.h describes. */
#ifndef SMG_CONV2D_FEW_CHANNELS_EXPAND_INC_H
#define SMG_CONV2D_FEW_CHANNELS_EXPAND_INC_H
#include "smg_fast_requantize.h"
#include "smg_memory.h"
#include <stdint.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter" /* naked functions find theirs in registers */

#define SMG_FEW_CHANNELS_QUADS ((SMG_VALUES - SMG_HEAD) / 4)
#define SMG_FEW_CHANNELS_REST ((SMG_VALUES - SMG_HEAD) % 4)

SMG_INLINE uint32_t smg_few_channels_value(int8_t x) { return (uint32_t)(2 * (x + 128)); }

#if SMG_FEW_CHANNELS_QUADS && defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)
#define SMG_FEW_CHANNELS_LANES(word)           \
    "eor " word ", " word ", lr\n"             \
    "and r7, r12, " word ", lsl #1\n"          \
    "and r8, r12, " word ", lsr #7\n"          \
    "pkhbt r9, r7, r8, lsl #16\n"              \
    "pkhtb r8, r8, r7, asr #16\n"              \
    "str r9, [r1], #4 * " SMG_TEXT(SMG_STRIP_ROWS) "\n" \
    "str r8, [r1], #4 * " SMG_TEXT(SMG_STRIP_ROWS) "\n"

/* quads times four bytes of a row, from any address, into two words each; returns the place of the next word.
 * 37 cycles for 16 bytes. */
__attribute__((naked, noinline)) static uint32_t *smg_few_channels_quads(const int8_t *from, uint32_t *to,
                                                                         int32_t quads) {
    __asm__ volatile("push {r4-r9, lr}\n"
                     "movw r12, #0x01fe\n"
                     "movt r12, #0x01fe\n"
                     "mov lr, #0x80808080\n"
                     "subs r2, r2, #4\n"
                     "blt 2f\n"
                     ".p2align 2\n"
                     "1:\n"
                     "ldr r3, [r0], #4\n"
                     "ldr r4, [r0], #4\n"
                     "ldr r5, [r0], #4\n"
                     "ldr r6, [r0], #4\n" /* clang-format off */
                     SMG_FEW_CHANNELS_LANES("r3")
                     SMG_FEW_CHANNELS_LANES("r4")
                     SMG_FEW_CHANNELS_LANES("r5")
                     SMG_FEW_CHANNELS_LANES("r6") /* clang-format on */
                     "subs r2, r2, #4\n"
                     "bge 1b\n"
                     "2:\n"
                     "adds r2, r2, #4\n"
                     "beq 4f\n"
                     "3:\n"
                     "ldr r3, [r0], #4\n" /* clang-format off */
                     SMG_FEW_CHANNELS_LANES("r3") /* clang-format on */
                     "subs r2, r2, #1\n"
                     "bne 3b\n"
                     "4:\n"
                     "mov r0, r1\n"
                     "pop {r4-r9, pc}\n");
}
#elif SMG_FEW_CHANNELS_QUADS
SMG_INLINE uint32_t *smg_few_channels_quads(const int8_t *from, uint32_t *to, int32_t quads) {
    for (int32_t i = 0; i < 2 * quads; i++, from += 2, to += SMG_STRIP_ROWS) {
        *to = smg_few_channels_value(from[0]) | smg_few_channels_value(from[1]) << 16;
    }
    return to;
}
#endif

/* One row of SMG_VALUES bytes. If it starts in the upper half of a word, zero is its lower half, and the upper half of
 * the last word if that stays free. */
SMG_INLINE void smg_few_channels_expand(const int8_t *from, uint32_t *to, uint32_t zero) {
    (void)zero;
#if SMG_HEAD
    *to = zero | smg_few_channels_value(*from++) << 16;
    to += SMG_STRIP_ROWS;
#endif
#if SMG_FEW_CHANNELS_QUADS
    to = smg_few_channels_quads(from, to, SMG_FEW_CHANNELS_QUADS);
    from += 4 * SMG_FEW_CHANNELS_QUADS;
#endif
#if SMG_FEW_CHANNELS_REST >= 2
    *to = smg_few_channels_value(from[0]) | smg_few_channels_value(from[1]) << 16;
    to += SMG_STRIP_ROWS;
#endif
#if SMG_FEW_CHANNELS_REST % 2
    *to = smg_few_channels_value(from[SMG_FEW_CHANNELS_REST - 1]) | zero << 16;
#endif
}
#pragma GCC diagnostic pop
#endif
