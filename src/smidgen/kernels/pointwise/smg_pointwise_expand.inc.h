/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of four pixels as activation words (smg_pointwise_shape.inc.h). */
#ifndef SMG_POINTWISE_EXPAND_INC_H
#define SMG_POINTWISE_EXPAND_INC_H
#include "smg_pointwise_shape.inc.h"

#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)
#if SMG_NARROW
#define SMG_EXPAND_EVEN(to, from) "and " to ", r3, " from ", lsl #8\n"
#define SMG_EXPAND_ODD(to, from) "and " to ", r3, " from "\n"
#define SMG_EXPAND_LOAD "ldrb "
#define SMG_EXPAND_SCALE(r) "lsl " r ", " r ", #8\n"
#else
#define SMG_EXPAND_EVEN(to, from) "sxtb16 " to ", " from "\n"
#define SMG_EXPAND_ODD(to, from) "sxtb16 " to ", " from ", ror #8\n"
#define SMG_EXPAND_LOAD "ldrsb "
#define SMG_EXPAND_SCALE(r)
#endif
#define SMG_PIXEL(n) "#" #n "*" SMG_TEXT(SMG_IN_C)

/* Four inputs of four pixels: 22 cycles. */
#define SMG_EXPAND_QUAD                                                                                            \
    "ldr r9, [r0, " SMG_PIXEL(1) "]\n"                                                                             \
                                 "ldr r10, [r0, " SMG_PIXEL(                                                       \
                                     2) "]\n"                                                                      \
                                        "ldr r11, [r0, " SMG_PIXEL(                                                \
                                            3) "]\n"                                                               \
                                               "ldr r8, [r0], #4\n" SMG_EXPAND_EVEN("r4", "r8")                    \
                                                   SMG_EXPAND_EVEN("r5", "r9") SMG_EXPAND_EVEN("r6", "r10")        \
                                                       SMG_EXPAND_EVEN("r7", "r11") SMG_EXPAND_ODD("r8", "r8")     \
                                                           SMG_EXPAND_ODD("r9", "r9") SMG_EXPAND_ODD("r10", "r10") \
                                                               SMG_EXPAND_ODD("r11", "r11") "stmia r1!, {r4-r11}\n"

/* One step of the inputs at r0 + first and, unless alone, r0 + second. */
#define SMG_EXPAND_FIRST(first)                                                                       \
    SMG_EXPAND_LOAD "r4, [r0, #" first "]\n" SMG_EXPAND_LOAD                                          \
                    "r5, [r0, " SMG_PIXEL(1) "+" first "]\n" SMG_EXPAND_LOAD                          \
                                             "r6, [r0, " SMG_PIXEL(2) "+" first "]\n" SMG_EXPAND_LOAD \
                                                                      "r7, [r0, " SMG_PIXEL(3) "+" first "]\n"
#define SMG_EXPAND_SECOND(second)                                                                               \
    SMG_EXPAND_LOAD                                                                                             \
    "r8, [r0, #" second "]\n" SMG_EXPAND_LOAD                                                                   \
    "r9, [r0, " SMG_PIXEL(1) "+" second "]\n" SMG_EXPAND_LOAD                                                   \
                             "r10, [r0, " SMG_PIXEL(2) "+" second "]\n" SMG_EXPAND_LOAD                         \
                                                       "r11, [r0, " SMG_PIXEL(3) "+" second "]\n"               \
                                                                                 "pkhbt r4, r4, r8, lsl #16\n"  \
                                                                                 "pkhbt r5, r5, r9, lsl #16\n"  \
                                                                                 "pkhbt r6, r6, r10, lsl #16\n" \
                                                                                 "pkhbt r7, r7, r11, lsl #16\n"
#define SMG_EXPAND_STORE   \
    SMG_EXPAND_SCALE("r4") \
    SMG_EXPAND_SCALE("r5") \
    SMG_EXPAND_SCALE("r6") \
    SMG_EXPAND_SCALE("r7") \
    "stmia r1!, {r4-r7}\n"

#if SMG_IN_C % 4 == 1
#define SMG_EXPAND_REST SMG_EXPAND_FIRST("0") SMG_EXPAND_STORE
#elif SMG_IN_C % 4 == 2
#define SMG_EXPAND_REST SMG_EXPAND_FIRST("0") SMG_EXPAND_SECOND("1") SMG_EXPAND_STORE
#elif SMG_IN_C % 4 == 3
#define SMG_EXPAND_REST \
    SMG_EXPAND_FIRST("0") SMG_EXPAND_SECOND("2") SMG_EXPAND_STORE SMG_EXPAND_FIRST("1") SMG_EXPAND_STORE
#else
#define SMG_EXPAND_REST ""
#endif

/* to (groups, SMG_STEPS, 4), with room for sums between chunks, from x (groups, 4, SMG_IN_C). */
__attribute__((naked, noinline)) static void smg_pointwise_expand(const int8_t *x __attribute__((unused)),
                                                                  uint32_t *to __attribute__((unused)),
                                                                  int32_t groups __attribute__((unused))) {
    __asm__(
        "push {r4-r11, lr}\n"
#if SMG_NARROW
        "mov r3, #0xff00ff00\n"
#endif
        "1:\n"
        ".irp q, 0, 1, 2, 3, 4, 5, 6, 7\n"
        ".if \\q < " SMG_TEXT(
            SMG_CHUNKS) "\n"
                        ".if \\q + 1 < " SMG_TEXT(
                            SMG_CHUNKS) "\n"
                                        ".set smg_quads, " SMG_TEXT(
                                            SMG_CHUNK_STEPS) "/2\n"
                                                             ".else\n"
                                                             ".set smg_quads, " SMG_TEXT(SMG_IN_C) "/4-\\q*" SMG_TEXT(
                                                                 SMG_CHUNK_STEPS) "/2\n"
                                                                                  ".endif\n"
                                                                                  ".if smg_quads >= 2\n"
                                                                                  ".if \\q + 1 < " SMG_TEXT(
                                                                                      SMG_CHUNKS) "\n"
                                                                                                  "add lr, r0, "
                                                                                                  "#" SMG_TEXT(
                                                                                                      SMG_CHUNK_STEPS) "/4*8\n"
                                                                                                                       ".else\n"
                                                                                                                       "add lr, r0, #(" SMG_TEXT(SMG_IN_C) "/4-\\q*" SMG_TEXT(
                                                                                                                           SMG_CHUNK_STEPS) "/2)/2*8\n"
                                                                                                                                            ".endif\n"
                                                                                                                                            ".p2align 2\n"
                                                                                                                                            "2:\n" SMG_EXPAND_QUAD SMG_EXPAND_QUAD
                                                                                                                                            "cmp r0, lr\n"
                                                                                                                                            "bne 2b\n"
                                                                                                                                            ".endif\n"
                                                                                                                                            ".if smg_quads % 2 == 1\n" SMG_EXPAND_QUAD
                                                                                                                                            ".endif\n"
                                                                                                                                            ".if \\q + 1 < " SMG_TEXT(
                                                                                                                                                SMG_CHUNKS) "\n"
                                                                                                                                                            "adds r1, #32\n"
                                                                                                                                                            ".endif\n"
                                                                                                                                                            ".endif\n"
                                                                                                                                                            ".endr\n" SMG_EXPAND_REST
                                                                                                                                                            "add r0, r0, #3*" SMG_TEXT(SMG_IN_C) "+" SMG_TEXT(
                                                                                                                                                                SMG_IN_C) "%4\n"
                                                                                                                                                                          "subs r2, #1\n"
                                                                                                                                                                          "bne 1b\n"
                                                                                                                                                                          "pop {r4-r11, pc}\n");
}
#else
static void smg_pointwise_expand(const int8_t *x, uint32_t *to, int32_t groups) {
    const uint32_t scale = SMG_NARROW ? 256 : 1;
    for (int32_t i = 0; i < groups * 4; i++) {
        uint32_t *group = to + i / 4 * SMG_GROUP_WORDS + i % 4;
        for (int32_t k = 0; k < SMG_IN_C; k += 4) {
            uint32_t lanes[4] = {0, 0, 0, 0};
            for (int32_t j = 0; j < 4 && k + j < SMG_IN_C; j++)
                lanes[j] = (uint32_t)x[i * SMG_IN_C + k + j] * scale & 0xffffU;
            const int pairs = SMG_IN_C - k == 2; /* the last two inputs share a step */
            group[SMG_STEP_WORD(k / 2)] = lanes[0] | lanes[pairs ? 1 : 2] << 16;
            if (SMG_IN_C - k > 2) group[SMG_STEP_WORD(k / 2 + 1)] = lanes[1] | lanes[3] << 16;
        }
    }
}
#endif
#endif
