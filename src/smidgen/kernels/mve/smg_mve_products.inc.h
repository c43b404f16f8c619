/* SPDX-License-Identifier: Apache-2.0 */
/* Eight sums of products at a time in the even general registers: all of an output's arithmetic in one stream of
 * constants (streams.py), by assembly because compilers do not keep eight accumulators in registers. The instance gives
 *   SMG_PASSES, SMG_STEPS  vectors of 16 bytes of a window: passes of so many unrolled steps
 *   SMG_ALIGNED            windows start at multiples of 4 bytes
 *   SMG_WINDOW_STEP        bytes from one window to the next, below 64 K
 *   SMG_OUT_C              at most 4095, and what smg_mve_requantize.inc.h needs. */
#ifndef SMG_MVE_PRODUCTS_INC_H
#define SMG_MVE_PRODUCTS_INC_H
#include "smg_mve_requantize.inc.h"
#include "smg_naked.h"

#if SMG_ALIGNED
#define SMG_LOAD "vldrw.u32 "
#else
#define SMG_LOAD "vldrb.u8 "
#endif

/* r1 and r3 are two windows, r5 the weights of four channels, sixteen bytes of each in turn. */
#define SMG_STEP_OF_TWO(multiply, at)                                                                     \
    SMG_LOAD "q0, [r1, #" at "]\n"                                                                        \
             "vldrw.u32 q2, [r5], #16\n" multiply " r0, q0, q2\n" SMG_LOAD "q1, [r3, #" at "]\n" multiply \
             " r8, q1, q2\n"                                                                              \
             "vldrw.u32 q3, [r5], #16\n" multiply " r2, q0, q3\n" multiply " r10, q1, q3\n"               \
             "vldrw.u32 q2, [r5], #16\n" multiply " r4, q0, q2\n" multiply " r12, q1, q2\n"               \
             "vldrw.u32 q3, [r5], #16\n" multiply " r6, q0, q3\n" multiply " r14, q1, q3\n"

/* r1 is a window, r5 the weights of eight channels. */
#define SMG_STEP_OF_ONE(multiply, at)                              \
    SMG_LOAD "q0, [r1, #" at "]\n"                                 \
             "vldrw.u32 q2, [r5], #16\n" multiply " r0, q0, q2\n"  \
             "vldrw.u32 q3, [r5], #16\n" multiply " r2, q0, q3\n"  \
             "vldrw.u32 q2, [r5], #16\n" multiply " r4, q0, q2\n"  \
             "vldrw.u32 q3, [r5], #16\n" multiply " r6, q0, q3\n"  \
             "vldrw.u32 q2, [r5], #16\n" multiply " r8, q0, q2\n"  \
             "vldrw.u32 q3, [r5], #16\n" multiply " r10, q0, q3\n" \
             "vldrw.u32 q2, [r5], #16\n" multiply " r12, q0, q2\n" \
             "vldrw.u32 q3, [r5], #16\n" multiply " r14, q0, q3\n"

#define SMG_FURTHER_STEPS(step)                                               \
    ".irp at,16,32,48,64,80,96,112,128,144,160,176,192,208,224,240,256,272\n" \
    ".if \\at < 16 * " SMG_TEXT(SMG_STEPS) "\n" step("vmladava.s8", "\\at") ".endif\n.endr\n"

#if SMG_PASSES == 1
#define SMG_ALL_STEPS(step, advance, retreat) step("vmladav.s8", "0") SMG_FURTHER_STEPS(step)
#else
#define SMG_ALL_STEPS(step, advance, retreat)                                                          \
    "mov r0, #0\nmov r2, #0\nmov r4, #0\nmov r6, #0\n"                                                 \
    "mov r8, #0\nmov r10, #0\nmov r12, #0\nmov r14, #0\n"                                              \
    "movw r11, #" SMG_TEXT(SMG_PASSES) "\n"                                                            \
                                       "3:\n" step("vmladava.s8", "0") SMG_FURTHER_STEPS(step) advance \
        "subs r11, r11, #1\n"                                                                          \
        "bne 3b\n"                                                                                     \
        "movw r11, #16 * " SMG_TEXT(SMG_STEPS) " * " SMG_TEXT(SMG_PASSES) "\n" retreat
#endif
#define SMG_ADVANCE(window) "add " window ", " window ", #16 * " SMG_TEXT(SMG_STEPS) "\n"
#define SMG_RETREAT(window) "sub " window ", " window ", r11\n"

#define SMG_ENTER         \
    "push {r4-r11, lr}\n" \
    "vpush {d8-d13}\n"
#define SMG_LEAVE     \
    "vpop {d8-d13}\n" \
    "pop {r4-r11, pc}\n"

#if SMG_PAIRS
#define SMG_BLOCKS ((SMG_OUT_C + 3) / 4)
#if SMG_OUT_C <= 127
#define SMG_SECOND_PIXEL ""
#define SMG_SECOND "[r7, #" SMG_TEXT(SMG_OUT_C) "]\n"
#else
#define SMG_SECOND_PIXEL "addw r2, r7, #" SMG_TEXT(SMG_OUT_C) "\n"
#define SMG_SECOND "[r2]\n"
#endif
#if SMG_OUT_C % 4 == 0
#define SMG_STORE "vstrb.32 q1, " SMG_SECOND "vstrb.32 q0, [r7], #4\n"
#else
#define SMG_STORE                                          \
    "lsl r0, r9, #2\n"                                     \
    "sub r0, r0, #4 - " SMG_TEXT(SMG_OUT_C) " % 4\n"       \
                                            "vctp.32 r0\n" \
                                            "vpstt\n"      \
                                            "vstrbt.32 q1, " SMG_SECOND "vstrbt.32 q0, [r7], #4\n"
#endif

#if SMG_PASSES == 1 /* r11 counts the pixels behind the pair */
#define SMG_COUNT_IN ""
#define SMG_COUNT_OUT ""
#else /* and passes besides */
#define SMG_COUNT_IN "ldr r11, [sp, #4]\n"
#define SMG_COUNT_OUT "str r11, [sp, #4]\n"
#endif
#if SMG_WINDOW_STEP <= 4095
#define SMG_NEXT_WINDOW(to, from) "addw " to ", " from ", #" SMG_TEXT(SMG_WINDOW_STEP) "\n"
#else
#define SMG_NEXT_WINDOW(to, from) "movw r0, #" SMG_TEXT(SMG_WINDOW_STEP) "\nadd " to ", " from ", r0\n"
#endif
#if SMG_OUT_C % 4 == 0
#define SMG_NEXT_PAIR "addw r7, r7, #" SMG_TEXT(SMG_OUT_C) "\n"
#elif SMG_OUT_C < 4
#define SMG_NEXT_PAIR "add r7, r7, #2 * " SMG_TEXT(SMG_OUT_C) " - 4\n"
#else
#define SMG_NEXT_PAIR "addw r7, r7, #2 * " SMG_TEXT(SMG_OUT_C) " - (" SMG_TEXT(SMG_OUT_C) " + 3) / 4 * 4\n"
#endif

/* Pairs of pixels outside, blocks of four channels inside. An odd last pixel goes with the one before it again. */
SMG_NAKED void smg_mve_pixels(const int8_t *x /* windows, one every SMG_WINDOW_STEP */, const int32_t *b,
                              int8_t *y /* (pixels, SMG_OUT_C) */, int32_t pixels /* at least 2 */) {
    __asm__ volatile(
        SMG_ENTER
        "sub r11, r3, #2\n"
        "push {r1, r11}\n"
        "mov r7, r2\n"
        "mov r1, r0\n" SMG_SET_RANGE "1:\n" SMG_NEXT_WINDOW(
            "r3", "r1") "ldr r5, [sp]\n"
                        "movw r9, #(" SMG_TEXT(
                            SMG_OUT_C) " + 3) / 4\n"
                                       "2:\n" SMG_ALL_STEPS(SMG_STEP_OF_TWO, SMG_ADVANCE("r1") SMG_ADVANCE("r3"),
                                                            SMG_RETREAT("r1") SMG_RETREAT("r3"))
                                           SMG_COLLECT SMG_NEXT("q2") SMG_BIAS("q0") SMG_BIAS("q1") SMG_NEXT("q2")
                                               SMG_SCALE("q0") SMG_SCALE("q1") SMG_AWAY_FROM_ZERO("q0")
                                                   SMG_AWAY_FROM_ZERO("q1") SMG_NEXT("q2") SMG_SHIFT("q0")
                                                       SMG_SHIFT("q1") SMG_PACK
        "vshr.u32 q1, q0, #16\n" SMG_SECOND_PIXEL SMG_STORE "subs r9, r9, #1\n"
        "bne 2b\n" SMG_COUNT_IN "cmp r11, #2\n"
        "blt 4f\n" SMG_NEXT_WINDOW("r1", "r3") SMG_NEXT_PAIR
        "sub r11, r11, #2\n" SMG_COUNT_OUT "b 1b\n"
        "4:\n"
        "cmp r11, #1\n"
        "bne 9f\n"
        "mov r1, r3\n"
        "movw r4, #(" SMG_TEXT(SMG_OUT_C) " + 3) / 4 * 4 - " SMG_TEXT(SMG_OUT_C) "\n"
                                                                                 "sub r7, r7, r4\n"
                                                                                 "mov r11, #0\n" SMG_COUNT_OUT "b 1b\n"
                                                                                 "9:\n"
                                                                                 "add sp, sp, #8\n" SMG_LEAVE);
}
#else
#if SMG_OUT_C % 8 == 0
#define SMG_STORE "vstrb.16 q0, [r7], #8\n"
#else
#define SMG_STORE                                          \
    "lsl r0, r9, #3\n"                                     \
    "sub r0, r0, #8 - " SMG_TEXT(SMG_OUT_C) " % 8\n"       \
                                            "vctp.16 r0\n" \
                                            "vpst\n"       \
                                            "vstrbt.16 q0, [r7], #8\n"
#endif

/* One pixel, blocks of eight channels: q0 has the even ones, q1 the odd ones. */
SMG_NAKED void smg_mve_pixel(const int8_t *x /* a window */, const int32_t *b, int8_t *y /* (SMG_OUT_C) */) {
    __asm__ volatile(SMG_ENTER
                     "mov r7, r2\n"
                     "mov r5, r1\n"
                     "mov r1, r0\n" SMG_SET_RANGE "movw r9, #(" SMG_TEXT(
                         SMG_OUT_C) " + 7) / 8\n"
                                    "2:\n" SMG_ALL_STEPS(SMG_STEP_OF_ONE, SMG_ADVANCE("r1"), SMG_RETREAT("r1"))
                                        SMG_COLLECT SMG_NEXT("q2") SMG_BIAS("q0") SMG_NEXT("q2") SMG_BIAS("q1")
                                            SMG_NEXT("q2") SMG_SCALE("q0") SMG_NEXT("q2") SMG_SCALE("q1")
                                                SMG_AWAY_FROM_ZERO("q0") SMG_AWAY_FROM_ZERO("q1") SMG_NEXT("q2")
                                                    SMG_SHIFT("q0") SMG_NEXT("q2") SMG_SHIFT("q1") SMG_PACK SMG_STORE
                     "subs r9, r9, #1\n"
                     "bne 2b\n" SMG_LEAVE);
}
#endif
#endif
