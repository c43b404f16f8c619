/* SPDX-License-Identifier: Apache-2.0 */
/* Pixels of int8 to int16 in the order in which two SXTB16 leave them: of channels 4q .. 4q + 3 the words (4q, 4q + 2)
 * and (4q + 1, 4q + 3); what is left: one channel (k, any), two (k, k + 1), three (k, k + 2) and (k + 1, any). Weights
 * in the places of "any" are zero. An instance defines SMG_IN_C. */
#ifndef SMG_STRIP_H
#define SMG_STRIP_H
#include "smg_dsp.h"
#include "smg_memory.h"

#define SMG_PIXEL_WORDS (SMG_IN_C / 4 * 2 + (SMG_IN_C % 4 + 2) / 3 + SMG_IN_C % 4 / 3)
SMG_INLINE int32_t smg_pixel_words(int32_t in_c) { return (void)in_c, SMG_PIXEL_WORDS; }

#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)
/* clang-format off */
#define SMG_WIDEN(v, at) "sxtb16 r12, " v "\n" "sxtb16 " v ", " v ", ror #8\n" \
    "str r12, [%[to], #" at "]\n" "str " v ", [%[to], #" at " + 4]\n"
#define SMG_WIDEN_FIRST(v, all) "sxtb16 r12, " v "\n" "sxtb16 " v ", " v ", ror #8\n" \
    "str r12, [%[to]], #" all "\n" "str " v ", [%[to], #4 - " all "]\n"
#define SMG_SIXTEEN                                                             \
    "ldr r0, [%[from], #4]\n" "ldr r1, [%[from], #8]\n" "ldr r2, [%[from], #12]\n" "ldr r3, [%[from]], #16\n" \
    SMG_WIDEN_FIRST("r3", "32") SMG_WIDEN("r0", "-24") SMG_WIDEN("r1", "-16") SMG_WIDEN("r2", "-8")
#define SMG_PIXEL_TO_WORDS                                                      \
    ".if " SMG_TEXT_(SMG_IN_C) " >= 80\n" /* a loop, for the sake of code bytes */ \
    "add %[last], %[to], #" SMG_TEXT_(SMG_IN_C) " / 16 * 32\n"                  \
    "2:\n" SMG_SIXTEEN                                                          \
    "cmp %[to], %[last]\n"                                                      \
    "bne 2b\n"                                                                  \
    ".else\n"                                                                   \
    ".rept " SMG_TEXT_(SMG_IN_C) " / 16\n" SMG_SIXTEEN ".endr\n"                \
    ".endif\n"                                                                  \
    ".rept " SMG_TEXT_(SMG_IN_C) " %% 16 / 8\n"                                  \
    "ldr r0, [%[from], #4]\n" "ldr r3, [%[from]], #8\n"                         \
    SMG_WIDEN_FIRST("r3", "16") SMG_WIDEN("r0", "-8")                           \
    ".endr\n"                                                                   \
    ".rept " SMG_TEXT_(SMG_IN_C) " %% 8 / 4\n"                                   \
    "ldr r3, [%[from]], #4\n" SMG_WIDEN_FIRST("r3", "8")                        \
    ".endr\n"                                                                   \
    ".if " SMG_TEXT_(SMG_IN_C) " %% 4 == 1\n"                                    \
    "ldrsb r0, [%[from]], #1\n" "str r0, [%[to]], #4\n"                         \
    ".elseif " SMG_TEXT_(SMG_IN_C) " %% 4 == 2\n"                                \
    "ldrsb r1, [%[from], #1]\n" "ldrsb r0, [%[from]], #2\n"                     \
    "pkhbt r0, r0, r1, lsl #16\n" "str r0, [%[to]], #4\n"                       \
    ".elseif " SMG_TEXT_(SMG_IN_C) " %% 4 == 3\n"                                \
    "ldrsb r1, [%[from], #1]\n" "ldrsb r2, [%[from], #2]\n" "ldrsb r0, [%[from]], #3\n" \
    "pkhbt r0, r0, r2, lsl #16\n" "str r0, [%[to]], #8\n" "str r1, [%[to], #-4]\n" \
    ".endif\n"
#define SMG_TEXT_OF_(value) #value
#define SMG_TEXT_(value) SMG_TEXT_OF_(value)

/* count >= 1 pixels, every from_step bytes, to every to_step words. */
__attribute__((noinline, unused)) static void smg_expand_pixels(uint32_t *to, int32_t to_step, const int8_t *from,
                                                                int32_t from_step, int32_t count) {
    const uint32_t *end = to + count * to_step;
    const int32_t to_gap = 4 * (to_step - SMG_PIXEL_WORDS), from_gap = from_step - SMG_IN_C;
    const uint32_t *last;
    __asm__ volatile(".p2align 2\n"
                     "1:\n" SMG_PIXEL_TO_WORDS
                     "add %[to], %[to], %[to_gap]\n"
                     "add %[from], %[from], %[from_gap]\n"
                     "cmp %[to], %[end]\n"
                     "bne 1b\n"
                     : [to] "+r"(to), [from] "+r"(from), [last] "=&r"(last)
                     : [end] "r"(end), [to_gap] "r"(to_gap), [from_gap] "r"(from_gap)
                     : "r0", "r1", "r2", "r3", "r12", "cc", "memory");
}
/* clang-format on */
#else
/* count >= 1 pixels, every from_step bytes, to every to_step words. */
SMG_INLINE void smg_expand_pixels(uint32_t *to, int32_t to_step, const int8_t *from, int32_t from_step, int32_t count) {
    for (int32_t i = 0; i < count; i++, to += to_step, from += from_step) {
        uint32_t *word = to;
        int32_t k = 0;
        for (; k + 4 <= SMG_IN_C; k += 4, word += 2) {
            const uint32_t v = smg_load32(from + k);
            word[0] = smg_sxtb16(v);
            word[1] = smg_sxtb16_odd(v);
        }
        if (k < SMG_IN_C) {
            const int32_t rest = SMG_IN_C - k;
            word[0] = smg_lanes(from[k], rest == 1 ? 0 : from[k + rest - 1]);
            if (rest == 3) word[1] = smg_lanes(from[k + 1], 0);
        }
    }
}
#endif

#endif
