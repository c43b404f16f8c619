/* SPDX-License-Identifier: Apache-2.0 */
/* Two channels of a row of pixels in little code: as smg_pixel_row of smg_pixel_block.h, four steps a turn. */
#include "smg_naked.h"

/* clang-format off */
#define SMG_PIXEL_AT(pixel) SMG_TEXT(pixel * SMG_PIXEL_BYTES)
#define SMG_STEP                                          \
    "ldr r2, [r1], #4\n"                                  \
    "ldr r12, [r0, #" SMG_PIXEL_AT(3) "]\n"               \
    "ldr lr, [r0, #" SMG_PIXEL_AT(2) "]\n"                \
    "sxtb16 r3, r2\n"                                     \
    "smlad r11, r12, r2, r11\n"                           \
    "smlad r9, lr, r2, r9\n"                              \
    "smlad r10, r12, r3, r10\n"                           \
    "smlad r8, lr, r3, r8\n"                              \
    "ldr r12, [r0, #" SMG_PIXEL_AT(1) "]\n"               \
    "ldr lr, [r0], #4\n"                                  \
    "smlad r7, r12, r2, r7\n"                             \
    "smlad r5, lr, r2, r5\n"                              \
    "smlad r6, r12, r3, r6\n"                             \
    "smlad r4, lr, r3, r4\n"
#define SMG_FINISH(acc2)                                  \
    SMG_ASM_REQUANTIZE("lr", acc2, "r2", "r3", "r12")     \
    "strb lr, [r1]\n"                                     \
    "add r1, r1, r0\n"
#define SMG_TWICE_ODD(raw, even) "sub " raw ", " raw ", " even "\n" "asr " raw ", " raw ", #7\n"

/* r0: inputs, then bytes between outputs; r1: weights, then outputs; r2, r3: weights; r12, lr: two pixels' inputs; r4,
 * r6, r8, r10: channel 0 of pixels 0 to 3; r5, r7, r9, r11: 256 times channel 1, and channel 0. s0: end of the weights;
 * s1: inputs of the group; s2: out_c; s20: output; s21, s22: inputs and output of the last group; s23: weights; s24 ..
 * s31: the pair's constants. */
SMG_NAKED void smg_small_row(const uint32_t *x, const int32_t *pair, int8_t *y, const smg_row *row) {
    __asm__ volatile(
        "push {r4-r11, lr}\n"
        "vldmia r1!, {s24-s31}\n"
        "ldm r3, {r4-r6}\n"
        "sub r4, r4, #4\n"
        "movw r12, #" SMG_TEXT(SMG_PIXEL_BYTES) "\n"
        "mla r12, r4, r12, r0\n"
        "vmov s21, r12\n"
        "mla r12, r4, r5, r2\n"
        "vmov s22, r12\n"
        "vmov s2, r5\n"
        "vmov s23, r1\n"
        "add r6, r6, r1\n"
        "vmov s0, r6\n"
        "vmov s20, r2\n"
        ".p2align 2\n"
        "1:\n"
        "vmov s1, r0\n"
        "vmov r1, s23\n"
        "vmov r4, s24\n"
        "vmov r5, s25\n"
        "mov r6, r4\n" "mov r8, r4\n" "mov r10, r4\n"
        "mov r7, r5\n" "mov r9, r5\n" "mov r11, r5\n"
        ".p2align 2\n"
        "2:\n"
        SMG_STEP SMG_STEP SMG_STEP SMG_STEP
        "vmov r2, s0\n"
        "cmp r1, r2\n"
        "bne 2b\n"
        "vmov r1, s20\n"
        "vmov r0, s2\n"
        SMG_TWICE_ODD("r5", "r4") SMG_TWICE_ODD("r7", "r6") SMG_TWICE_ODD("r9", "r8") SMG_TWICE_ODD("r11", "r10")
        "lsl r4, r4, #1\n" "lsl r6, r6, #1\n" "lsl r8, r8, #1\n" "lsl r10, r10, #1\n"
        "vmov r2, s26\n"
        "vmov r3, s27\n"
        "vmov r12, s28\n"
        SMG_FINISH("r4") SMG_FINISH("r6") SMG_FINISH("r8") SMG_FINISH("r10")
        "vmov r4, s20\n"
        "vmov s20, r1\n"
        "add r1, r4, #1\n"
        "vmov r2, s29\n"
        "vmov r3, s30\n"
        "vmov r12, s31\n"
        SMG_FINISH("r5") SMG_FINISH("r7") SMG_FINISH("r9") SMG_FINISH("r11")
        "vmov r0, s1\n"
        "add r0, r0, #" SMG_PIXEL_AT(2) "\n"
        "add r0, r0, #" SMG_PIXEL_AT(2) "\n"
        "vmov r3, s21\n"
        "cmp r0, r3\n"
        "bls 1b\n"
        "vmov r1, s22\n"
        "cmp r4, r1\n"
        "beq 4f\n"
        "vmov s20, r1\n"
        "mov r0, r3\n"
        "b 1b\n"
        "4:\n"
        "pop {r4-r11, pc}\n");
}
#define SMG_SAVE_FPU_REGISTERS                                                                                  \
    __asm__ volatile("" ::: "s16", "s17", "s18", "s19", "s20", "s21", "s22", "s23", "s24", "s25", "s26", "s27", \
                     "s28", "s29", "s30", "s31")
/* clang-format on */
