/* SPDX-License-Identifier: Apache-2.0 */
/* The transforms and products of smg_3x3_stride2.inc.h in assembly: operands stay in registers throughout. */
#include "smg_naked.h"

/* clang-format off */
#define SMG_ONE_TRANSFORM(extend, at)                     \
    "sxtb16 r12, r6" extend "\n"                          \
    "sxtb16 lr, r8" extend "\n"                           \
    "ssub16 r12, r12, lr\n"                               \
    "str r12, [r5, #" at "]\n"                            \
    "str lr, [r5, #8 + " at "]\n"                         \
    "sxtb16 r12, r7" extend "\n"                          \
    "str r12, [r5, #4 + " at "]\n"                        \
    "sxtb16 r12, r10" extend "\n"                         \
    "ssub16 r12, r12, lr\n"                               \
    "str r12, [r5, #12 + " at "]\n"                       \
    "sxtb16 r12, r9" extend "\n"

/* Four channels of count columns: five words of two channels a column into work, as many of the other two behind. */
SMG_NAKED void smg_transform_columns(const int8_t *const rows[5], uint32_t *work, int32_t count) {
    __asm__ volatile(
        "push {r4-r11, lr}\n"
        "mov r5, r1\n"
        "mov r11, r2\n"
        "ldmia r0, {r0-r4}\n"
        ".p2align 2\n"
        "1:\n"
        "ldr r6, [r0], #" SMG_TEXT(SMG_IN_C) "\n"
        "ldr r7, [r1], #" SMG_TEXT(SMG_IN_C) "\n"
        "ldr r8, [r2], #" SMG_TEXT(SMG_IN_C) "\n"
        "ldr r9, [r3], #" SMG_TEXT(SMG_IN_C) "\n"
        "ldr r10, [r4], #" SMG_TEXT(SMG_IN_C) "\n"
        SMG_ONE_TRANSFORM(", ror #8", SMG_TEXT(4 * SMG_HALF_WORDS))
        "str r12, [r5, #16 + " SMG_TEXT(4 * SMG_HALF_WORDS) "]\n"
        SMG_ONE_TRANSFORM("", "0")
        "str r12, [r5, #16]\n"
        "add r5, r5, #20\n"
        "subs r11, r11, #1\n"
        "bne 1b\n"
        "pop {r4-r11, pc}\n");
}

/* A row of five samples, 20 bytes apart, to five of the 25 blocks: registers of a group of four blocks and the place in
 * it. The last store into a group moves its register on to the next tile. */
#define SMG_BLOCK_AT(place) SMG_TEXT(place * SMG_BLOCK_STEPS * 16)
#define SMG_TILE_ROW(i, t0, o0, t1, t2, o1)                                       \
    "ldr r4, [r0, #" i "]\n"                                                      \
    "ldr r5, [r0, #20 + " i "]\n"                                                 \
    "ldr r6, [r0, #40 + " i "]\n"                                                 \
    "ldr r7, [r0, #60 + " i "]\n"                                                 \
    "ldr r8, [r0, #80 + " i "]\n"                                                 \
    "ssub16 r4, r4, r6\n"                                                         \
    "ssub16 r8, r8, r6\n"                                                         \
    "str r5, " o0 "\n" "str r4, " t0 "\n" "str r6, " t1 "\n" "str r7, " o1 "\n" "str r8, " t2 "\n"
#define SMG_IN(group, place) "[" group ", #" SMG_BLOCK_AT(place) "]"

/* Two channels of four tiles, then the other two channels. Registers of the groups of blocks: r1, r2, r3, r9 (A00, A02,
 * A20, A22), r10 (A01, A10), r11 (A12, A21), r12 (A11). */
SMG_NAKED void smg_transform_tiles(const uint32_t *work, uint32_t *tiles) {
    __asm__ volatile(
        "push {r4-r11, lr}\n"
        "movw lr, #" SMG_BLOCK_AT(4) "\n"
        "add r2, r1, lr\n" "add r3, r2, lr\n" "add r9, r3, lr\n" "add r10, r9, lr\n" "add r11, r10, lr\n"
        "add r12, r11, lr\n"
        "mov lr, #8\n"
        ".p2align 2\n"
        "1:\n"
        SMG_TILE_ROW("0", SMG_IN("r1", 0), SMG_IN("r1", 1), SMG_IN("r10", 0), SMG_IN("r2", 0), SMG_IN("r2", 1))
        SMG_TILE_ROW("4", SMG_IN("r1", 2), SMG_IN("r1", 3), SMG_IN("r10", 1), SMG_IN("r2", 2), SMG_IN("r2", 3))
        SMG_TILE_ROW("8", SMG_IN("r10", 2), SMG_IN("r10", 3), SMG_IN("r12", 0), SMG_IN("r11", 0), SMG_IN("r11", 1))
        SMG_TILE_ROW("12", SMG_IN("r3", 0), SMG_IN("r3", 1), SMG_IN("r11", 2), SMG_IN("r9", 0), SMG_IN("r9", 1))
        SMG_TILE_ROW("16", SMG_IN("r3", 2), SMG_IN("r3", 3), SMG_IN("r11", 3), SMG_IN("r9", 2), SMG_IN("r9", 3))
        "add r0, r0, #80\n"
        "add r1, r1, #4\n" "add r2, r2, #4\n" "add r3, r3, #4\n" "add r9, r9, #4\n" "add r10, r10, #4\n"
        "add r11, r11, #4\n" "add r12, r12, #4\n"
        "subs lr, lr, #1\n"
        ".if " SMG_TEXT(SMG_TILES_X) " == 4\n"
        "tst lr, #3\n"
        ".elseif " SMG_TEXT(SMG_TILES_X) " == 2\n"
        "tst lr, #1\n"
        ".endif\n"
        ".if " SMG_TEXT(SMG_TILES_X) " > 1\n"
        "it eq\n"
        "addeq r0, r0, #20\n"
        ".else\n"
        "add r0, r0, #20\n"
        ".endif\n"
        "cmp lr, #0\n"
        "bne 1b\n"
        "pop {r4-r11, pc}\n");
}

/* Two channels of input by four tiles and two channels of output: r4 .. r11 are tile 0 channel 0, tile 0 channel 1, ...
 * r0: tiles; r1: weights. */
#define SMG_STEP(op, s4, s5, s6, s7, s8, s9, s10, s11)    \
    "ldr r2, [r1], #4\n"                                  \
    "ldr r3, [r1], #4\n"                                  \
    "ldr r12, [r0], #4\n"                                 \
    "ldr lr, [r0], #4\n"                                  \
    op " r4, r12, r2" s4 "\n" op " r5, r12, r3" s5 "\n"   \
    op " r6, lr, r2" s6 "\n" op " r7, lr, r3" s7 "\n"     \
    "ldr r12, [r0], #4\n"                                 \
    "ldr lr, [r0], #4\n"                                  \
    op " r8, r12, r2" s8 "\n" op " r9, r12, r3" s9 "\n"   \
    op " r10, lr, r2" s10 "\n" op " r11, lr, r3" s11 "\n"
#define SMG_FIRST_STEP SMG_STEP("smuad", "", "", "", "", "", "", "", "")
#define SMG_START_STEP SMG_STEP("smlad", ", r10", ", r11", ", r10", ", r11", ", r10", ", r11", ", r10", ", r11")
#define SMG_NEXT_STEP SMG_STEP("smlad", ", r4", ", r5", ", r6", ", r7", ", r8", ", r9", ", r10", ", r11")

#define SMG_OUTPUT(sum, to)                               \
    SMG_ASM_REQUANTIZE("lr", sum, "r10", "r11", "r12")    \
    "strb lr, [" to "]\n"

/* Of sums (9, 4 tiles, 2 channels): two channels of four tiles of outputs. s3: pair; s4: sums; s5: y; s6: pitch; s7: y,
 * moving; s8: end of a row of tiles; s11: sums of channel 1. */
#define SMG_PAIR_OUTPUTS \
        "vmov r2, s3\n"                                                                                               \
        "vmov r0, s4\n"                                                                                               \
        "add r4, r0, #4\n"                                                                                            \
        "vmov s11, r4\n"                                                                                              \
        ".p2align 2\n"                                                                                                \
        "7:\n"                                                                                                        \
        "vmov r3, s5\n"                                                                                               \
        "vmov s7, r3\n"                                                                                               \
        "ldr r10, [r2, #4]\n"                                                                                         \
        "ldr r11, [r2, #8]\n"                                                                                         \
        "ldr r12, [r2, #12]\n"                                                                                        \
        ".rept " SMG_TEXT(SMG_TILES_Y) "\n"                                                                           \
        "add r3, r0, #" SMG_TEXT(8 * SMG_TILES_X) "\n"                                                                \
        "vmov s8, r3\n"                                                                                               \
        ".p2align 2\n"                                                                                                \
        "6:\n"                                                                                                        \
        "ldr r1, [r0]\n"                                                                                              \
        "ldr r3, [r0, #32]\n"                                                                                         \
        "ldr r7, [r0, #64]\n"                                                                                         \
        "ldr r9, [r0, #96]\n"                                                                                         \
        "ldr r2, [r0, #128]\n"                                                                                        \
        "ldr r4, [r0, #160]\n"                                                                                        \
        "ldr r6, [r0, #192]\n"                                                                                        \
        "ldr r8, [r0, #224]\n"                                                                                        \
        "ldr r5, [r0, #256]\n"                                                                                        \
        "add r1, r1, r4\n"                                                                                            \
        "add r3, r3, r6\n"                                                                                            \
        "add r4, r4, r7\n"                                                                                            \
        "add r6, r6, r9\n"                                                                                            \
        "add r2, r2, r5\n"                                                                                            \
        "add r5, r5, r8\n"                                                                                            \
        "add r1, r1, r2\n"                                                                                            \
        "add r2, r2, r3\n"                                                                                            \
        "add r4, r4, r5\n"                                                                                            \
        "add r5, r5, r6\n"                                                                                            \
        "vmov r3, s7\n"                                                                                               \
        "vmov r6, s6\n"                                                                                               \
        "add r6, r6, r3\n"                                                                                            \
        SMG_OUTPUT("r1", "r3")                                                                                        \
        SMG_OUTPUT("r2", "r3, #" SMG_TEXT(SMG_OUT_C))                                                                 \
        SMG_OUTPUT("r4", "r6")                                                                                        \
        SMG_OUTPUT("r5", "r6, #" SMG_TEXT(SMG_OUT_C))                                                                 \
        "add r3, r3, #" SMG_TEXT(2 * SMG_OUT_C) "\n"                                                                  \
        "vmov s7, r3\n"                                                                                               \
        "add r0, r0, #8\n"                                                                                            \
        "vmov r3, s8\n"                                                                                               \
        "cmp r0, r3\n"                                                                                                \
        "bne 6b\n"                                                                                                    \
        ".if " SMG_TEXT(SMG_TILES_X) " < 4\n"                                                                         \
        "vmov r3, s7\n"                                                                                               \
        "vmov r6, s6\n"                                                                                               \
        "add r3, r3, r6, lsl #1\n"                                                                                    \
        "sub r3, r3, #" SMG_TEXT(2 * SMG_TILES_X * SMG_OUT_C) "\n"                                                    \
        "vmov s7, r3\n"                                                                                               \
        ".endif\n"                                                                                                    \
        ".endr\n"                                                                                                     \
        "sub r0, r0, #28\n"                                                                                           \
        "vmov r2, s3\n"                                                                                               \
        "add r2, r2, #16\n"                                                                                           \
        "vmov r3, s5\n"                                                                                               \
        "add r3, r3, #1\n"                                                                                            \
        "vmov s5, r3\n"                                                                                               \
        "vmov r3, s11\n"                                                                                              \
        "cmp r0, r3\n"                                                                                                \
        "beq 7b\n"

#if SMG_GROUPS
#include "smg_3x3_stride2_groups_m4.inc.h"
#else
/* The bits of the mask tell after which turns of the loop an accumulator is complete. Short blocks: a turn is two
 * blocks, entered in the middle for the last, single one. */
#if 2 * SMG_BLOCK_STEPS <= SMG_MOST_STEPS
#define SMG_TURN (2 * SMG_BLOCK_STEPS)
#define SMG_MASK_HIGH 0x55f8 /* 01 01 01 01 1 1 1 1 1 */
#define SMG_MASK_LOW 0
#else
#define SMG_TURN SMG_TURN_STEPS
#define SMG_MASK_HIGH 0x1111 /* 0001 0001 0001 0001 01 01 01 01 1 */
#define SMG_MASK_LOW 0x5580
#endif

/* Two channels of four tiles: the products into work (9, 4 tiles, 2 channels), then the outputs.
 * s0: work, moving; s1: mask; s2: end of the block; s3: pair; s4: work; s5: y; s6: pitch; s7: y, moving; s8: end of a
 * row of tiles; s9, s10: starts; s11: work of channel 1. */
SMG_NAKED void smg_tile_pair(const uint32_t *tiles, const int32_t *pair, uint32_t *work, int8_t *y, int32_t pitch) {
    __asm__ volatile(
        "push {r4-r11, lr}\n"
        "ldr r4, [sp, #36]\n"
        "ldr r5, [r1]\n"
        "ldr r6, [r1, #16]\n"
        "vmov s6, r4\n"
        "vmov s9, r5\n"
        "vmov s10, r6\n"
        "vmov s3, r1\n"
        "vmov s0, r2\n"
        "vmov s4, r2\n"
        "vmov s5, r3\n"
        "movw r2, #" SMG_TEXT(SMG_MASK_LOW) "\n"
        "movt r2, #" SMG_TEXT(SMG_MASK_HIGH) "\n"
        "vmov s1, r2\n"
        "add r1, r1, #32\n"
        ".if " SMG_TEXT(SMG_TURNS) " > 1\n"
        "add r2, r1, #" SMG_TEXT(SMG_BLOCK_STEPS * 8) "\n"
        "vmov s2, r2\n"
        ".endif\n"
        ".p2align 2\n"
        "1:\n"
        SMG_FIRST_STEP
        "b 3f\n"
        ".p2align 2\n"
        "2:\n"
        SMG_NEXT_STEP
        ".p2align 2\n"
        "3:\n"
        ".if " SMG_TEXT(SMG_TURN) " > " SMG_TEXT(SMG_TURN_STEPS) "\n"
        ".rept " SMG_TEXT(SMG_TURN - SMG_TURN_STEPS) "\n" SMG_NEXT_STEP ".endr\n"
        ".endif\n"
        "4:\n"
        ".rept " SMG_TEXT(SMG_TURN_STEPS - 1) "\n" SMG_NEXT_STEP ".endr\n"
        ".if " SMG_TEXT(SMG_TURNS) " > 1\n"
        "vmov r2, s2\n"
        "cmp r1, r2\n"
        "bne 2b\n"
        "add r2, r2, #" SMG_TEXT(SMG_BLOCK_STEPS * 8) "\n"
        "vmov s2, r2\n"
        ".endif\n"
        "vmov r2, s1\n"
        "lsls r2, r2, #1\n"
        "vmov s1, r2\n"
        "bcc 2b\n"
        "vmov r3, s0\n"
        "stmia r3!, {r4-r11}\n"
        "vmov s0, r3\n"
        "beq 5f\n"
        "cmp r2, #0x80000000\n"
        "bne 1b\n"
        "vmov r10, s9\n"
        "vmov r11, s10\n"
        SMG_START_STEP
        "b 4b\n"
        ".p2align 2\n"
        "5:\n"
        SMG_PAIR_OUTPUTS
        "pop {r4-r11, pc}\n");
}
#endif
/* clang-format on */
