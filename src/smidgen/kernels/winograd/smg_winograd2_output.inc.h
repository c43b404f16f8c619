/* SPDX-License-Identifier: Apache-2.0 */
/* The output transform of F(2x2, 3x3): A'MA = 4 acc, true while |acc| < 2^29, and requantisation. 2x2 outputs a tile.
 * The bias joins at position (1, 1), which every output adds once. */
#ifndef SMG_WINOGRAD2_OUTPUT_INC_H
#define SMG_WINOGRAD2_OUTPUT_INC_H
#include "smg_winograd.inc.h"

#if SMG_ASSEMBLY
/* clang-format off */
/* Row i of M becomes two values, a and b. */
#define SMG_OUTPUT_ROW(i, a, b, bias)                                                                                  \
    "ldr " a ", [r0, #16*" #i "]\n"                                                                                    \
    "ldr r9, [r0, #16*" #i "+4]\n"                                                                                     \
    "ldr r12, [r0, #16*" #i "+8]\n"                                                                                    \
    "ldr " b ", [r0, #16*" #i "+12]\n" bias                                                                            \
    "add " a ", " a ", r9\n"                                                                                           \
    "add " a ", " a ", r12\n"                                                                                          \
    "add " b ", " b ", r9\n"                                                                                           \
    "sub " b ", " b ", r12\n"
#define SMG_OUTPUT(x, offset)                                                                                          \
    SMG_ASM_SCALED("r9", x)                                                                                            \
    "strb r9, [r0, #" offset "]\n"

/* tiles neighbouring tiles of one channel, from their sums m to pixels at y. r0 m or y, r1-r9, r12 data, r10 mult,
 * r11 addend, lr shift, s0 bias, s1 y, s2 m, s3 end of m. */
#define SMG_OUTPUT_TILES(pixel, row, down)                                                                             \
        "push {r4-r11, lr}\n"                                                                                          \
        "vmov s1, r1\n"                                                                                                \
        "vmov s2, r0\n"                                                                                                \
        "add r3, r0, r3, lsl #7\n"                                                                                     \
        "vmov s3, r3\n"                                                                                                \
        "vldr s0, [r2, #12]\n"                                                                                         \
        "ldr r10, [r2]\n"                                                                                              \
        "ldr r11, [r2, #4]\n"                                                                                          \
        "ldr lr, [r2, #8]\n"                                                                                           \
        ".p2align 2\n"                                                                                                 \
        "1:\n"                                                                                                         \
        SMG_OUTPUT_ROW(0, "r1", "r2", "")                                                                              \
        SMG_OUTPUT_ROW(1, "r3", "r4", "vmov r5, s0\nadd r9, r9, r5\n")                                                 \
        SMG_OUTPUT_ROW(2, "r5", "r6", "")                                                                              \
        SMG_OUTPUT_ROW(3, "r7", "r8", "")                                                                              \
        "vmov r0, s1\n"                                                                                                \
        "adds r1, r1, r3\n"                                                                                            \
        "adds r1, r1, r5\n"                                                                                            \
        "adds r2, r2, r4\n"                                                                                            \
        "adds r2, r2, r6\n"                                                                                            \
        "subs r3, r3, r5\n"                                                                                            \
        "adds r3, r3, r7\n"                                                                                            \
        "subs r4, r4, r6\n"                                                                                            \
        "add r4, r4, r8\n"                                                                                             \
        SMG_OUTPUT("r1", "0")                                                                                          \
        SMG_OUTPUT("r2", pixel) down                                                                                   \
        SMG_OUTPUT("r3", row)                                                                                          \
        SMG_OUTPUT("r4", row "+" pixel)

#define SMG_PIXEL SMG_TEXT(SMG_OUT_C)
#if SMG_OUT_PITCH + SMG_OUT_C <= 4095
#define SMG_ROW SMG_TEXT(SMG_OUT_PITCH)
#define SMG_DOWN ""
#define SMG_UP ""
#else /* out of an immediate offset's reach */
#define SMG_ROW "0"
#define SMG_DOWN                                                                                                       \
    "movw r12, #" SMG_TEXT(SMG_OUT_PITCH) "\n"                                                                         \
    "add r0, r0, r12\n"
#define SMG_UP "vmov r0, s1\n"
#endif

SMG_NAKED static void smg_outputs(uint32_t *m, int8_t *y, const smg_winograd_channel *channel, int32_t tiles) {
    __asm__ volatile(
        SMG_OUTPUT_TILES(SMG_PIXEL, SMG_ROW, SMG_DOWN)
        SMG_UP
        "add r0, r0, #2*" SMG_PIXEL "\n"
        "vmov s1, r0\n"
        "vmov r0, s2\n"
        "vmov r1, s3\n"
        "add r0, r0, #128\n"
        "vmov s2, r0\n"
        "cmp r0, r1\n"
        "bne 1b\n"
        "pop {r4-r11, pc}\n");
}

#if SMG_EDGES
/* One tile to 2x2 bytes. */
SMG_NAKED static void smg_edge_outputs(uint32_t *m, int8_t *y, const smg_winograd_channel *channel, int32_t tiles) {
    __asm__ volatile(
        SMG_OUTPUT_TILES("1", "2", "")
        "pop {r4-r11, pc}\n");
}
#endif
/* clang-format on */
#else
/* One tile of one channel to pixels at y. */
SMG_INLINE void smg_outputs_of_tile(const uint32_t *m, int8_t *y, int32_t pitch, int32_t pixel,
                                    const smg_winograd_channel *channel) {
    uint32_t z[4][2];
    for (int32_t i = 0; i < 4; i++, m += 4) {
        const uint32_t m1 = m[1] + (i == 1 ? (uint32_t)channel->bias : 0);
        z[i][0] = m[0] + m1 + m[2];
        z[i][1] = m1 - m[2] + m[3];
    }
    for (int32_t k = 0; k < 2; k++) {
        const uint32_t first = z[0][k] + z[1][k] + z[2][k], second = z[1][k] - z[2][k] + z[3][k];
        y[k * pixel] = smg_requantize_scaled((int32_t)first, channel);
        y[k * pixel + pitch] = smg_requantize_scaled((int32_t)second, channel);
    }
}

SMG_INLINE void smg_outputs(const uint32_t *m, int8_t *y, const smg_winograd_channel *channel, int32_t tiles) {
    for (; tiles > 0; tiles--, m += 32, y += 2 * SMG_OUT_C) {
        smg_outputs_of_tile(m, y, SMG_OUT_PITCH, SMG_OUT_C, channel);
    }
}

#if SMG_EDGES
SMG_INLINE void smg_edge_outputs(const uint32_t *m, int8_t *y, const smg_winograd_channel *channel, int32_t tiles) {
    (void)tiles;
    smg_outputs_of_tile(m, y, 2, 1, channel);
}
#endif
#endif
#endif
