/* SPDX-License-Identifier: Apache-2.0 */
/* The products of a round of several blocks of four tiles: at each position all of them by the same weights, which come
 * from flash once and from the cache of its data after that, up to 64 channels. */
/* clang-format off */
#define SMG_STEPS (SMG_IN_C / 2)
#define SMG_TURNS ((SMG_STEPS + 15) / 16) /* equal ones: in_c is a multiple of 4 */
#define SMG_TURN_STEPS (SMG_STEPS / SMG_TURNS)
#define SMG_STEP(op, s4, s5, s6, s7, s8, s9, s10, s11)                                                                 \
    "ldr r2, [r1, #smg_at]\n"                                                                                          \
    "ldr r3, [r1, #smg_at+4]\n"                                                                                        \
    ".set smg_at, smg_at + 8\n"                                                                                        \
    "ldr r12, [r0], #4\n"                                                                                              \
    "ldr lr, [r0], #4\n"                                                                                               \
    op " r4, r12, r2" s4 "\n" op " r5, r12, r3" s5 "\n"                                                                \
    op " r6, lr, r2" s6 "\n" op " r7, lr, r3" s7 "\n"                                                                  \
    "ldr r12, [r0], #4\n"                                                                                              \
    "ldr lr, [r0], #4\n"                                                                                               \
    op " r8, r12, r2" s8 "\n" op " r9, r12, r3" s9 "\n"                                                                \
    op " r10, lr, r2" s10 "\n" op " r11, lr, r3" s11 "\n"
#define SMG_FIRST_STEP SMG_STEP("smuad", "", "", "", "", "", "", "", "")
#define SMG_NEXT_STEP SMG_STEP("smlad", ", r4", ", r5", ", r6", ", r7", ", r8", ", r9", ", r10", ", r11")

/* s0: where the next sums go; s1: the end of a position of V; s2: the end of the sums; s3: the end of a block of V. */
SMG_NAKED static void smg_products(const uint32_t *v, const uint32_t *u, uint32_t *m) {
    __asm__ volatile(
        "push {r4-r11, lr}\n"
        "vmov s0, r2\n"
        "movw r3, #" SMG_TEXT(4 * 2 * SMG_ROUND_TILES * 36) "\n"
        "add r3, r3, r2\n"
        "vmov s2, r3\n"
        "add r3, r0, #" SMG_TEXT(4 * SMG_POSITION_WORDS) "\n"
        "vmov s1, r3\n"
        ".p2align 2\n"
        "1:\n"
        ".set smg_at, 0\n"
        ".if " SMG_TEXT(SMG_TURNS) " == 1\n"
        SMG_FIRST_STEP
        ".rept " SMG_TEXT(SMG_TURN_STEPS) " - 1\n" SMG_NEXT_STEP ".endr\n"
        ".else\n"
        "add r3, r0, #" SMG_TEXT(4 * SMG_BLOCK_STEP) "\n"
        "vmov s3, r3\n"
        "movs r4, #0\n"
        "movs r5, #0\n"
        "movs r6, #0\n"
        "movs r7, #0\n"
        "mov r8, r4\n"
        "mov r9, r4\n"
        "mov r10, r4\n"
        "mov r11, r4\n"
        ".p2align 2\n"
        "2:\n"
        ".rept " SMG_TEXT(SMG_TURN_STEPS) "\n" SMG_NEXT_STEP ".endr\n"
        "add r1, r1, #" SMG_TEXT(8 * SMG_TURN_STEPS) "\n"
        "vmov r2, s3\n"
        "cmp r0, r2\n"
        "bne 2b\n"
        "sub r1, r1, #" SMG_TEXT(4 * SMG_IN_C) "\n"
        ".endif\n"
        "vmov r2, s0\n"
        "stmia r2!, {r4-r11}\n"
        "vmov s0, r2\n"
        "vmov r3, s1\n"
        "cmp r0, r3\n"
        "bne 1b\n"
        "add r1, r1, #" SMG_TEXT(4 * SMG_IN_C) "\n"
        "add r3, r0, #" SMG_TEXT(4 * SMG_POSITION_WORDS) "\n"
        "vmov s1, r3\n"
        "vmov r3, s2\n"
        "cmp r2, r3\n"
        "bne 1b\n"
        "pop {r4-r11, pc}\n");
}
/* clang-format on */
