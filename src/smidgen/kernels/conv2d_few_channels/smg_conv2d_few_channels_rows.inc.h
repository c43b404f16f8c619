/* SPDX-License-Identifier: Apache-2.0 */
/* Two output channels of some rows of pixels: weights stationary or streamed, windows read from a strip of words.
 *
 * strip (words of a row, SMG_STRIP_ROWS): word j of a row holds its values 2j and 2j + 1 as 2 * (x + 128), one in each
 * half, and the same word of all rows lies together. A pixel's window is SMG_WORDS such columns, its taps are the rows
 * tap * SMG_DILATION_H of them. A block is the n output pixels below each other in one column: if the stride is a
 * multiple of the dilation, pixel i + 1 reads at a tap what pixel i reads SMG_CLASSES taps further, so that a chain of
 * taps with one remainder modulo SMG_CLASSES loads one word a step.
 *
 * packed: for each word column, each remainder and each tap of it one word, then smg_few_channels_constants. A weight
 * word has two values' weights of both channels, each half first + 256 * second. SMLAD with the word as it is sums
 * first + 256 * second modulo 2^32, SMLAD with its SXTB16 sums first; the record proves that the difference, 256 times
 * the second channel's doubled accumulator, fits 32 bits. */
#ifndef SMG_CONV2D_FEW_CHANNELS_ROWS_INC_H
#define SMG_CONV2D_FEW_CHANNELS_ROWS_INC_H
#include "smg_fast_requantize.h"
#include <stdint.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter" /* naked functions find theirs in registers */

#define SMG_FEW_CHANNELS_WEIGHTS (SMG_WORDS * SMG_K_H)

/* Behind the weights: what sums start from, twice the bias of the first channel and that plus 512 times the second's;
 * then mult, addend and shift of both channels. */
enum {
    SMG_START_BOTH = SMG_FEW_CHANNELS_WEIGHTS,
    SMG_START_FIRST,
    SMG_FIRST_CHANNEL,
    SMG_SECOND_CHANNEL = SMG_FIRST_CHANNEL + 3,
    SMG_FEW_CHANNELS_PACKED = SMG_SECOND_CHANNEL + 3
};

#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)
/* r0 strip, r1 .. rn the sums of both channels, r(n+1) .. r2n those of the first, from there to r12 words of the
 * window (to r11 and r12 the weights' pointer if they are streamed), lr a weight word. s0 .. s21 weights, s22 .. s29
 * the constants, s30 the output pointer, s31 the end of the columns; streamed: s0 weights, s1 column, s2 its end. */
#define SMG_FEW_CHANNELS_MACROS                                                                            \
    ".altmacro\n"                                                                                          \
    ".macro smg_product sum, word, addend\n smlad r\\sum, r\\word, lr, r\\addend\n .endm\n"                \
    ".macro smg_word register, at\n ldr r\\register, [r0, #\\at]\n .endm\n"                                \
    ".macro smg_next_column register\n ldr r\\register, [r0, #" SMG_TEXT(SMG_COLUMN_BYTES) "]!\n"          \
    " .set smg_passed, " SMG_TEXT(SMG_COLUMN_BYTES) "\n .set smg_follow, -1\n .endm\n"                                          \
    ".macro smg_resident_weight at\n vmov lr, s\\at\n .endm\n"                                             \
    ".macro smg_move register, from\n mov r\\register, r\\from\n .endm\n"                                  \
    ".macro smg_start register, from\n vmov r\\register, s\\from\n .endm\n"                                \
    ".macro smg_resident_weights last\n vldmia r2!, {s0-s\\last}\n .endm\n"                                \
    ".macro smg_add register, value\n"                                                                     \
    " .if \\value < 4096\n  addw \\register, \\register, #\\value\n"                                       \
    " .else\n  movw lr, #\\value\n  add \\register, \\register, lr\n .endif\n .endm\n"                     \
    ".macro smg_subtract register, value\n"                                                                \
    " .if \\value < 4096\n  subw \\register, \\register, #\\value\n"                                       \
    " .else\n  movw lr, #\\value\n  sub \\register, \\register, lr\n .endif\n .endm\n"                     \
    ".macro smg_products n, sums, fresh\n .set smg_i, 0\n .rept \\n\n" /* n pixels by the weights in lr */ \
    " .if \\fresh\n"                                                                                       \
    "  smg_product %(\\sums + smg_i), %(2 * \\n + 1 + (smg_k + smg_i) % smg_room), %(\\sums + \\n - 1)\n"  \
    " .else\n"                                                                                             \
    "  smg_product %(\\sums + smg_i), %(2 * \\n + 1 + (smg_k + smg_i) % smg_room), %(\\sums + smg_i)\n"    \
    " .endif\n .set smg_i, smg_i + 1\n .endr\n .endm\n"                                                    \
    ".macro smg_words n\n" /* as many words as there is room for */                                        \
    " .set smg_most, smg_k + smg_room\n"                                                                   \
    " .if smg_most > smg_taps + \\n - 1\n  .set smg_most, smg_taps + \\n - 1\n .endif\n"                   \
    " .rept smg_most - smg_loaded\n"                                                                       \
    "  .set smg_offset, 4 * (smg_j * " SMG_TEXT(SMG_STRIP_ROWS) " + smg_p * " SMG_TEXT(SMG_DILATION_H) " +"   \
    " smg_loaded * " SMG_TEXT(SMG_STRIDE_H) ") - smg_passed\n"                                             \
    "  .if smg_offset == smg_follow\n   smg_next_column %(2 * \\n + 1 + smg_loaded % smg_room)\n"           \
    "  .else\n   smg_word %(2 * \\n + 1 + smg_loaded % smg_room), %(smg_offset)\n  .endif\n"                \
    "  .set smg_loaded, smg_loaded + 1\n .endr\n .endm\n"                                                  \
    ".macro smg_chain n\n" /* the taps of remainder smg_p in word column smg_j */                          \
    " .set smg_taps, (" SMG_TEXT(SMG_K_H) " - smg_p + " SMG_TEXT(SMG_CLASSES) " - 1) / "                   \
    SMG_TEXT(SMG_CLASSES) "\n"                                                                             \
    " .set smg_k, 0\n .set smg_loaded, 0\n .rept smg_taps\n"                                               \
    "  .if smg_k + \\n > smg_loaded\n   smg_words \\n\n  .endif\n"                                         \
    "  smg_weight \\n\n"                                                                                   \
    "  smg_products \\n, 1, smg_fresh\n  sxtb16 lr, lr\n  smg_products \\n, 1 + \\n, smg_fresh\n"          \
    "  .set smg_fresh, 0\n  .set smg_k, smg_k + 1\n .endr\n .endm\n"                                       \
    ".macro smg_chains n\n .set smg_p, 0\n .rept " SMG_TEXT(SMG_CLASSES) "\n"                              \
    "  smg_chain \\n\n  .set smg_p, smg_p + 1\n .endr\n .endm\n"                                           \
    ".macro smg_output sum, at\n"                                                                          \
    SMG_ASM_REQUANTIZE("lr", "r\\sum", "r9", "r10", "r11") " strb lr, [r12, #\\at]\n .endm\n"              \
    ".macro smg_second both, first\n sub r\\both, r\\both, r\\first\n asr r\\both, r\\both, #8\n .endm\n"

#define SMG_FEW_CHANNELS_ROW SMG_TEXT(SMG_OUT_ROW_BYTES)
/* The bytes of a block: r12 points to the first pixel's second channel; where rows are too far apart for offsets, it
 * goes down and up again. The last store moves it to the next pixel if an offset reaches so far. */
#define SMG_FEW_CHANNELS_OUTPUTS                                                                          \
    ".macro smg_last_output sum\n"                                                                        \
    " .if " SMG_TEXT(SMG_PIXEL_BYTES) " < 256\n" SMG_ASM_REQUANTIZE("lr", "r\\sum", "r9", "r10", "r11")   \
    "  strb lr, [r12], #" SMG_TEXT(SMG_PIXEL_BYTES) "\n"                                                  \
    " .else\n  smg_output \\sum, 0\n  smg_add r12, " SMG_TEXT(SMG_PIXEL_BYTES) "\n .endif\n .endm\n"     \
    ".macro smg_outputs n\n"                                                                              \
    " vmov r12, s30\n vmov r9, s24\n vmov r10, s25\n vmov r11, s26\n"                                     \
    " .set smg_i, 0\n .rept \\n\n"                                                                        \
    " .if smg_near\n"                                                                                     \
    "  smg_output %(1 + \\n + smg_i), %(smg_i * " SMG_FEW_CHANNELS_ROW " - " SMG_TEXT(SMG_SECOND) ")\n"   \
    " .else\n  smg_output %(1 + \\n + smg_i), %(-" SMG_TEXT(SMG_SECOND) ")\n"                            \
    "  .if smg_i < \\n - 1\n  smg_add r12, " SMG_FEW_CHANNELS_ROW "\n  .endif\n .endif\n"                 \
    " .set smg_i, smg_i + 1\n .endr\n"                                                                    \
    " vmov r9, s27\n vmov r10, s28\n vmov r11, s29\n"                                                     \
    " .rept \\n\n .set smg_i, smg_i - 1\n"                                                                \
    " smg_second %(1 + smg_i), %(1 + \\n + smg_i)\n"                                                      \
    " .if smg_i == 0\n  smg_last_output %(1 + smg_i)\n"                                                   \
    " .elseif smg_near\n  smg_output %(1 + smg_i), %(smg_i * " SMG_FEW_CHANNELS_ROW ")\n"                 \
    " .else\n  smg_output %(1 + smg_i), 0\n  smg_subtract r12, " SMG_FEW_CHANNELS_ROW "\n .endif\n"       \
    " .endr\n .endm\n"

#if SMG_RESIDENT
#define SMG_FEW_CHANNELS_WINDOW                                                                           \
    ".macro smg_weight n\n smg_resident_weight %(smg_at)\n .set smg_at, smg_at + 1\n"                     \
    " .if smg_fresh\n  smg_start %(\\n), 22\n  smg_start %(2 * \\n), 23\n .endif\n .endm\n"               \
    ".macro smg_window n\n .set smg_room, 12 - 2 * \\n\n .set smg_passed, 0\n"                            \
    " .set smg_follow, " SMG_TEXT(SMG_COLUMN_BYTES) "\n"                                                  \
    " .if smg_follow > 255\n  .set smg_follow, -1\n .endif\n"                                             \
    " .set smg_at, 0\n .set smg_fresh, 1\n .set smg_j, 0\n .rept " SMG_TEXT(SMG_WORDS) "\n"               \
    "  smg_chains \\n\n  .set smg_j, smg_j + 1\n .endr\n .endm\n"                                         \
    ".macro smg_begin\n smg_resident_weights %(" SMG_TEXT(SMG_WORDS) " * " SMG_TEXT(SMG_K_H) " - 1)\n .endm\n"
#else
#define SMG_FEW_CHANNELS_WINDOW                                                                           \
    ".macro smg_weight n\n ldr lr, [r12], #4\n .endm\n"                                                   \
    ".macro smg_window n\n .set smg_room, 11 - 2 * \\n\n .set smg_passed, 0\n .set smg_follow, -1\n"       \
    " .set smg_fresh, 0\n .set smg_j, 0\n"                                                                \
    " vmov r12, s0\n vmov s1, r0\n"                                                                       \
    " vmov r1, s22\n smg_start %(1 + \\n), 23\n .set smg_i, 1\n .rept \\n - 1\n"                          \
    "  smg_move %(1 + smg_i), 1\n  smg_move %(1 + \\n + smg_i), %(1 + \\n)\n  .set smg_i, smg_i + 1\n"     \
    " .endr\n"                                                                                            \
    " movw lr, #4 * " SMG_TEXT(SMG_WORDS) " * " SMG_TEXT(SMG_STRIP_ROWS) "\n add lr, lr, r0\n"            \
    " vmov s2, lr\n .p2align 2\n4:\n smg_chains \\n\n"                                                    \
    " add r0, r0, #4 * " SMG_TEXT(SMG_STRIP_ROWS) "\n vmov lr, s2\n cmp r0, lr\n bne 4b\n"                \
    " vmov r0, s1\n .endm\n"                                                                              \
    ".macro smg_begin\n vmov s0, r2\n add r2, r2, #4 * " SMG_TEXT(SMG_WORDS) " * " SMG_TEXT(SMG_K_H) "\n .endm\n"
#endif

/* Frame: strip, output and end of the columns of this block, blocks left; then what was pushed, and two arguments. */
#define SMG_FEW_CHANNELS_BLOCKS                                                                           \
    ".macro smg_blocks n, count\n"                                                                        \
    " .set smg_near, " SMG_FEW_CHANNELS_ROW " * (\\n - 1) < 4096\n"                                       \
    " ldr r3, [sp, #\\count]\n cmp r3, #0\n beq.w 3f\n"                                                   \
    "1: str r3, [sp, #12]\n ldr r0, [sp]\n ldr r12, [sp, #4]\n ldr lr, [sp, #8]\n"                        \
    " vmov s30, r12\n add lr, lr, r0\n vmov s31, lr\n .p2align 2\n"                                       \
    "2: smg_window \\n\n smg_outputs \\n\n"                                                               \
    " vmov s30, r12\n .if smg_passed == 0\n  smg_add r0, " SMG_TEXT(SMG_COLUMN_BYTES) "\n .endif\n"         \
    " vmov lr, s31\n cmp r0, lr\n bne 2b\n"                                                              \
    " ldr r3, [sp, #12]\n ldr r0, [sp]\n ldr r12, [sp, #4]\n"                                             \
    " smg_add r0, %(4 * \\n * " SMG_TEXT(SMG_STRIDE_H) ")\n str r0, [sp]\n"                               \
    " smg_add r12, %(\\n * " SMG_FEW_CHANNELS_ROW ")\n str r12, [sp, #4]\n"                               \
    " subs r3, r3, #1\n bne 1b\n"                                                                         \
    "3:\n .endm\n"

/* To call once before the rows, which do not save these registers. */
SMG_INLINE void smg_few_channels_registers(void) {
    __asm__ volatile("" ::: "s16", "s17", "s18", "s19", "s20", "s21", "s22", "s23", "s24", "s25", "s26", "s27", "s28",
                     "s29", "s30", "s31");
}

/* full blocks of SMG_ROWS rows, then tail blocks of SMG_TAIL_ROWS; columns: bytes from the first column's words to
 * those behind the last. Changes s16 to s31. */
__attribute__((naked, noinline)) static void smg_few_channels_rows(const uint32_t *strip, int8_t *y,
                                                                   const uint32_t *packed, int32_t columns,
                                                                   int32_t full, int32_t tail) {
    __asm__ volatile(SMG_FEW_CHANNELS_MACROS SMG_FEW_CHANNELS_OUTPUTS SMG_FEW_CHANNELS_WINDOW SMG_FEW_CHANNELS_BLOCKS
                     "push {r4-r11, lr}\n"
                     "sub sp, sp, #16\n"
                     "smg_begin\n"
                     "vldmia r2, {s22-s29}\n"
                     "str r0, [sp]\n"
                     "add r1, r1, #" SMG_TEXT(SMG_SECOND) "\n"
                     "str r1, [sp, #4]\n"
                     "str r3, [sp, #8]\n"
                     "smg_blocks " SMG_TEXT(SMG_ROWS) ", 52\n"
                     ".if " SMG_TEXT(SMG_TAIL_ROWS) "\n"
                     "smg_blocks " SMG_TEXT(SMG_TAIL_ROWS) ", 56\n"
                     ".endif\n"
                     "add sp, sp, #16\n"
                     "pop {r4-r11, pc}\n"
                     ".noaltmacro\n");
}
#else
SMG_INLINE void smg_few_channels_registers(void) {}

/* Twice the accumulators of one pixel: those of the first channel and those plus 256 times the second's. */
SMG_INLINE void smg_few_channels_window(const uint32_t *strip, const uint32_t *packed, int32_t *both, int32_t *first) {
    for (int32_t j = 0; j < SMG_WORDS; j++) {
        for (int32_t remainder = 0; remainder < SMG_CLASSES; remainder++) {
            for (int32_t tap = remainder; tap < SMG_K_H; tap += SMG_CLASSES) {
                const uint32_t weights = *packed++, word = strip[j * SMG_STRIP_ROWS + tap * SMG_DILATION_H];
                *both = smg_smlad(word, weights, *both);
                *first = smg_smlad(word, smg_sxtb16(weights), *first);
            }
        }
    }
}

/* Both output bytes of one pixel. */
SMG_INLINE void smg_few_channels_pixel(const uint32_t *strip, const uint32_t *packed, int8_t *y) {
    const int32_t *constants = (const int32_t *)packed;
    const int32_t *first = constants + SMG_FIRST_CHANNEL, *second = constants + SMG_SECOND_CHANNEL;
    int32_t both = constants[SMG_START_BOTH], sum = constants[SMG_START_FIRST];
    smg_few_channels_window(strip, packed, &both, &sum);
    const int32_t other = (int32_t)((uint32_t)both - (uint32_t)sum) >> 8;
    y[0] = smg_requantize_fast(sum, first[0], first[1], first[2]);
    y[SMG_SECOND] = smg_requantize_fast(other, second[0], second[1], second[2]);
}

SMG_INLINE void smg_few_channels_rows(const uint32_t *strip, int8_t *y, const uint32_t *packed, int32_t columns,
                                      int32_t full, int32_t tail) {
    for (int32_t row = 0; row < full * SMG_ROWS + tail * SMG_TAIL_ROWS; row++) {
        int8_t *to = y + row * SMG_OUT_ROW_BYTES;
        for (int32_t column = 0; column < columns; column += SMG_COLUMN_BYTES, to += SMG_PIXEL_BYTES) {
            smg_few_channels_pixel(strip + column / 4 + row * SMG_STRIDE_H, packed, to);
        }
    }
}
#endif
#pragma GCC diagnostic pop
#endif
