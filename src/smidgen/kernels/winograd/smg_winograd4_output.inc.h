/* SPDX-License-Identifier: Apache-2.0 */
/* The output transform of F(4x4, 3x3): A'MA = 576 acc modulo 2^32, and requantisation. 576 = 64 * 9, and 9 is odd:
 * times the inverse of 9 modulo 2^32 that is 64 acc, the true value while |acc| < 2^25. The multiplication adds the
 * bias too. First along the rows of M, in place, then down the columns; 4x4 outputs a tile. */
#ifndef SMG_WINOGRAD4_OUTPUT_INC_H
#define SMG_WINOGRAD4_OUTPUT_INC_H
#include "smg_winograd.inc.h"

#define SMG_INVERSE_OF_9 0x38e38e39U

#if SMG_ASSEMBLY
/* clang-format off */
#define SMG_SUM_BYTES SMG_TEXT(4 * SMG_SUM_STEP)
#define SMG_TILE_BYTES SMG_TEXT(4 * SMG_TILE_STEP)

/* Row i of M becomes four values at its first four places. */
#define SMG_OUTPUT_ROW(i)                                                                                              \
    "ldr r1, [r0, #(6*" #i "+0)*" SMG_SUM_BYTES "]\n"                                                                                       \
    "ldr r2, [r0, #(6*" #i "+1)*" SMG_SUM_BYTES "]\n"                                                                                     \
    "ldr r3, [r0, #(6*" #i "+2)*" SMG_SUM_BYTES "]\n"                                                                                     \
    "ldr r4, [r0, #(6*" #i "+3)*" SMG_SUM_BYTES "]\n"                                                                                    \
    "ldr r5, [r0, #(6*" #i "+4)*" SMG_SUM_BYTES "]\n"                                                                                    \
    "ldr r6, [r0, #(6*" #i "+5)*" SMG_SUM_BYTES "]\n"                                                                                    \
    SMG_BUTTERFLIES                                                                                                    \
    "add r6, r2, r6, lsl #1\n"                                                                                         \
    "add r6, r6, r4, lsl #3\n"                                                                                         \
    "add r2, r2, r4, lsl #1\n"                                                                                         \
    "add r7, r7, r3, lsl #2\n"                                                                                         \
    "str r1, [r0, #(6*" #i "+0)*" SMG_SUM_BYTES "]\n"                                                                                       \
    "str r2, [r0, #(6*" #i "+1)*" SMG_SUM_BYTES "]\n"                                                                                     \
    "str r7, [r0, #(6*" #i "+2)*" SMG_SUM_BYTES "]\n"                                                                                     \
    "str r6, [r0, #(6*" #i "+3)*" SMG_SUM_BYTES "]\n"
#if SMG_ROUND /* in a loop: less code to fetch */
#define SMG_OUTPUT_ROWS                                                                                                \
    "mov r12, #3\n"                                                                                                    \
    ".p2align 2\n"                                                                                                     \
    "2:\n" SMG_OUTPUT_ROW(0) SMG_OUTPUT_ROW(1)                                                                         \
    "add r0, r0, #12*" SMG_SUM_BYTES "\n"                                                                              \
    "subs r12, r12, #1\n"                                                                                              \
    "bne 2b\n"                                                                                                         \
    "sub r0, r0, #36*" SMG_SUM_BYTES "\n"                                                                              \
    "vmov r12, s5\n"
#else
#define SMG_OUTPUT_ROWS                                                                                                \
    SMG_OUTPUT_ROW(0) SMG_OUTPUT_ROW(1) SMG_OUTPUT_ROW(2) SMG_OUTPUT_ROW(3) SMG_OUTPUT_ROW(4) SMG_OUTPUT_ROW(5)
#endif
/* r1 = all but m5, r7 = m1 + m2, r2 = m1 - m2, r3 = m3 + m4, r4 = m3 - m4 */
#define SMG_BUTTERFLIES                                                                                                \
    "adds r7, r2, r3\n"                                                                                                \
    "subs r2, r2, r3\n"                                                                                                \
    "adds r3, r4, r5\n"                                                                                                \
    "subs r4, r4, r5\n"                                                                                                \
    "adds r1, r1, r7\n"                                                                                                \
    "adds r1, r1, r3\n"

#define SMG_OUTPUT(bias, offset)                                                                                       \
    "mla r1, r1, r8, " bias "\n"                                                                                       \
    SMG_ASM_SCALED("r5", "r1")                                                                                         \
    "strb r5, [r12, #" offset "]\n"
/* The four outputs of column k, down the image. */
#define SMG_OUTPUT_COLUMN(k, at, pixel, down, up, load2, bias2, load3, bias3)                                          \
    "ldr r1, [r0, #(0+" #k ")*" SMG_SUM_BYTES "]\n"                                                                                        \
    "ldr r2, [r0, #(6+" #k ")*" SMG_SUM_BYTES "]\n"                                                                                     \
    "ldr r3, [r0, #(12+" #k ")*" SMG_SUM_BYTES "]\n"                                                                                     \
    "ldr r4, [r0, #(18+" #k ")*" SMG_SUM_BYTES "]\n"                                                                                     \
    "ldr r5, [r0, #(24+" #k ")*" SMG_SUM_BYTES "]\n"                                                                                     \
    "ldr r6, [r0, #(30+" #k ")*" SMG_SUM_BYTES "]\n"                                                                                    \
    SMG_BUTTERFLIES                                                                                                    \
    SMG_OUTPUT("r9", at(0, pixel, k)) down                                                                             \
    "add r1, r2, r4, lsl #1\n"                                                                                         \
    SMG_OUTPUT("r9", at(1, pixel, k)) down                                                                             \
    "add r1, r7, r3, lsl #2\n" load2                                                                                   \
    SMG_OUTPUT(bias2, at(2, pixel, k)) down                                                                            \
    "add r1, r2, r4, lsl #3\n"                                                                                         \
    "add r1, r1, r6, lsl #1\n" load3                                                                                   \
    SMG_OUTPUT(bias3, at(3, pixel, k)) up

/* tiles neighbouring tiles of one channel, from their sums m, spoilt, to pixels at y. r0 m, r1-r7 data, r8 inverse,
 * r9 bias, r10 mult, r11 addend, r12 y, lr shift, s0-s3 biases of the corner, s4 end of m, s5 y. */
#define SMG_OUTPUT_TILES(at, pixel, down, up)                                                                          \
        "push {r4-r11, lr}\n"                                                                                          \
        "mov r12, r1\n"                                                                                                \
        "vmov s5, r1\n"                                                                                                \
        "mov r4, #" SMG_TILE_BYTES "\n"                                                                                               \
        "mla r3, r3, r4, r0\n"                                                                                         \
        "vmov s4, r3\n"                                                                                                \
        "vldr s0, [r2, #16]\n"                                                                                         \
        "vldr s1, [r2, #20]\n"                                                                                         \
        "vldr s2, [r2, #24]\n"                                                                                         \
        "vldr s3, [r2, #28]\n"                                                                                         \
        "ldr r10, [r2]\n"                                                                                              \
        "ldr r11, [r2, #4]\n"                                                                                          \
        "ldr lr, [r2, #8]\n"                                                                                           \
        "ldr r9, [r2, #12]\n"                                                                                          \
        "movw r8, #0x8e39\n"                                                                                           \
        "movt r8, #0x38e3\n"                                                                                           \
        ".p2align 2\n"                                                                                                 \
        "1:\n"                                                                                                         \
        SMG_OUTPUT_ROWS                                                                                                \
        SMG_OUTPUT_COLUMN(0, at, pixel, down, up, "", "r9", "", "r9")                                                  \
        SMG_OUTPUT_COLUMN(1, at, pixel, down, up, "", "r9", "", "r9")                                                  \
        SMG_OUTPUT_COLUMN(2, at, pixel, down, up, "vmov r5, s0\n", "r5", "vmov r5, s2\n", "r5")                        \
        SMG_OUTPUT_COLUMN(3, at, pixel, down, up, "vmov r5, s1\n", "r5", "vmov r5, s3\n", "r5")

#define SMG_PIXEL SMG_TEXT(SMG_OUT_C)
#if 3 * SMG_OUT_PITCH + 3 * SMG_OUT_C <= 4095
#define SMG_AT(row, pixel, column) #row "*" SMG_TEXT(SMG_OUT_PITCH) "+" #column "*" pixel
#define SMG_DOWN ""
#define SMG_UP ""
#if SMG_ROUND
#define SMG_NEXT_TILE "add r12, r12, #4*" SMG_PIXEL "\nvmov s5, r12\n"
#else
#define SMG_NEXT_TILE "add r12, r12, #4*" SMG_PIXEL "\n"
#endif
#else /* out of an immediate offset's reach */
#define SMG_AT(row, pixel, column) #column "*" pixel
#define SMG_DOWN                                                                                                       \
    "movw r5, #" SMG_TEXT(SMG_OUT_PITCH) "\n"                                                                          \
    "add r12, r12, r5\n"
#define SMG_UP "vmov r12, s5\n"
#define SMG_NEXT_TILE                                                                                                  \
    "add r12, r12, #4*" SMG_PIXEL "\n"                                                                                 \
    "vmov s5, r12\n"
#endif

SMG_NAKED static void smg_outputs(uint32_t *m, int8_t *y, const smg_winograd_channel *channel, int32_t tiles) {
    __asm__ volatile(
        SMG_OUTPUT_TILES(SMG_AT, SMG_PIXEL, SMG_DOWN, SMG_UP)
        "add r0, r0, #" SMG_TILE_BYTES "\n" SMG_NEXT_TILE
        "vmov r1, s4\n"
        "cmp r0, r1\n"
        "bne 1b\n"
        "pop {r4-r11, pc}\n");
}

#if SMG_EDGES
#define SMG_AT_EDGE(row, pixel, column) #row "*4+" #column
/* One tile to 4x4 bytes. */
SMG_NAKED static void smg_edge_outputs(uint32_t *m, int8_t *y, const smg_winograd_channel *channel, int32_t tiles) {
    __asm__ volatile(
        SMG_OUTPUT_TILES(SMG_AT_EDGE, "", "", "")
        "pop {r4-r11, pc}\n");
}
#endif
/* clang-format on */
#else
/* A' of six values, ``step`` words apart. */
SMG_INLINE void smg_four(const uint32_t *m, int32_t step, uint32_t *to, int32_t to_step) {
    const uint32_t sum12 = m[step] + m[2 * step], less12 = m[step] - m[2 * step];
    const uint32_t sum34 = m[3 * step] + m[4 * step], less34 = m[3 * step] - m[4 * step];
    const uint32_t m0 = m[0], m5 = m[5 * step];
    to[0] = m0 + sum12 + sum34;
    to[to_step] = less12 + 2 * less34;
    to[2 * to_step] = sum12 + 4 * sum34;
    to[3 * to_step] = less12 + 8 * less34 + 2 * m5;
}

/* One tile of one channel to pixels at y. */
SMG_INLINE void smg_outputs_of_tile(uint32_t *m, int8_t *y, int32_t pitch, int32_t pixel,
                                    const smg_winograd_channel *channel) {
    const int32_t step = SMG_SUM_STEP;
    for (int32_t i = 0; i < 6; i++) smg_four(m + 6 * step * i, step, m + 6 * step * i, step);
    for (int32_t k = 0; k < 4; k++) {
        uint32_t z[4];
        smg_four(m + step * k, 6 * step, z, 1);
        for (int32_t i = 0; i < 4; i++) {
            const int32_t bias = i >= 2 && k >= 2 ? channel->corner[2 * (i - 2) + k - 2] : channel->bias;
            const uint32_t x = z[i] * SMG_INVERSE_OF_9 + (uint32_t)bias;
            y[i * pitch + k * pixel] = smg_requantize_scaled((int32_t)x, channel);
        }
    }
}

SMG_INLINE void smg_outputs(uint32_t *m, int8_t *y, const smg_winograd_channel *channel, int32_t tiles) {
    for (; tiles > 0; tiles--, m += SMG_TILE_STEP, y += 4 * SMG_OUT_C) {
        smg_outputs_of_tile(m, y, SMG_OUT_PITCH, SMG_OUT_C, channel);
    }
}

#if SMG_EDGES
SMG_INLINE void smg_edge_outputs(uint32_t *m, int8_t *y, const smg_winograd_channel *channel, int32_t tiles) {
    (void)tiles;
    smg_outputs_of_tile(m, y, 4, 1, channel);
}
#endif
#endif
#endif
