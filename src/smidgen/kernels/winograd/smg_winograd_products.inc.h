/* SPDX-License-Identifier: Apache-2.0 */
/* SMG_POSITIONS small matrix products: m = V * U at each position, for one round of tiles and two output channels.
 * v: a round; u: (positions, in_c / 2, 2) words; m: (SMG_BLOCK, 2, positions) sums modulo 2^32, or with SMG_ROUND
 * (positions, tiles, 2). Sums stay in registers. A block of 4 tiles takes 6 loads in two groups and 8 SMLAD a pair of
 * channels, 2.0 cycles a SMLAD; a block of 2 takes 8 loads in one group and 8 SMLAD for two pairs, 2.125. */
#ifndef SMG_WINOGRAD_PRODUCTS_INC_H
#define SMG_WINOGRAD_PRODUCTS_INC_H
#include "smg_winograd.inc.h"

#if SMG_ASSEMBLY
#if SMG_TILE == 4
#define SMG_POSITIONS_TEXT "36"
#else
#define SMG_POSITIONS_TEXT "16"
#endif
/* clang-format off */
#if SMG_ROUND
#include "smg_winograd_rounds.inc.h"
#else
#if SMG_BLOCK == 4
#define SMG_MOST_STEPS 16
#define SMG_STEPS (SMG_IN_C / 2)
#define SMG_STEP                                                                                                       \
    "ldr r2, [r1], #4\n"                                                                                               \
    "ldr r3, [r1], #4\n"                                                                                               \
    "ldr r12, [r0], #4\n"                                                                                              \
    "ldr lr, [r0], #4\n"                                                                                               \
    "smlad r4, r12, r2, r4\n"                                                                                          \
    "smlad r5, r12, r3, r5\n"                                                                                          \
    "smlad r6, lr, r2, r6\n"                                                                                           \
    "smlad r7, lr, r3, r7\n"                                                                                           \
    "ldr r12, [r0], #4\n"                                                                                              \
    "ldr lr, [r0], #4\n"                                                                                               \
    "smlad r8, r12, r2, r8\n"                                                                                          \
    "smlad r9, r12, r3, r9\n"                                                                                          \
    "smlad r10, lr, r2, r10\n"                                                                                         \
    "smlad r11, lr, r3, r11\n"
#define SMG_FIRST_STEP                                                                                                 \
    "ldr r2, [r1], #4\n"                                                                                               \
    "ldr r3, [r1], #4\n"                                                                                               \
    "ldr r12, [r0], #4\n"                                                                                              \
    "ldr lr, [r0], #4\n"                                                                                               \
    "smuad r4, r12, r2\n"                                                                                              \
    "smuad r5, r12, r3\n"                                                                                              \
    "smuad r6, lr, r2\n"                                                                                               \
    "smuad r7, lr, r3\n"                                                                                               \
    "ldr r12, [r0], #4\n"                                                                                              \
    "ldr lr, [r0], #4\n"                                                                                               \
    "smuad r8, r12, r2\n"                                                                                              \
    "smuad r9, r12, r3\n"                                                                                              \
    "smuad r10, lr, r2\n"                                                                                              \
    "smuad r11, lr, r3\n"
#define SMG_CLEAR                                                                                                      \
    "movs r4, #0\n"                                                                                                    \
    "movs r5, #0\n"                                                                                                    \
    "movs r6, #0\n"                                                                                                    \
    "movs r7, #0\n"                                                                                                    \
    "mov r8, r4\n"                                                                                                     \
    "mov r9, r4\n"                                                                                                     \
    "mov r10, r4\n"                                                                                                    \
    "mov r11, r4\n"
#define SMG_SUM_OFFSET(n) "#4*" SMG_POSITIONS_TEXT "*" #n
#define SMG_STORE                                                                                                      \
    "str r5, [r2, " SMG_SUM_OFFSET(1) "]\n"                                                                            \
    "str r6, [r2, " SMG_SUM_OFFSET(2) "]\n"                                                                            \
    "str r7, [r2, " SMG_SUM_OFFSET(3) "]\n"                                                                            \
    "str r8, [r2, " SMG_SUM_OFFSET(4) "]\n"                                                                            \
    "str r9, [r2, " SMG_SUM_OFFSET(5) "]\n"                                                                            \
    "str r10, [r2, " SMG_SUM_OFFSET(6) "]\n"                                                                           \
    "str r11, [r2, " SMG_SUM_OFFSET(7) "]\n"                                                                           \
    "str r4, [r2], #4\n"
#else
#define SMG_MOST_STEPS 14
#define SMG_STEPS (SMG_IN_C / 4)
#define SMG_LOAD_EIGHT                                                                                                 \
    "ldr r2, [r0], #4\n"                                                                                               \
    "ldr r3, [r0], #4\n"                                                                                               \
    "ldr r12, [r0], #4\n"                                                                                              \
    "ldr lr, [r0], #4\n"                                                                                               \
    "ldr r8, [r1], #4\n"                                                                                               \
    "ldr r9, [r1], #4\n"                                                                                               \
    "ldr r10, [r1], #4\n"                                                                                              \
    "ldr r11, [r1], #4\n"
#define SMG_SECOND_PAIR                                                                                                \
    "smlad r4, r12, r10, r4\n"                                                                                         \
    "smlad r5, r12, r11, r5\n"                                                                                         \
    "smlad r6, lr, r10, r6\n"                                                                                          \
    "smlad r7, lr, r11, r7\n"
#define SMG_STEP                                                                                                       \
    SMG_LOAD_EIGHT                                                                                                     \
    "smlad r4, r2, r8, r4\n"                                                                                           \
    "smlad r5, r2, r9, r5\n"                                                                                           \
    "smlad r6, r3, r8, r6\n"                                                                                           \
    "smlad r7, r3, r9, r7\n" SMG_SECOND_PAIR
#define SMG_FIRST_STEP                                                                                                 \
    SMG_LOAD_EIGHT                                                                                                     \
    "smuad r4, r2, r8\n"                                                                                               \
    "smuad r5, r2, r9\n"                                                                                               \
    "smuad r6, r3, r8\n"                                                                                               \
    "smuad r7, r3, r9\n" SMG_SECOND_PAIR
#define SMG_CLEAR                                                                                                      \
    "movs r4, #0\n"                                                                                                    \
    "movs r5, #0\n"                                                                                                    \
    "movs r6, #0\n"                                                                                                    \
    "movs r7, #0\n"
#define SMG_STORE                                                                                                      \
    "str r5, [r2, #4*" SMG_POSITIONS_TEXT "]\n"                                                                   \
    "str r6, [r2, #8*" SMG_POSITIONS_TEXT "]\n"                                                                   \
    "str r7, [r2, #12*" SMG_POSITIONS_TEXT "]\n"                                                                  \
    "str r4, [r2], #4\n"
#endif

/* Up to 16 (14) steps are unrolled: below 1 KB, so that the loop stays in a small instruction cache. More are done in equal
 * turns, of which the first begins inside. */
#define SMG_TURNS ((SMG_STEPS + SMG_MOST_STEPS - 1) / SMG_MOST_STEPS)
#define SMG_TURN_STEPS ((SMG_STEPS + SMG_TURNS - 1) / SMG_TURNS)
#define SMG_SKIPPED (SMG_TURNS * SMG_TURN_STEPS - SMG_STEPS)

/* Positions a turn, as long as that too is below 1 KB; a divisor of 36 and of 16. */
#if SMG_STEPS <= SMG_MOST_STEPS / 4
#define SMG_TOGETHER 4
#elif SMG_STEPS <= SMG_MOST_STEPS / 2
#define SMG_TOGETHER 2
#else
#define SMG_TOGETHER 1
#endif

/* s0: where the next sums go, s1: the end of that, s2: the end of a position of V. */
SMG_NAKED static void smg_products(const uint32_t *v, const uint32_t *u, uint32_t *m) {
    __asm__ volatile(
        "push {r4-r11, lr}\n"
        "vmov s0, r2\n"
        "add r2, r2, #4*" SMG_POSITIONS_TEXT "\n"
        "vmov s1, r2\n"
        ".p2align 2\n"
        "1:\n"
#if SMG_STEPS <= SMG_MOST_STEPS
        ".rept " SMG_TEXT(SMG_TOGETHER) "-1\n"
        SMG_FIRST_STEP
        ".rept " SMG_TEXT(SMG_STEPS) "-1\n"
        SMG_STEP
        ".endr\n"
        "vmov r2, s0\n"
        SMG_STORE
        "vmov s0, r2\n"
        ".endr\n"
        SMG_FIRST_STEP
        ".rept " SMG_TEXT(SMG_STEPS) "-1\n"
        SMG_STEP
        ".endr\n"
#else
        "add r2, r0, #" SMG_TEXT(4 * SMG_IN_C / 2 * SMG_BLOCK) "\n"
        "vmov s2, r2\n"
        SMG_CLEAR
#if SMG_SKIPPED > 0
        "b 3f\n"
#endif
        ".p2align 2\n"
        "2:\n"
        ".rept " SMG_TEXT(SMG_SKIPPED) "\n"
        SMG_STEP
        ".endr\n"
        "3:\n"
        ".rept " SMG_TEXT(SMG_TURN_STEPS) "-(" SMG_TEXT(SMG_SKIPPED) ")\n"
        SMG_STEP
        ".endr\n"
        "vmov r2, s2\n"
        "cmp r0, r2\n"
        "bne 2b\n"
#endif
        "vmov r2, s0\n"
        "vmov r3, s1\n"
        SMG_STORE
        "vmov s0, r2\n"
        "cmp r2, r3\n"
        "bne 1b\n"
        "pop {r4-r11, pc}\n");
}
#endif
/* clang-format on */
#else
SMG_INLINE void smg_products(const uint32_t *v, const uint32_t *u, uint32_t *m) {
    for (int32_t position = 0; position < SMG_POSITIONS; position++, u += SMG_IN_C, m += SMG_SUM_STEP) {
        for (int32_t sum = 0; sum < 2 * SMG_ROUND_TILES; sum++) {
            const uint32_t *tile = v + sum / 2 / SMG_BLOCK * (SMG_IN_C / 2 * SMG_BLOCK) + sum / 2 % SMG_BLOCK;
            int32_t total = 0;
            for (int32_t pair = 0; pair < SMG_IN_C / 2; pair++) {
                total = smg_smlad(tile[pair * SMG_BLOCK], u[2 * pair + sum % 2], total);
            }
            m[sum / 2 * SMG_TILE_STEP + sum % 2 * SMG_CHANNEL_STEP] = (uint32_t)total;
        }
        v += SMG_POSITION_WORDS;
    }
}
#endif
#endif
