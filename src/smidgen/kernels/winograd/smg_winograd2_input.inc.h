/* SPDX-License-Identifier: Apache-2.0 */
/* The input transform of F(2x2, 3x3): rows of int8 pixels become V = B'xB for tiles of 4x4 pixels, two channels a word
 * as int16 lanes: |V| <= 4 * 128. Words hold channels 4q and 4q + 2 (first word) or 4q + 1 and 4q + 3 (second).
 *
 * strip (columns, 2, 4): of each column of pixels, its four vertically transformed values for both words. */
#ifndef SMG_WINOGRAD2_INPUT_INC_H
#define SMG_WINOGRAD2_INPUT_INC_H
#include "smg_winograd.inc.h"

#define SMG_SECOND_OF(zero_point) ((uint32_t)(uint16_t)(2 * (zero_point)) * 0x10001U)

#if SMG_ASSEMBLY
/* clang-format off */
/* Values 0 to 3 of one column or row in d0, d1 in t, d2 in d2, d3 in d3; d1 is kept. */
#define SMG_FOUR(d0, d1, d2, d3, t)                                                                                    \
    "ssub16 " d0 ", " d0 ", " d2 "\n"                                                                                  \
    "sadd16 " t ", " d1 ", " d2 "\n"                                                                                   \
    "ssub16 " d3 ", " d3 ", " d1 "\n"                                                                                  \
    "ssub16 " d2 ", " d2 ", " d1 "\n"
#define SMG_COLUMN(ror, at)                                                                                            \
    "sxtb16 r4, r4" ror "\n"                                                                                           \
    "sxtb16 r5, r5" ror "\n"                                                                                           \
    "sxtb16 r6, r6" ror "\n"                                                                                           \
    "sxtb16 r7, r7" ror "\n"                                                                                           \
    SMG_FOUR("r4", "r5", "r6", "r7", "r8")                                                                             \
    "str r4, [r3, #" at "]\n"                                                                                          \
    "str r8, [r3, #" at "+4]\n"                                                                                        \
    "str r6, [r3, #" at "+8]\n"                                                                                        \
    "str r7, [r3, #" at "+12]\n"

#if SMG_IN_PITCH
#define SMG_LOAD_COLUMN(post)                                                                                          \
    "ldr r6, [r1, #" SMG_TEXT(SMG_IN_PITCH) "]\n"                                                                      \
    "ldr r4, [r0]" post "\n"                                                                                           \
    "ldr r5, [r1]" post "\n"                                                                                           \
    "ldr r7, [r2]" post "\n"

/* count columns of four channels; 38 cycles each. */
SMG_NAKED static void smg_regular_columns(const int8_t *row0, const int8_t *row1, const int8_t *row3, uint32_t *strip,
                                          int32_t count) {
    __asm__ volatile(
        "push {r4-r8, lr}\n"
        "ldr r12, [sp, #24]\n"
        ".p2align 2\n"
        "1:\n"
        SMG_LOAD_COLUMN("")
        SMG_COLUMN("", "0")
        SMG_LOAD_COLUMN(", #" SMG_TEXT(SMG_IN_C))
        SMG_COLUMN(", ror #8", "16")
        "adds r3, r3, #32\n"
        "subs r12, r12, #1\n"
        "bne 1b\n"
        "pop {r4-r8, pc}\n");
}

SMG_INLINE void smg_columns(const smg_rows *rows, int32_t at, uint32_t *strip, int32_t count) {
    smg_regular_columns(rows->row[0] + at, rows->row[1] + at, rows->row[3] + at, strip, count);
}
#else
/* count columns of four channels from byte ``at`` of the rows on; 42 cycles each. */
SMG_NAKED static void smg_columns(const smg_rows *rows, int32_t at, uint32_t *strip, int32_t count) {
    __asm__ volatile(
        "push {r4-r11, lr}\n"
        "mov r12, r3\n"
        "mov r3, r2\n"
        "ldr r9, [r0]\n"
        "ldr r10, [r0, #4]\n"
        "ldr r11, [r0, #8]\n"
        "ldr lr, [r0, #12]\n"
        "mov r0, r1\n"
        ".p2align 2\n"
        "1:\n"
        "ldr r4, [r9, r0]\n"
        "ldr r5, [r10, r0]\n"
        "ldr r6, [r11, r0]\n"
        "ldr r7, [lr, r0]\n"
        SMG_COLUMN("", "0")
        "ldr r4, [r9, r0]\n"
        "ldr r5, [r10, r0]\n"
        "ldr r6, [r11, r0]\n"
        "ldr r7, [lr, r0]\n"
        SMG_COLUMN(", ror #8", "16")
        "add r0, r0, #" SMG_TEXT(SMG_IN_C) "\n"
        "adds r3, r3, #32\n"
        "subs r12, r12, #1\n"
        "bne 1b\n"
        "pop {r4-r11, pc}\n");
}
#endif

/* Offsets of the four positions of a row of V from r1, which moves on by r2 once a row, or twice if they are far. */
#define SMG_V_STRIDE SMG_TEXT(4 * SMG_POSITION_WORDS)
#if 12 * SMG_POSITION_WORDS > 4095
#define SMG_V_STEPS 2
#define SMG_V_MIDDLE "add r1, r1, r2\n"
#define SMG_V_OFFSET(j) "((" #j ")%2)*" SMG_V_STRIDE
#else
#define SMG_V_STEPS 4
#define SMG_V_MIDDLE ""
#define SMG_V_OFFSET(j) "(" #j ")*" SMG_V_STRIDE
#endif
#define SMG_TILE_ROW(i)                                                                                                \
    "ldr r4, [r0, #" #i "*4]\n"                                                                                        \
    "ldr r5, [r0, #32+" #i "*4]\n"                                                                                     \
    "ldr r6, [r0, #64+" #i "*4]\n"                                                                                     \
    "ldr r7, [r0, #96+" #i "*4]\n"                                                                                     \
    SMG_FOUR("r4", "r5", "r6", "r7", "r8")                                                                             \
    "str r4, [r1]\n"                                                                                                   \
    "str r8, [r1, #" SMG_V_OFFSET(1) "]\n" SMG_V_MIDDLE                                                                \
    "str r6, [r1, #" SMG_V_OFFSET(2) "]\n"                                                                             \
    "str r7, [r1, #" SMG_V_OFFSET(3) "]\n"
#define SMG_NEXT_ROW "add r1, r1, r2\n"

/* Tiles first .. end - 1 of a unit from one word of the strip; v points at tile first. next: bytes to move on a row. */
SMG_NAKED static void smg_tiles_from(const uint32_t *strip, uint32_t *v, uint32_t next, int32_t first, int32_t end,
                                     uint32_t over) {
    __asm__ volatile(
        "push {r4-r11, lr}\n"
        "ldr r10, [sp, #36]\n"
        "ldr r11, [sp, #40]\n"
        "mov r9, r1\n"
        ".p2align 2\n"
        "1:\n"
        SMG_TILE_ROW(0) SMG_NEXT_ROW SMG_TILE_ROW(1) SMG_NEXT_ROW SMG_TILE_ROW(2) SMG_NEXT_ROW SMG_TILE_ROW(3)
        "add r9, r9, #4\n"
        "adds r0, r0, #64\n"
        "adds r3, r3, #1\n"
        "tst r3, #" SMG_TEXT(SMG_BLOCK) "-1\n"
        "it eq\n"
        "addeq r9, r9, r11\n"
        "mov r1, r9\n"
        "cmp r3, r10\n"
        "bne 1b\n"
        "pop {r4-r11, pc}\n");
}

SMG_INLINE void smg_tiles(const uint32_t *strip, uint32_t *v, int32_t first, int32_t end) {
    smg_tiles_from(strip, v, SMG_V_STEPS * 4 * SMG_POSITION_WORDS, first, end, 4 * (SMG_BLOCK_STEP - SMG_BLOCK));
}
/* clang-format on */
#else
/* a - b in both int16 lanes. */
SMG_INLINE uint32_t smg_less16(uint32_t a, uint32_t b) {
    return smg_sadd16(a, smg_lanes(-smg_lane(b, 0), -smg_lane(b, 1)));
}

/* B' of one column or row. */
SMG_INLINE void smg_four_inputs(const uint32_t *d, uint32_t *to, int32_t to_step) {
    to[0] = smg_less16(d[0], d[2]);
    to[to_step] = smg_sadd16(d[1], d[2]);
    to[2 * to_step] = smg_less16(d[2], d[1]);
    to[3 * to_step] = smg_less16(d[3], d[1]);
}

/* count columns of four channels from byte ``at`` of the rows on. */
SMG_INLINE void smg_columns(const smg_rows *rows, int32_t at, uint32_t *strip, int32_t count) {
    for (int32_t column = 0; column < count; column++, at += SMG_IN_C) {
        for (int32_t odd = 0; odd < 2; odd++, strip += 4) {
            uint32_t d[4];
            for (int32_t i = 0; i < 4; i++) {
#if SMG_IN_PITCH
                const int8_t *row = i == 2 ? rows->row[1] + SMG_IN_PITCH : rows->row[i];
#else
                const int8_t *row = rows->row[i];
#endif
                d[i] = smg_lanes(row[at + odd], row[at + odd + 2]);
            }
            smg_four_inputs(d, strip, 1);
        }
    }
}

/* Tiles first .. end - 1 of a unit from one word of the strip; v points at tile first. */
SMG_INLINE void smg_tiles(const uint32_t *strip, uint32_t *v, int32_t first, int32_t end) {
    for (int32_t tile = first; tile < end; tile++, strip += 16) {
        uint32_t *to = v + (tile / SMG_BLOCK - first / SMG_BLOCK) * SMG_BLOCK_STEP + tile % SMG_BLOCK;
        to -= first % SMG_BLOCK;
        for (int32_t i = 0; i < 4; i++) {
            const uint32_t d[4] = {strip[i], strip[8 + i], strip[16 + i], strip[24 + i]};
            smg_four_inputs(d, to + 4 * i * SMG_POSITION_WORDS, SMG_POSITION_WORDS);
        }
    }
}
#endif
#endif
