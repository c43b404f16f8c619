/* SPDX-License-Identifier: Apache-2.0 */
/* Four pixels by two channels at a time, along a row of pixels that lie a constant distance apart in int16: the inner
 * loop of convolutions that keep a strip of their input as int16. An instance defines
 *   SMG_STEPS        words of two inputs of a pixel, 2 .. 1023
 *   SMG_PIXEL_BYTES  from a pixel's first word to the next one's, at most 1364
 *   SMG_OUT_C        output channels, 2 .. 1023: from a pixel's outputs to the next one's
 *   SMG_WIDE         1: weights are int16 and doubled; 0: two channels' int8 weights lie in one int16 as 256 w1 + w0
 * and what smg_fast_requantize.h needs. kernels/pixel_block.py packs a pair of channels as SMG_PAIR_WORDS words:
 *   start0, start1, mult0, addend0, shift0, mult1, addend1, shift1, then each step's weights (wide: w0, w1).
 *
 * The word 256 w1 + w0 of two inputs, as it is, makes SMLAD accumulate 256 A1 + A0 modulo 2^32; SXTB16 of the same word
 * leaves w0, hence A0. Then (256 A1 + A0 - A0) >> 7 is 2 A1 if |A1| < 2^23, which is proven for each layer.
 *
 * Few steps: the pair's weights stay in FPU registers, 15 cycles a step. Many: they stream, 16 cycles a step. Either
 * way the loop over the pixels takes less than 1 KB, so that it fits the instruction caches in front of flash. */
#ifndef SMG_PIXEL_BLOCK_H
#define SMG_PIXEL_BLOCK_H
#include "smg_fast_requantize.h"

#define SMG_PAIR_WORDS (8 + SMG_STEPS * (1 + SMG_WIDE))
#define SMG_WEIGHTS_IN_REGISTERS (SMG_STEPS <= 11 && SMG_STEPS * (1 + SMG_WIDE) <= 20)

#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)
#include "smg_naked.h"

/* clang-format off */
#define SMG_PIXEL_AT(pixel) SMG_TEXT(pixel * SMG_PIXEL_BYTES)
#define SMG_OUT_AT(pixel, channel) SMG_TEXT(pixel * SMG_OUT_C + channel)

/* One word of weights by two pixels: a = s + x . w. r4, r6, r8, r10 sum channel 0 of pixels 0 to 3, r5, r7, r9, r11
 * channel 1 or both. The first step starts all sums from r4 and r5, which it writes last. */
#define SMG_BY_TWO(w, xa, xb, aa, ab, sa, sb)             \
    "smlad " aa ", " xa ", " w ", " sa "\n"               \
    "smlad " ab ", " xb ", " w ", " sb "\n"

#if SMG_WEIGHTS_IN_REGISTERS
/* s0 .. s19: weights, wide: s0 .. s9 of channel 1, s10 .. s19 of channel 0. r0: inputs; r1, r2, r3, r12: four pixels'
 * inputs; lr: weights. */
#if SMG_WIDE
#define SMG_EVEN_WEIGHTS(n) ".if " n " < 10\nvmov lr, s1" n "\n.endif\n"
#define SMG_LOAD_ONE "vldr s\\n, [r1, #36 + 8 * \\n]\nvldr s1\\n, [r1, #32 + 8 * \\n]\n"
#else
#define SMG_EVEN_WEIGHTS(n) "sxtb16 lr, lr\n"
#define SMG_LOAD_ONE "vldr s\\n, [r1, #32 + 4 * \\n]\n"
#endif
#define SMG_STEP(n, s1, s3, s5, s7, s0, s2, s4, s6)       \
    "ldr r12, [r0, #" SMG_PIXEL_AT(3) "]\n"               \
    "ldr r3, [r0, #" SMG_PIXEL_AT(2) "]\n"                \
    "ldr r2, [r0, #" SMG_PIXEL_AT(1) "]\n"                \
    "ldr r1, [r0], #4\n"                                  \
    "vmov lr, s" n "\n"                                   \
    SMG_BY_TWO("lr", "r12", "r3", "r11", "r9", s7, s5)    \
    SMG_BY_TWO("lr", "r2", "r1", "r7", "r5", s3, s1)      \
    SMG_EVEN_WEIGHTS(n)                                   \
    SMG_BY_TWO("lr", "r12", "r3", "r10", "r8", s6, s4)    \
    SMG_BY_TWO("lr", "r2", "r1", "r6", "r4", s2, s0)
#define SMG_EACH_STEP(from)                                                               \
    ".irp n, " from "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19\n" \
    ".if \\n < " SMG_TEXT(SMG_STEPS) "\n"
#define SMG_END_EACH ".endif\n.endr\n"
#define SMG_LOAD_WEIGHTS SMG_EACH_STEP("0, ") SMG_LOAD_ONE SMG_END_EACH
#define SMG_SUMS                                                                          \
    SMG_STEP("0", "r5", "r5", "r5", "r5", "r4", "r4", "r4", "r4")                         \
    SMG_EACH_STEP("") SMG_STEP("\\n", "r5", "r7", "r9", "r11", "r4", "r6", "r8", "r10") SMG_END_EACH

#else
/* r0: inputs; r1: weights; r2, r3: those of both channels (r2 both together); r12, lr: two pixels' inputs. s23: first
 * weights; s0: their end. A loop of at most 8 steps, entered in the middle where they do not divide. */
#if SMG_WIDE
#define SMG_STEP_WEIGHTS "ldr r3, [r1], #4\nldr r2, [r1], #4\n"
#define SMG_EVEN_WEIGHTS ""
#else
#define SMG_STEP_WEIGHTS "ldr r2, [r1], #4\n"
#define SMG_EVEN_WEIGHTS "sxtb16 r3, r2\n"
#endif
#define SMG_STEP(s1, s3, s5, s7, s0, s2, s4, s6)          \
    SMG_STEP_WEIGHTS                                      \
    "ldr r12, [r0, #" SMG_PIXEL_AT(3) "]\n"               \
    "ldr lr, [r0, #" SMG_PIXEL_AT(2) "]\n"                \
    SMG_EVEN_WEIGHTS                                      \
    SMG_BY_TWO("r2", "r12", "lr", "r11", "r9", s7, s5)    \
    SMG_BY_TWO("r3", "r12", "lr", "r10", "r8", s6, s4)    \
    "ldr r12, [r0, #" SMG_PIXEL_AT(1) "]\n"               \
    "ldr lr, [r0], #4\n"                                  \
    SMG_BY_TWO("r2", "r12", "lr", "r7", "r5", s3, s1)     \
    SMG_BY_TWO("r3", "r12", "lr", "r6", "r4", s2, s0)
#define SMG_LOAD_WEIGHTS                                  \
    "add r1, r1, #32\n"                                   \
    "vmov s23, r1\n"                                      \
    "movw r12, #" SMG_TEXT(4 * SMG_STEPS * (1 + SMG_WIDE)) "\n" \
    "add r1, r1, r12\n"                                   \
    "vmov s0, r1\n"
#define SMG_TURNS ((SMG_STEPS + 6) / 8)
#define SMG_UNROLLED ((SMG_STEPS - 2 + SMG_TURNS) / SMG_TURNS)
#define SMG_SKIPPED (SMG_UNROLLED * SMG_TURNS - (SMG_STEPS - 1))
#define SMG_NEXT_STEP SMG_STEP("r5", "r7", "r9", "r11", "r4", "r6", "r8", "r10")
#define SMG_SUMS                                                      \
    "vmov r1, s23\n"                                                  \
    SMG_STEP("r5", "r5", "r5", "r5", "r4", "r4", "r4", "r4")          \
    ".if " SMG_TEXT(SMG_SKIPPED) "\n"                                 \
    "b 3f\n"                                                          \
    ".p2align 2\n"                                                    \
    ".endif\n"                                                        \
    "2:\n"                                                            \
    ".rept " SMG_TEXT(SMG_SKIPPED) "\n" SMG_NEXT_STEP ".endr\n"       \
    "3:\n"                                                            \
    ".rept " SMG_TEXT(SMG_UNROLLED - SMG_SKIPPED) "\n" SMG_NEXT_STEP ".endr\n" \
    "vmov r2, s0\n"                                                   \
    "cmp r1, r2\n"                                                    \
    "bne 2b\n"
#endif

#define SMG_FINISH(pixel, channel, acc2)                  \
    SMG_ASM_REQUANTIZE("lr", acc2, "r2", "r3", "r12")     \
    "strb lr, [r1, #" SMG_OUT_AT(pixel, channel) "]\n"
#if SMG_WIDE
#define SMG_APART ""
#define SMG_TWICE_ODD ""
#else
#define SMG_APART                                                                         \
    "sub r5, r5, r4\n" "sub r7, r7, r6\n" "sub r9, r9, r8\n" "sub r11, r11, r10\n"        \
    "lsl r4, r4, #1\n" "lsl r6, r6, #1\n" "lsl r8, r8, #1\n" "lsl r10, r10, #1\n"
#define SMG_TWICE_ODD "asr r5, r5, #7\n" "asr r7, r7, #7\n" "asr r9, r9, #7\n" "asr r11, r11, #7\n"
#endif

/* All outputs of two channels of a row. s20: output; s21, s22: input and output of the last four pixels; s24 .. s31: the
 * pair's constants. r0 .. r3 on entry: x, pair, y, pixels. A row's last four pixels may overlap those before them.
 * Changes s16 to s31, which the caller saves. */
SMG_NAKED void smg_pixel_row(const uint32_t *x, const int32_t *pair, int8_t *y, int32_t pixels) {
    __asm__ volatile(
        "push {r4-r11, lr}\n"
        "vmov s20, r2\n"
        "vldmia r1, {s24-s31}\n"
        "sub r3, r3, #4\n"
        "movw r12, #" SMG_TEXT(SMG_PIXEL_BYTES) "\n"
        "mla r12, r3, r12, r0\n"
        "vmov s21, r12\n"
        "movw r12, #" SMG_TEXT(SMG_OUT_C) "\n"
        "mla r12, r3, r12, r2\n"
        "vmov s22, r12\n"
        SMG_LOAD_WEIGHTS
        ".p2align 2\n"
        "1:\n"
        "vmov r4, s24\n"
        "vmov r5, s25\n"
        SMG_SUMS
        "vmov r1, s20\n"
        "vmov r2, s26\n"
        "vmov r3, s27\n"
        "vmov r12, s28\n"
        SMG_APART
        SMG_FINISH(0, 0, "r4") SMG_FINISH(1, 0, "r6") SMG_FINISH(2, 0, "r8") SMG_FINISH(3, 0, "r10")
        "vmov r2, s29\n"
        "vmov r3, s30\n"
        "vmov r12, s31\n"
        SMG_TWICE_ODD
        SMG_FINISH(0, 1, "r5") SMG_FINISH(1, 1, "r7") SMG_FINISH(2, 1, "r9") SMG_FINISH(3, 1, "r11")
        "add r0, r0, #" SMG_TEXT(2 * SMG_PIXEL_BYTES) "\n"
        "add r0, r0, #" SMG_TEXT(2 * SMG_PIXEL_BYTES - 4 * SMG_STEPS) "\n"
        "vmov r3, s21\n"
        "mov r2, r1\n"
        "add r1, r1, #" SMG_OUT_AT(4, 0) "\n"
        "vmov s20, r1\n"
        "cmp r0, r3\n"
        "bls 1b\n"
        "vmov r1, s22\n"
        "cmp r2, r1\n"
        "beq 4f\n"
        "vmov s20, r1\n"
        "mov r0, r3\n"
        "b 1b\n"
        "4:\n"
        "pop {r4-r11, pc}\n");
}
#define SMG_SAVE_FPU_REGISTERS                                                                                  \
    __asm__ volatile("" ::: "s16", "s17", "s18", "s19", "s20", "s21", "s22", "s23", "s24", "s25", "s26", "s27", \
                     "s28", "s29", "s30", "s31")
/* clang-format on */
#else
#define SMG_SAVE_FPU_REGISTERS (void)0

/* Both accumulators of a pixel, doubled. */
SMG_INLINE void smg_pixel_sums(const uint32_t *x, const int32_t *pair, int32_t acc2[2]) {
    const int32_t *w = pair + 8;
    int32_t even = pair[0], odd = pair[1];
    for (int32_t k = 0; k < SMG_STEPS; k++) {
#if SMG_WIDE
        even = smg_smlad(x[k], (uint32_t)w[2 * k], even);
        odd = smg_smlad(x[k], (uint32_t)w[2 * k + 1], odd);
#else
        even = smg_smlad(x[k], smg_sxtb16((uint32_t)w[k]), even);
        odd = smg_smlad(x[k], (uint32_t)w[k], odd);
#endif
    }
    acc2[0] = SMG_WIDE ? even : (int32_t)((uint32_t)even << 1);
    acc2[1] = SMG_WIDE ? odd : (int32_t)((uint32_t)odd - (uint32_t)even) >> 7;
}

/* The meaning of the assembly above. */
SMG_INLINE void smg_pixel_row(const uint32_t *x, const int32_t *pair, int8_t *y, int32_t pixels) {
    for (int32_t i = 0; i < pixels; i++, x += SMG_PIXEL_BYTES / 4, y += SMG_OUT_C) {
        int32_t acc2[2];
        smg_pixel_sums(x, pair, acc2);
        y[0] = smg_requantize_fast(acc2[0], pair[2], pair[3], pair[4]);
        y[1] = smg_requantize_fast(acc2[1], pair[5], pair[6], pair[7]);
    }
}
#endif

/* All channels of a row of pixels, at least four. b: the pairs; the last is channels SMG_OUT_C - 2 and - 1. */
SMG_INLINE void smg_pixel_row_all(const uint32_t *x, const int32_t *b, int8_t *y, int32_t pixels) {
    int32_t pairs = SMG_OUT_C / 2;
    __asm__("" : "+r"(pairs)); /* else compilers unroll the loop */
    for (; pairs > 0; pairs--, b += SMG_PAIR_WORDS, y += 2) smg_pixel_row(x, b, y, pixels);
    if (SMG_OUT_C % 2) smg_pixel_row(x, b, y - 1, pixels);
}
#endif
