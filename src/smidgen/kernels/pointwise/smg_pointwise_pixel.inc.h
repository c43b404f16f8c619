/* SPDX-License-Identifier: Apache-2.0 */
/* One pixel from the weights as smg_pointwise_pairs.inc.h reads them: for the pixel that is left after whole groups.
 * Four steps of two channels are two LDM, 8 SMLAD and 4 SXTB16 (narrow: LDM again): 26 cycles with the loop for 16
 * products. */
#ifndef SMG_POINTWISE_PIXEL_INC_H
#define SMG_POINTWISE_PIXEL_INC_H
#include "smg_pointwise_pairs.inc.h"

/* Activation words (SMG_STEPS) of one pixel. */
SMG_INLINE void smg_pointwise_expand_pixel(const int8_t *x, uint32_t *to) {
    const uint32_t scale = SMG_NARROW ? 256 : 1;
    int32_t k = 0;
    for (; k + 4 <= SMG_IN_C; k += 4, to += 2) {
        const uint32_t bytes = smg_load32(x + k);
        to[0] = SMG_NARROW ? bytes << 8 & 0xff00ff00U : smg_sxtb16(bytes);
        to[1] = SMG_NARROW ? bytes & 0xff00ff00U : smg_sxtb16_odd(bytes);
    }
    if (k == SMG_IN_C) return;
    const uint32_t last = (uint32_t)x[SMG_IN_C - 1] * scale;
    if (SMG_IN_C % 4 == 1) {
        to[0] = last & 0xffffU;
    } else {
        to[0] = ((uint32_t)x[k] * scale & 0xffffU) | last << 16;
        if (SMG_IN_C % 4 == 3) to[1] = (uint32_t)x[k + 1] * scale & 0xffffU;
    }
}

#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)
/* r10: sum of the odd channel, or of both; r11: of the even one. */
#if SMG_NARROW
#define SMG_PIXEL_TWO_STEPS(first, second)                                               \
    "ldmia r0!, {r6-r9}\nsmlad r10, " first ", r6, r10\nsmlad r11, " first ", r7, r11\n" \
    "smlad r10, " second ", r8, r10\nsmlad r11, " second ", r9, r11\n"
#define SMG_PIXEL_FOUR_STEPS SMG_PIXEL_TWO_STEPS("r2", "r3") SMG_PIXEL_TWO_STEPS("r4", "r5")
#define SMG_PIXEL_STEP \
    "ldr r2, [r1], #4\nldr r6, [r0], #4\nldr r7, [r0], #4\nsmlad r10, r2, r6, r10\nsmlad r11, r2, r7, r11\n"
#else
#define SMG_PIXEL_SUM(activation, word) \
    "smlad r10, " activation ", " word ", r10\nsxtb16 " word ", " word "\nsmlad r11, " activation ", " word ", r11\n"
#define SMG_PIXEL_FOUR_STEPS                                                                             \
    "ldmia r0!, {r6-r9}\n" SMG_PIXEL_SUM("r2", "r6") SMG_PIXEL_SUM("r3", "r7") SMG_PIXEL_SUM("r4", "r8") \
        SMG_PIXEL_SUM("r5", "r9")
#define SMG_PIXEL_STEP "ldr r2, [r1], #4\nldr r6, [r0], #4\n" SMG_PIXEL_SUM("r2", "r6")
#endif
#if SMG_AFFINE
#define SMG_PIXEL_STORE(sum, shift, at)                       \
    "smmlar " sum ", " sum ", r2, r3\nssat " sum ", #8, " sum \
    ", asr #" SMG_TEXT(shift) "\n" SMG_ASM_CLAMP(sum) "strb " sum ", [lr, #" at "]\n"
#define SMG_PIXEL_STORES                          \
    "vmov r2, s1\nvmov r3, s2\n" SMG_PIXEL_STORE( \
        "r11", SMG_SHIFT_EVEN, "0") "vmov r2, s3\nvmov r3, s4\n" SMG_PIXEL_STORE("r10", SMG_SHIFT_ODD, "1")
#else
#define SMG_PIXEL_STORES                                                                                           \
    SMG_TWICE_EVEN("r11")                                                                                          \
    "asr r10, r10, #7\nvmov r2, s2\nvmov r3, s3\nvmov r4, s4\n" SMG_ASM_REQUANTIZE(                                \
        "r5", "r11", "r2", "r3",                                                                                   \
        "r4") "strb r5, [lr]\nvmov r2, s5\nvmov r3, s6\nvmov r4, s7\n" SMG_ASM_REQUANTIZE("r5", "r10", "r2", "r3", \
                                                                                          "r4") "strb r5, [lr, #1]\n"
#endif

/* Outputs of one pixel, all channels. */
__attribute__((naked, noinline)) static void smg_pointwise_pixel(const uint32_t *activations __attribute__((unused)),
                                                                 int8_t *y __attribute__((unused)),
                                                                 const int32_t *stream __attribute__((unused))) {
    __asm__("push {r4-r11, lr}\n"
            "vmov s8, r0\n"
            "movw r3, #" SMG_PAIRS_TEXT "\n"
            "mov lr, r1\n"
            "mov r0, r2\n"
            "1:\n"
            "vmov s9, r3\n"
            "vmov r1, s8\n"
#if SMG_AFFINE
            "vldmia r0!, {s0-s4}\n"
#else
            "vldmia r0!, {s0-s7}\n"
#endif
            "vmov r11, s0\n"
#if !SMG_AFFINE
            "vmov r10, s1\n"
#elif SMG_NARROW
            "vmov r10, s0\n"
#else
            "mov r10, #0\n"
#endif
#if SMG_IN_C >= 7
            "add r12, r1, #16*(" SMG_STEPS_TEXT "/4)\n"
            ".p2align 2\n"
            "2:\n"
            "ldmia r1!, {r2-r5}\n" SMG_PIXEL_FOUR_STEPS "cmp r1, r12\n"
            "bne 2b\n"
#endif
            ".rept " SMG_STEPS_TEXT "%4\n" SMG_PIXEL_STEP ".endr\n"
#if !SMG_NARROW
            "sub r10, r10, r11\n"
#endif
            SMG_PIXEL_STORES "vmov r3, s9\n"
            "subs r3, #1\n"
#if SMG_OUT_C % 2
            "cmp r3, #1\n"
            "ite eq\n"
            "addeq lr, #1\n"
            "addne lr, #2\n"
            "cmp r3, #0\n"
#else
            "add lr, lr, #2\n"
#endif
            "bne 1b\n"
            "pop {r4-r11, pc}\n");
}
#else
static void smg_pointwise_pixel(const uint32_t *activations, int8_t *y, const int32_t *stream) {
    for (int32_t c = 0; c < 2 * SMG_PAIRS; c += 2, stream += SMG_PARAMETERS + SMG_WEIGHT_WORDS)
        smg_pointwise_two(activations, 1, (const uint32_t *)stream, y + (c + 1 < SMG_OUT_C ? c : SMG_OUT_C - 2));
}
#endif
#endif
