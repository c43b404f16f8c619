/* SPDX-License-Identifier: Apache-2.0 */
/* Sums over many pixels, channel by channel: four bytes at a time into int16 lanes (SXTAB16), which are emptied into
 * words before they could overflow. */
#ifndef SMG_CHANNEL_SUMS_H
#define SMG_CHANNEL_SUMS_H
#include "smg_dsp.h"
#include "smg_memory.h"

enum { SMG_LANE_PIXELS = 256 }; /* 256 * -128 is the least int16 */

/* lanes (words, 2) += the even and odd bytes of count pixels, each 4 * words channels wide, step bytes apart. */
SMG_INLINE void smg_add_words(int32_t words, const int8_t *x, int32_t step, int32_t count, uint32_t *lanes) {
    for (int32_t i = 0; i < words; i++, x += 4) {
        uint32_t even = lanes[2 * i], odd = lanes[2 * i + 1];
        for (int32_t at = 0, left = count; left > 0; left--, at += step) {
            const uint32_t v = smg_load32(x + at);
            even = smg_sxtab16(even, v);
            odd = smg_sxtab16_odd(odd, v);
        }
        lanes[2 * i] = even;
        lanes[2 * i + 1] = odd;
    }
}

/* The same for 16 channels, count at least 1. */
#if defined(__ARM_FEATURE_SIMD32)
#define SMG_ADD_EVEN_ODD(even, odd, v)    \
    "sxtab16 " even ", " even ", " v "\n" \
    "sxtab16 " odd ", " odd ", " v ", ror #8\n"
static __attribute__((naked, noinline)) void smg_add_16_channels(const int8_t *x __attribute__((unused)),
                                                                 int32_t step __attribute__((unused)),
                                                                 int32_t count __attribute__((unused)),
                                                                 uint32_t *lanes /* (4, 2) */ __attribute__((unused))) {
    /* All lanes in r4 to r11; two pixels a turn, 33 cycles: loads in threes, for the second and third take one each. */
    __asm__("push {r3-r11, lr}\n"
            "ldm r3, {r4-r11}\n"
            "lsls r3, r2, #31\n"
            "beq 1f\n"
            "ldr r3, [r0]\n"
            "ldr r12, [r0, #4]\n"
            "ldr lr, [r0, #8]\n" SMG_ADD_EVEN_ODD("r4", "r5", "r3") SMG_ADD_EVEN_ODD(
                "r6", "r7",
                "r12") "ldr r3, [r0, #12]\n"
                       "add r0, r0, r1\n" SMG_ADD_EVEN_ODD("r8", "r9", "lr") SMG_ADD_EVEN_ODD(
                           "r10", "r11",
                           "r3") "subs r2, r2, #1\n"
                                 "beq 2f\n"
                                 ".balign 4\n"
                                 "1:\n"
                                 "ldr.w r3, [r0]\n"
                                 "ldr.w r12, [r0, #4]\n"
                                 "ldr.w lr, [r0, #8]\n" SMG_ADD_EVEN_ODD("r4", "r5", "r3")
                                     SMG_ADD_EVEN_ODD("r6", "r7", "r12") SMG_ADD_EVEN_ODD(
                                         "r8", "r9",
                                         "lr") "ldr r3, [r0, #12]\n"
                                               "ldr r12, [r0, r1]\n"
                                               "add r0, r0, r1\n" SMG_ADD_EVEN_ODD("r10", "r11", "r3") SMG_ADD_EVEN_ODD(
                                                   "r4", "r5",
                                                   "r12") "ldr r3, [r0, #4]\n"
                                                          "ldr r12, [r0, #8]\n"
                                                          "ldr lr, [r0, #12]\n"
                                                          "add r0, r0, r1\n" SMG_ADD_EVEN_ODD("r6", "r7", "r3")
                                                              SMG_ADD_EVEN_ODD("r8", "r9", "r12") SMG_ADD_EVEN_ODD(
                                                                  "r10", "r11", "lr") "subs r2, r2, #2\n"
                                                                                      "bne 1b\n"
                                                                                      "2:\n"
                                                                                      "ldr r3, [sp]\n"
                                                                                      "stm r3, {r4-r11}\n"
                                                                                      "pop {r3-r11, pc}\n");
}
#undef SMG_ADD_EVEN_ODD
#else
SMG_INLINE void smg_add_16_channels(const int8_t *x, int32_t step, int32_t count, uint32_t *lanes /* (4, 2) */) {
    smg_add_words(4, x, step, count, lanes);
}
#endif

/* sums (words, 4) += lanes (words, 2), which become 0. */
SMG_INLINE void smg_empty_lanes(int32_t words, uint32_t *lanes, int32_t *sums) {
    for (int32_t i = 0; i < words; i++, lanes += 2, sums += 4) {
        sums[0] += (int16_t)lanes[0];
        sums[1] += (int16_t)lanes[1];
        sums[2] += (int16_t)(lanes[0] >> 16);
        sums[3] += (int16_t)(lanes[1] >> 16);
        lanes[0] = lanes[1] = 0;
    }
}

/* sums (words, 4): of 4 * words channels, words 1 or 4, over x (rows, columns), pixels step bytes and rows pitch bytes
 * apart. columns at least 1. */
static __attribute__((noinline)) void smg_channel_sums(int32_t words, const int8_t *x, int32_t step, int32_t columns,
                                                       int32_t pitch, int32_t rows, int32_t *sums) {
    uint32_t lanes[8] = {0};
    int32_t room = SMG_LANE_PIXELS;
    for (int32_t i = 0; i < 4 * words; i++) sums[i] = 0;
    for (int32_t row = 0; row < rows; row++) {
        for (int32_t done = 0; done < columns;) {
            const int32_t run = columns - done < room ? columns - done : room;
            const int8_t *const first = x + row * pitch + done * step;
            if (words == 4) {
                smg_add_16_channels(first, step, run, lanes);
            } else {
                smg_add_words(1, first, step, run, lanes);
            }
            done += run;
            room -= run;
            if (room == 0) {
                smg_empty_lanes(words, lanes, sums);
                room = SMG_LANE_PIXELS;
            }
        }
    }
    smg_empty_lanes(words, lanes, sums);
}
#endif
