/* SPDX-License-Identifier: Apache-2.0 */
/* Column words: of each of four channels, the same pixel of two rows as two int16 in one word, so that one SMLAD takes
 * two taps of one channel. Needs SMG_IN_W, SMG_CHANNELS, SMG_ROW_BYTES (of a plane's row of words) and SMG_PLANE_BYTES
 * (of one channel's plane). */
#ifndef SMG_DEPTHWISE_COLUMNS_INC_H
#define SMG_DEPTHWISE_COLUMNS_INC_H
#include "smg_depthwise_assembly.inc.h"

#define SMG_GROUP (SMG_CHANNELS < 4 ? SMG_CHANNELS : 4)
#define SMG_IN_ROW_BYTES (SMG_IN_W * SMG_CHANNELS)

#if SMG_DEPTHWISE_ASSEMBLY && SMG_CHANNELS >= 4
/* r0 and r3: planes 0 and 2, r1 and r2: the rows, r4 .. r9 free, r10: four zero points. */
#define SMG_ASM_PUT(p, q)                                                                                            \
    "pkhbt r8, " p ", " q ", lsl #16\n"                                                                              \
    "pkhtb r9, " q ", " p ", asr #16\n"                                                                              \
    "sxtb16 " p ", r8, ror #8\n"                                                                                     \
    "str " p ", [r0, #" SMG_TEXT(SMG_PLANE_BYTES) "]\n"                                                              \
                                                  "sxtb16 " p ", r8\n"                                               \
                                                  "str " p ", [r0], #4\n"                                            \
                                                  "sxtb16 " p ", r9, ror #8\n"                                       \
                                                  "str " p ", [r3, #" SMG_TEXT(SMG_PLANE_BYTES) "]\n"                \
                                                                                                "sxtb16 " p ", r9\n" \
                                                                                                "str " p             \
                                                                                                ", [r3], #4\n"
/* From a pixel to the next one of its row: where words of all rows are neighbours, that is two rows further. */
#if SMG_ROW_BYTES == 4
#define SMG_PIXEL_STEP (2 * SMG_CHANNELS)
#else
#define SMG_PIXEL_STEP SMG_CHANNELS
#endif
#define SMG_ASM_NEXT_PIXEL "#" SMG_IMMEDIATE(SMG_PIXEL_STEP)
#if SMG_PIXEL_STEP < 256
#define SMG_ASM_LOAD_BOTH(count)             \
    "ldr r4, [r1], " SMG_ASM_NEXT_PIXEL "\n" \
    "ldr r5, [r2], " SMG_ASM_NEXT_PIXEL "\n" \
    ".if " count " == 2\n"                   \
    "ldr r6, [r1], " SMG_ASM_NEXT_PIXEL "\n" \
    "ldr r7, [r2], " SMG_ASM_NEXT_PIXEL "\n" \
    ".endif\n"
#define SMG_ASM_LOAD_ONE(count)              \
    "ldr r4, [r1], " SMG_ASM_NEXT_PIXEL "\n" \
    ".if " count " == 2\n"                   \
    "ldr r6, [r1], " SMG_ASM_NEXT_PIXEL "\n" \
    ".endif\n"
#else
#define SMG_ASM_LOAD_BOTH(count)                      \
    "ldr r4, [r1]\n"                                  \
    "ldr r5, [r2]\n"                                  \
    ".if " count " == 2\n"                            \
    "ldr r6, [r1, " SMG_ASM_NEXT_PIXEL "]\n"          \
    "ldr r7, [r2, " SMG_ASM_NEXT_PIXEL "]\n"          \
    ".endif\n"                                        \
    "addw r1, r1, " SMG_ASM_NEXT_PIXEL "*" count "\n" \
    "addw r2, r2, " SMG_ASM_NEXT_PIXEL "*" count "\n"
#define SMG_ASM_LOAD_ONE(count)              \
    "ldr r4, [r1]\n"                         \
    ".if " count " == 2\n"                   \
    "ldr r6, [r1, " SMG_ASM_NEXT_PIXEL "]\n" \
    ".endif\n"                               \
    "addw r1, r1, " SMG_ASM_NEXT_PIXEL "*" count "\n"
#endif
#define SMG_ASM_BOTH(count) \
    SMG_ASM_LOAD_BOTH(count) SMG_ASM_PUT("r4", "r5") ".if " count " == 2\n" SMG_ASM_PUT("r6", "r7") ".endif\n"
#define SMG_ASM_LOWER(count)                                       \
    SMG_ASM_LOAD_ONE(count)                                        \
    "mov r5, r10\n" SMG_ASM_PUT("r5", "r4") ".if " count " == 2\n" \
                                            "mov r5, r10\n" SMG_ASM_PUT("r5", "r6") ".endif\n"
#define SMG_ASM_UPPER(count) \
    SMG_ASM_LOAD_ONE(count) SMG_ASM_PUT("r4", "r10") ".if " count " == 2\n" SMG_ASM_PUT("r6", "r10") ".endif\n"

/* One row of column words, two pixels at a time. */
#if SMG_IN_W >= 6
#define SMG_ASM_ROW(kind)                                                                            \
    "mov r11, #" SMG_TEXT(SMG_IN_W) "/2\n1:\n" kind("2") "subs r11, r11, #1\nbne 1b\n.if " SMG_TEXT( \
        SMG_IN_W) "%2\n" kind("1") ".endif\n"
#else
#define SMG_ASM_ROW(kind) \
    ".rept " SMG_TEXT(SMG_IN_W) "/2\n" kind("2") ".endr\n.if " SMG_TEXT(SMG_IN_W) "%2\n" kind("1") ".endif\n"
#endif

/* All rows of words; r12: how many. */
#if SMG_ROW_BYTES == 4
#define SMG_ASM_ROWS                                \
    "lsrs r11, r12, #1\n"                           \
    "beq 3f\n"                                      \
    "2:\n" SMG_ASM_BOTH("2") "subs r11, r11, #1\n"  \
                             "bne 2b\n"             \
                             "3:\n"                 \
                             "lsls r12, r12, #31\n" \
                             "beq 4f\n" SMG_ASM_BOTH("1") "4:\n"
#else
#define SMG_ASM_ROWS                                                                                                 \
    "2:\n" SMG_ASM_ROW(SMG_ASM_BOTH) "ADDI r0, r0, " SMG_IMMEDIATE(                                                  \
        SMG_ROW_BYTES -                                                                                              \
        4 * SMG_IN_W) "\n"                                                                                           \
                      "mov r1, r2\n"                                                                                 \
                      "ADDI r3, r0, " SMG_IMMEDIATE(2 * SMG_PLANE_BYTES) "\n"                                        \
                                                                         "ADDI r2, r1, " SMG_IMMEDIATE(              \
                                                                             SMG_IN_ROW_BYTES) "\n"                  \
                                                                                               "subs r12, r12, #1\n" \
                                                                                               "bne 2b\n"
#endif

/* ``count`` rows of words from as many pairs of rows of x (in_h, in_w, channels), four channels. */
__attribute__((naked, noinline)) static void smg_depthwise_pairs(char *planes __attribute__((unused)),
                                                                 const int8_t *x __attribute__((unused)),
                                                                 int32_t count __attribute__((unused))) {
    __asm__(SMG_ASM_ADDI "push {r4-r11, lr}\n"
                         "mov r12, r2\n"
                         "ADDI r2, r1, " SMG_IMMEDIATE(SMG_IN_ROW_BYTES) "\n"
                                                                         "ADDI r3, r0, " SMG_IMMEDIATE(
                                                                             2 * SMG_PLANE_BYTES) "\n" SMG_ASM_ROWS
                                                                                                  "pop {r4-r11, pc}\n"
                                                                                                  ".purgem ADDI\n");
}

/* A row of words whose upper row is padding: ``pad`` holds four zero points. */
__attribute__((naked, noinline)) static void smg_depthwise_lower(char *planes __attribute__((unused)),
                                                                 const int8_t *x __attribute__((unused)),
                                                                 uint32_t pad __attribute__((unused))) {
    __asm__(SMG_ASM_ADDI
            "push {r4-r11, lr}\n"
            "mov r10, r2\n"
            "ADDI r3, r0, " SMG_IMMEDIATE(2 * SMG_PLANE_BYTES) "\n" SMG_ASM_ROW(SMG_ASM_LOWER) "pop {r4-r11, pc}\n"
                                                                                               ".purgem ADDI\n");
}

/* The same for padding below. */
__attribute__((naked, noinline)) static void smg_depthwise_upper(char *planes __attribute__((unused)),
                                                                 const int8_t *x __attribute__((unused)),
                                                                 uint32_t pad __attribute__((unused))) {
    __asm__(SMG_ASM_ADDI
            "push {r4-r11, lr}\n"
            "mov r10, r2\n"
            "ADDI r3, r0, " SMG_IMMEDIATE(2 * SMG_PLANE_BYTES) "\n" SMG_ASM_ROW(SMG_ASM_UPPER) "pop {r4-r11, pc}\n"
                                                                                               ".purgem ADDI\n");
}
#else
SMG_INLINE uint32_t *smg_words(char *plane) { return (uint32_t *)(void *)plane; }

/* One pixel of two rows, up to four channels; a null row is padding. */
SMG_INLINE void smg_depthwise_put(char *planes, const int8_t *upper, const int8_t *lower, int32_t pad) {
    for (int32_t c = 0; c < SMG_GROUP; c++) {
        const int32_t top = upper ? upper[c] : pad, bottom = lower ? lower[c] : pad;
        *smg_words(planes + c * SMG_PLANE_BYTES) = ((uint32_t)top & 0xffffU) | (uint32_t)bottom << 16;
    }
}
static void smg_depthwise_pairs(char *planes, const int8_t *x, int32_t count) {
    for (int32_t k = 0; k < count; k++, planes += SMG_ROW_BYTES, x += 2 * SMG_IN_ROW_BYTES) {
        for (int32_t i = 0; i < SMG_IN_W; i++) {
            const int8_t *pixel = x + i * SMG_CHANNELS;
            smg_depthwise_put(planes + 4 * i, pixel, pixel + SMG_IN_ROW_BYTES, 0);
        }
    }
}
static void smg_depthwise_lower(char *planes, const int8_t *x, uint32_t pad) {
    for (int32_t i = 0; i < SMG_IN_W; i++) smg_depthwise_put(planes + 4 * i, 0, x + i * SMG_CHANNELS, (int8_t)pad);
}
static void smg_depthwise_upper(char *planes, const int8_t *x, uint32_t pad) {
    for (int32_t i = 0; i < SMG_IN_W; i++) smg_depthwise_put(planes + 4 * i, x + i * SMG_CHANNELS, 0, (int8_t)pad);
}
#endif

/* ``count`` words, four at a time. */
#if SMG_DEPTHWISE_ASSEMBLY
SMG_INLINE void smg_copy_words(char *to, const char *from, int32_t count) {
    for (; count >= 4; count -= 4) {
        __asm__ volatile("ldm %1!, {r3, r4, r5, r6}\n"
                         "stm %0!, {r3, r4, r5, r6}\n"
                         : "+r"(to), "+r"(from)
                         :
                         : "r3", "r4", "r5", "r6", "memory");
    }
    for (; count > 0; count--, to += 4, from += 4) *(uint32_t *)(void *)to = *(const uint32_t *)(const void *)from;
}
#else
SMG_INLINE void smg_copy_words(char *to, const char *from, int32_t count) {
    for (int32_t i = 0; i < count; i++) ((uint32_t *)(void *)to)[i] = ((const uint32_t *)(const void *)from)[i];
}
#endif

/* ``count`` words of zero points from ``to`` on in each plane; pad: four of them as bytes. */
SMG_SMALL static void smg_depthwise_fill(char *to, uint32_t pad, int32_t count) {
    const uint32_t pads = smg_both((int8_t)pad);
    for (int32_t c = 0; c < SMG_GROUP; c++) {
        uint32_t *word = (uint32_t *)(void *)(to + c * SMG_PLANE_BYTES);
        for (int32_t i = 0; i < count; i++) word[i] = pads;
    }
}
#endif
