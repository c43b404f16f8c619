/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise 3x3 windows of two lines of outputs, eight outputs of a channel at a time: four along each line.
 *
 * A strip holds the input under both lines, sixteen channels of it: for each place along the lines sixteen words, a
 * channel's four neighbours across the lines as bytes. With stride 1 that is all; with stride 2 each line has words of
 * its own, three bytes of which count. A load gathers a channel's words of four places, a window of 4x4, and
 * multiplies it with the filter's 3x3 at each position of an output: no tap is loaded twice for neighbouring outputs.
 * The instance gives SMG_STRIDE, SMG_PLACES (outputs along a line, at least 4), SMG_OUT_STEP (bytes between them) and
 * what smg_mve_requantize.inc.h needs. */
#ifndef SMG_MVE_WINDOW_BLOCKS_INC_H
#define SMG_MVE_WINDOW_BLOCKS_INC_H
#include "smg_mve_requantize.inc.h"
#include "smg_naked.h"

#if SMG_STRIDE == 1
#define SMG_PLACE_BYTES 64
#define SMG_WEIGHTS             \
    "vldrw.u32 q0, [r1], #16\n" \
    "vldrw.u32 q1, [r1], #16\n" \
    "vldrw.u32 q2, [r1], #16\n" \
    "vldrw.u32 q3, [r1], #16\n"
#define SMG_FOUR(q)                     \
    "vldrw.u32 q6, [q4, #128]!\n"       \
    "vmladav.s8 r0, q6, q0\n"           \
    "vmladav.s8 r2, q6, q1\n"           \
    "vmladav.s8 r4, q6, q2\n"           \
    "vmladav.s8 r6, q6, q3\n"           \
    "vmov " q "[2], " q "[0], r0, r4\n" \
    "vmov " q "[3], " q "[1], r2, r6\n"
#else
#define SMG_PLACE_BYTES 256
#define SMG_WEIGHTS "vldrw.u32 q0, [r1], #16\n"
#define SMG_FOUR(q)                     \
    "vldrw.u32 q1, [q4, #192]!\n"       \
    "vldrw.u32 q2, [q4, #64]!\n"        \
    "vmladav.s8 r0, q1, q0\n"           \
    "vldrw.u32 q1, [q4, #192]!\n"       \
    "vmladav.s8 r2, q2, q0\n"           \
    "vldrw.u32 q2, [q4, #64]!\n"        \
    "vmladav.s8 r4, q1, q0\n"           \
    "vmladav.s8 r6, q2, q0\n"           \
    "vmov " q "[2], " q "[0], r0, r4\n" \
    "vmov " q "[3], " q "[1], r2, r6\n"
#endif

#if SMG_ROUNDING_MODE == SMG_ROUND_DOUBLE
#define SMG_BOTH_AWAY_FROM_ZERO \
    "mov r0, #-1\n"             \
    "vpt.s32 lt, q7, zr\n"      \
    "vaddt.i32 q7, q7, r0\n"    \
    "vpt.s32 lt, q6, zr\n"      \
    "vaddt.i32 q6, q6, r0\n"
#else
#define SMG_BOTH_AWAY_FROM_ZERO ""
#endif

#if SMG_ACT_MIN == -128 && SMG_ACT_MAX == 127
#define SMG_CLAMP_BLOCK "vqmovnb.s16 q7, q7\n"
#else
#define SMG_CLAMP_BLOCK     \
    "vdup.16 q6, r10\n"     \
    "vmax.s16 q7, q7, q6\n" \
    "vdup.16 q6, r12\n"     \
    "vmin.s16 q7, q7, q6\n"
#endif

#define SMG_BLOCK                                                                                   \
    SMG_FOUR("q7")                                                                                  \
    SMG_FOUR("q6")                                                                                  \
    "vadd.i32 q7, q7, r3\n"                                                                         \
    "vadd.i32 q6, q6, r3\n" SMG_HIGH "q7, q7, r5\n" SMG_HIGH "q6, q6, r5\n" SMG_BOTH_AWAY_FROM_ZERO \
    "vrshl.s32 q7, r9\n"                                                                            \
    "vrshl.s32 q6, r9\n"                                                                            \
    "vqmovnb.s32 q7, q7\n"                                                                          \
    "vqmovnt.s32 q7, q6\n"                                                                          \
    "vqadd.s16 q7, q7, r11\n" SMG_CLAMP_BLOCK "vstrb.16 q7, [r7, q5]\n"                             \
    "add r7, r7, r8\n"

#if SMG_PLACES % 4 == 0
#define SMG_LAST_BLOCK ""
#else /* the last four places, some of them for the second time */
#define SMG_LAST_BLOCK                                                                            \
    "movw r0, #" SMG_TEXT(SMG_PLACE_BYTES) " * (4 - " SMG_TEXT(                                   \
        SMG_PLACES) " % 4)\n"                                                                     \
                    "vsub.i32 q4, q4, r0\n"                                                       \
                    "movw r0, #" SMG_TEXT(SMG_OUT_STEP) " * (4 - " SMG_TEXT(SMG_PLACES) " % 4)\n" \
                                                                                        "sub r7, r7, r0\n" SMG_BLOCK
#endif
#define SMG_WORDS SMG_TEXT(SMG_PLACE_BYTES) " * " SMG_TEXT(SMG_PLACES)
#define SMG_OUTPUTS SMG_TEXT(SMG_OUT_STEP) " * " SMG_TEXT(SMG_PLACES)

/* offsets (8) of the outputs of a block; b: a channel's weights, bias, multiplier, shift and the output's zero point.
 * Channels outside, blocks inside. */
SMG_NAKED void smg_mve_lines(const int8_t *strip, const int32_t *b, int8_t *y, int32_t channels,
                             const uint16_t *offsets) {
    __asm__ volatile(
        "push {r4-r11, lr}\n"
        "vpush {d8-d15}\n"
        "ldr r4, [sp, #100]\n"
        "vldrh.u16 q5, [r4]\n"
        "push {r3}\n"
        "mov r4, #0\n"
        "vidup.u32 q4, r4, #1\n"
#if SMG_STRIDE == 1
        "vshl.i32 q4, q4, #6\n"
        "sub r0, r0, #128\n"
#else
        "vshl.i32 q4, q4, #7\n"
        "sub r0, r0, #192\n"
#endif
        "vadd.i32 q4, q4, r0\n"
        "mov r7, r2\n"
        "movw r8, #4 * " SMG_TEXT(
            SMG_OUT_STEP) "\n"
                          "mov r10, #" SMG_TEXT(
                              SMG_ACT_MIN) "\n"
                                           "mov r12, #" SMG_TEXT(
                                               SMG_ACT_MAX) "\n"
                                                            "1:\n" SMG_WEIGHTS "ldrd r3, r5, [r1], #8\n"
                                                            "ldrd r9, r11, [r1], #8\n"
                                                            "movw r0, #" SMG_TEXT(
                                                                SMG_PLACES) " / 4\n"
                                                                            "dls lr, r0\n"
                                                                            "2:\n" SMG_BLOCK
                                                                            "le lr, 2b\n" SMG_LAST_BLOCK
                                                                            "movw r0, #(4 - " SMG_WORDS ") & 0xffff\n"
                                                                            "movt r0, #((4 - " SMG_WORDS
                                                                            ") >> 16) & 0xffff\n"
                                                                            "vadd.i32 q4, q4, r0\n"
                                                                            "movw r0, #(1 - " SMG_OUTPUTS ") & 0xffff\n"
                                                                            "movt r0, #((1 - " SMG_OUTPUTS
                                                                            ") >> 16) & 0xffff\n"
                                                                            "add r7, r7, r0\n"
                                                                            "ldr r0, [sp]\n"
                                                                            "subs r0, r0, #1\n"
                                                                            "str r0, [sp]\n"
                                                                            "bne 1b\n"
                                                                            "add sp, sp, #4\n"
                                                                            "vpop {d8-d15}\n"
                                                                            "pop {r4-r11, pc}\n");
}
#endif
