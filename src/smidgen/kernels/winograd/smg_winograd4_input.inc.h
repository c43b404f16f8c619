/* SPDX-License-Identifier: Apache-2.0 */
/* The input transform of F(4x4, 3x3): rows of int8 pixels become V = B'(u + D)B, u = x + 128, for tiles of 6x6 pixels.
 *
 * Two channels travel in one word as the integer high * 65536 + low with a signed low part, so that every linear map
 * is plain addition with shifted operands, modulo 2^32. The halves are right at the end because no low part of V is
 * negative: D is 12800 at rows 4, 5 x columns 4, 5 of a tile, which raises all 36 values by 12800, and without it
 * they lie in -12750 .. 17340. Words hold channels 4q and 4q + 2 (first word) or 4q + 1 and 4q + 3 (second).
 *
 * strip (columns, 2, 6): of each column of pixels, its six vertically transformed values for both words. */
#ifndef SMG_WINOGRAD4_INPUT_INC_H
#define SMG_WINOGRAD4_INPUT_INC_H
#include "smg_winograd.inc.h"

#define SMG_RAISED 0x32003200U /* 12800 in both halves */
#define SMG_SECOND_OF(zero_point) ((uint32_t)-6 * (uint32_t)(128 + (zero_point)) * 0x10001U)

#if SMG_ASSEMBLY
/* clang-format off */
/* Values 0 to 5 of one column or row in d0, t1 in d3, t2 in d4, t3 in d1, t4 in d2, t5 in d5; c and f are lost. */
#define SMG_SIX(d0, d1, d2, d3, d4, d5, c, f)                                                                          \
    "sub " f ", " d3 ", " d1 "\n"                                                                                      \
    "sub " c ", " d4 ", " d2 "\n"                                                                                      \
    "sub " d1 ", " d3 ", " d1 ", lsl #2\n"                                                                             \
    "sub " d5 ", " d5 ", " d3 "\n"                                                                                     \
    "sub " d0 ", " d0 ", " d2 "\n"                                                                                     \
    "sub " d2 ", " d4 ", " d2 ", lsl #2\n"                                                                             \
    "add " d0 ", " c ", " d0 ", lsl #2\n"                                                                              \
    "sub " d5 ", " d5 ", " f ", lsl #2\n"                                                                              \
    "add " d3 ", " d2 ", " d1 "\n"                                                                                     \
    "sub " d4 ", " d2 ", " d1 "\n"                                                                                     \
    "add " d1 ", " c ", " f ", lsl #1\n"                                                                               \
    "sub " d2 ", " c ", " f ", lsl #1\n"

/* Six bytes pairs, 128 more each, transformed and stored. */
#define SMG_COLUMN(ror, at)                                                                                            \
    "sxtab16 r4, lr, r4" ror "\n"                                                                                      \
    "sxtab16 r5, lr, r5" ror "\n"                                                                                      \
    "sxtab16 r6, lr, r6" ror "\n"                                                                                      \
    "sxtab16 r7, lr, r7" ror "\n"                                                                                      \
    "sxtab16 r8, lr, r8" ror "\n"                                                                                      \
    "sxtab16 r9, lr, r9" ror "\n" SMG_SIX("r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11")                            \
    "str r7, [r3, #" at "+4]\n"                                                                                        \
    "str r8, [r3, #" at "+8]\n"                                                                                        \
    "str r5, [r3, #" at "+12]\n"                                                                                       \
    "str r6, [r3, #" at "+16]\n"                                                                                       \
    "str r9, [r3, #" at "+20]\n"

#if SMG_IN_PITCH
#define SMG_LOAD_COLUMN(post0, post1, post5)                                                                           \
    "ldr r6, [r1, #" SMG_TEXT(SMG_IN_PITCH) "]\n"                                                                      \
    "ldr r7, [r1, #2*" SMG_TEXT(SMG_IN_PITCH) "]\n"                                                                    \
    "ldr r8, [r1, #3*" SMG_TEXT(SMG_IN_PITCH) "]\n"                                                                    \
    "ldr r4, [r0]" post0 "\n"                                                                                          \
    "ldr r5, [r1]" post1 "\n"                                                                                          \
    "ldr r9, [r2]" post5 "\n"
#define SMG_NEXT_PIXEL ", #" SMG_TEXT(SMG_IN_C)

/* count columns of four channels; 66 cycles each. */
SMG_NAKED static void smg_regular_columns(const int8_t *row0, const int8_t *row1, const int8_t *row5, uint32_t *strip,
                                          int32_t count) {
    __asm__ volatile("push {r4-r11, lr}\n"
                     "mov lr, #0x00800080\n"
                     "ldr r12, [sp, #36]\n"
                     ".p2align 2\n"
                     "1:\n" SMG_LOAD_COLUMN("", "", "") SMG_COLUMN("", "0") "str r4, [r3]\n" SMG_LOAD_COLUMN(
                         SMG_NEXT_PIXEL, SMG_NEXT_PIXEL, SMG_NEXT_PIXEL) SMG_COLUMN(", ror #8", "24")
                         "str r4, [r3, #24]\n"
                         "add r3, r3, #48\n"
                         "subs r12, r12, #1\n"
                         "bne 1b\n"
                         "pop {r4-r11, pc}\n");
}

SMG_INLINE void smg_columns(const smg_rows *rows, int32_t at, uint32_t *strip, int32_t count) {
    smg_regular_columns(rows->row[0] + at, rows->row[1] + at, rows->row[5] + at, strip, count);
}
#else
/* count columns of four channels from byte ``at`` of the rows on; 78 cycles each. */
SMG_NAKED static void smg_columns(const smg_rows *rows, int32_t at, uint32_t *strip, int32_t count) {
    __asm__ volatile("push {r4-r11, lr}\n"
                     "vldmia r0, {s0-s5}\n"
                     "mov r0, r1\n"
                     "mov r12, r3\n"
                     "mov r3, r2\n"
                     "mov lr, #0x00800080\n"
                     ".p2align 2\n"
                     "1:\n"
                     "vmov r4, s0\n"
                     "vmov r5, s1\n"
                     "vmov r6, s2\n"
                     "vmov r7, s3\n"
                     "vmov r8, s4\n"
                     "vmov r9, s5\n"
                     "ldr r4, [r4, r0]\n"
                     "ldr r5, [r5, r0]\n"
                     "ldr r6, [r6, r0]\n"
                     "ldr r7, [r7, r0]\n"
                     "ldr r8, [r8, r0]\n"
                     "ldr r9, [r9, r0]\n"
                     "vmov s6, r4\n"
                     "vmov s7, r5\n"
                     "vmov s8, r6\n"
                     "vmov s9, r7\n"
                     "vmov s10, r8\n"
                     "vmov s11, r9\n" SMG_COLUMN("", "0") "str r4, [r3]\n"
                                                          "vmov r4, s6\n"
                                                          "vmov r5, s7\n"
                                                          "vmov r6, s8\n"
                                                          "vmov r7, s9\n"
                                                          "vmov r8, s10\n"
                                                          "vmov r9, s11\n" SMG_COLUMN(", ror #8", "24")
                         "str r4, [r3, #24]\n"
                         "add r0, r0, #" SMG_TEXT(SMG_IN_C) "\n"
                                                            "add r3, r3, #48\n"
                                                            "subs r12, r12, #1\n"
                                                            "bne 1b\n"
                                                            "pop {r4-r11, pc}\n");
}
#endif

/* Offsets of the six positions of a row of V from r1, which moves on by r2 once a row, or twice if they are far. */
#define SMG_V_STRIDE SMG_TEXT(4 * SMG_POSITION_WORDS)
#if 20 * SMG_POSITION_WORDS > 4095
#define SMG_V_STEPS 3
#define SMG_V_MIDDLE "add r1, r1, r2\n"
#define SMG_V_OFFSET(j) "((" #j ")%3)*" SMG_V_STRIDE
#else
#define SMG_V_STEPS 6
#define SMG_V_MIDDLE ""
#define SMG_V_OFFSET(j) "(" #j ")*" SMG_V_STRIDE
#endif
#define SMG_TILE_ROW(i)                                                                                                \
    "ldr r4, [r0, #" #i "*4]\n"                                                                                        \
    "ldr r5, [r0, #48+" #i "*4]\n"                                                                                     \
    "ldr r6, [r0, #96+" #i "*4]\n"                                                                                     \
    "ldr r7, [r0, #144+" #i "*4]\n"                                                                                    \
    "ldr r8, [r0, #192+" #i "*4]\n"                                                                                    \
    "ldr r9, [r0, #240+" #i "*4]\n"                                                                                    \
    "add r8, r8, lr\n"                                                                                                 \
    "add r9, r9, lr\n" SMG_SIX("r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11")                                       \
    "str r4, [r1]\n"                                                                                                   \
    "str r7, [r1, #" SMG_V_OFFSET(1) "]\n"                                                                             \
    "str r8, [r1, #" SMG_V_OFFSET(2) "]\n" SMG_V_MIDDLE                                                                \
    "str r5, [r1, #" SMG_V_OFFSET(3) "]\n"                                                                             \
    "str r6, [r1, #" SMG_V_OFFSET(4) "]\n"                                                                             \
    "str r9, [r1, #" SMG_V_OFFSET(5) "]\n"
#define SMG_NEXT_ROW "add r1, r1, r2\n"

/* Tiles first .. end - 1 of a unit from one word of the strip; v points at tile first. 181 cycles each.
 * next: bytes from one row of positions to the next; the D of a tile's columns is added here, its rows being constant
 * after the vertical transform. */
SMG_NAKED static void smg_tiles_from(const uint32_t *strip, uint32_t *v, uint32_t next, int32_t first, int32_t end,
                                     uint32_t over) {
    __asm__ volatile("push {r4-r11, lr}\n"
                     "ldr r4, [sp, #36]\n"
                     "mov r12, r3\n"
                     "ldr r3, [sp, #40]\n"
                     "vmov s0, r4\n"
                     "vmov s1, r1\n"
                     "mov lr, #0x32003200\n"
                     ".p2align 2\n"
                     "1:\n" SMG_TILE_ROW(0) SMG_NEXT_ROW SMG_TILE_ROW(1) SMG_NEXT_ROW SMG_TILE_ROW(2)
                         SMG_NEXT_ROW SMG_TILE_ROW(3) SMG_NEXT_ROW SMG_TILE_ROW(4) SMG_NEXT_ROW SMG_TILE_ROW(5)
                     "vmov r1, s1\n"
                     "add r0, r0, #192\n"
                     "add r12, r12, #1\n"
                     "add r1, r1, #4\n"
                     "tst r12, #" SMG_TEXT(SMG_BLOCK) "-1\n"
                     "it eq\n"
                     "addeq r1, r1, r3\n"
                     "vmov s1, r1\n"
                     "vmov r4, s0\n"
                     "cmp r12, r4\n"
                     "bne 1b\n"
                     "pop {r4-r11, pc}\n");
}

SMG_INLINE void smg_tiles(const uint32_t *strip, uint32_t *v, int32_t first, int32_t end) {
    smg_tiles_from(strip, v, SMG_V_STEPS * 4 * SMG_POSITION_WORDS, first, end,
                   4 * (SMG_BLOCK_STEP - SMG_BLOCK));
}
/* clang-format on */
#else
/* B' of one column or row, ``step`` words apart. */
SMG_INLINE void smg_six(const uint32_t *d, int32_t step, uint32_t *to, int32_t to_step) {
    const uint32_t d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step], d5 = d[5 * step];
    to[0] = 4 * d0 - 5 * d2 + d4;
    to[to_step] = d3 + d4 - 4 * (d1 + d2);
    to[2 * to_step] = 4 * (d1 - d2) + d4 - d3;
    to[3 * to_step] = d4 - d2 + 2 * (d3 - d1);
    to[4 * to_step] = d4 - d2 - 2 * (d3 - d1);
    to[5 * to_step] = 4 * d1 - 5 * d3 + d5;
}

/* The word ``odd`` of four channels, 128 more each. */
SMG_INLINE uint32_t smg_raised_pair(const int8_t *x, int32_t odd) {
    return (uint32_t)(x[odd] + 128) + ((uint32_t)(x[odd + 2] + 128) << 16);
}

/* count columns of four channels from byte ``at`` of the rows on. */
SMG_INLINE void smg_columns(const smg_rows *rows, int32_t at, uint32_t *strip, int32_t count) {
    for (int32_t column = 0; column < count; column++, at += SMG_IN_C) {
        for (int32_t odd = 0; odd < 2; odd++, strip += 6) {
            uint32_t u[6];
            for (int32_t i = 0; i < 6; i++) {
#if SMG_IN_PITCH
                const int8_t *row = i > 0 && i < 5 ? rows->row[1] + (i - 1) * SMG_IN_PITCH : rows->row[i];
#else
                const int8_t *row = rows->row[i];
#endif
                u[i] = smg_raised_pair(row + at, odd);
            }
            smg_six(u, 1, strip, 1);
        }
    }
}

/* Tiles first .. end - 1 of a unit from one word of the strip; v points at tile first. */
SMG_INLINE void smg_tiles(const uint32_t *strip, uint32_t *v, int32_t first, int32_t end) {
    for (int32_t tile = first; tile < end; tile++, strip += 48) {
        uint32_t *to = v + tile / SMG_BLOCK * SMG_BLOCK_STEP + tile % SMG_BLOCK;
        to -= first / SMG_BLOCK * SMG_BLOCK_STEP + first % SMG_BLOCK;
        for (int32_t i = 0; i < 6; i++) {
            uint32_t d[6];
            for (int32_t j = 0; j < 6; j++) d[j] = strip[12 * j + i] + (j >= 4 ? SMG_RAISED : 0);
            smg_six(d, 1, to + 6 * i * SMG_POSITION_WORDS, SMG_POSITION_WORDS);
        }
    }
}
#endif
#endif
