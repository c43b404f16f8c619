/* SPDX-License-Identifier: Apache-2.0 */
/* The loops of smg_features.c for a Cortex-M4 with FPU, for windows of 1024 and hops of half of that: 32 FPU registers
 * hold a butterfly of eight, results go out as blocks (a VSTR takes 2 cycles, a word of a VSTM 1), and no result is used
 * by the next instruction. Operations and their order are those of smg_features_passes.c. */
#include "smg_features_tables.h"

#define EIGHTH (SMG_FEATURES_WINDOW / 16)
#define SPAN (8 * EIGHTH) /* bytes between two inputs of a butterfly */
#define STEP_BYTES (SMG_FEATURES_WINDOW / 2 / 8 * 4) /* between two powers of a butterfly of the last pass */
#define PAIRS (SMG_FEATURES_WINDOW / 2 / 8 / 2 - 1)
#define HALF_ROOT 0x3f3504f3 /* sqrt(1/2) */

    .syntax unified
    .thumb

/* Complex c is registers s(2c) and s(2c + 1), given as two numbers. */
.macro add_sub ar, ai, br, bi, sr, si, dr, di /* s = a + b, d = a - b */
    vadd.f32 s\sr, s\ar, s\br
    vadd.f32 s\si, s\ai, s\bi
    vsub.f32 s\dr, s\ar, s\br
    vsub.f32 s\di, s\ai, s\bi
.endm

.macro minus_plus_i ar, ai, br, bi, mr, mi, pr, pi /* m = a - i b, p = a + i b */
    vadd.f32 s\mr, s\ar, s\bi
    vsub.f32 s\mi, s\ai, s\br
    vsub.f32 s\pr, s\ar, s\bi
    vadd.f32 s\pi, s\ai, s\br
.endm

/* s0-s15 hold x[0], x[4], x[2], x[6], x[1], x[5], x[3], x[7]; afterwards s16-s31 hold y[0] to y[7]. */
.macro dft8 half_root
    add_sub 0, 1, 2, 3, 16, 17, 18, 19     /* a0, a4 */
    add_sub 4, 5, 6, 7, 20, 21, 22, 23     /* a2, a6 */
    add_sub 8, 9, 10, 11, 24, 25, 26, 27   /* a1, a5 */
    add_sub 12, 13, 14, 15, 28, 29, 30, 31 /* a3, a7 */
    add_sub 16, 17, 20, 21, 0, 1, 2, 3     /* b0, b2 */
    add_sub 24, 25, 28, 29, 4, 5, 6, 7     /* b1, b3 */
    minus_plus_i 18, 19, 22, 23, 8, 9, 10, 11 /* b4, b6 */
    add_sub 26, 27, 30, 31, 14, 15, 12, 13 /* v, u */
    vmov s20, \half_root
    vadd.f32 s16, s12, s15 /* t: u - i v */
    vsub.f32 s17, s13, s14
    vsub.f32 s18, s15, s12 /* w: -u - i v, its imaginary part negated below */
    vadd.f32 s19, s13, s14
    vmul.f32 s12, s16, s20
    vmul.f32 s13, s17, s20
    vmul.f32 s14, s18, s20
    vnmul.f32 s15, s19, s20
    add_sub 0, 1, 4, 5, 16, 17, 24, 25        /* y0, y4 */
    minus_plus_i 2, 3, 6, 7, 20, 21, 28, 29   /* y2, y6 */
    add_sub 8, 9, 12, 13, 18, 19, 26, 27      /* y1, y5 */
    add_sub 10, 11, 14, 15, 22, 23, 30, 31    /* y3, y7 */
.endm

.macro turn r, i, c, s /* s(r) + i s(i) times s(c) + i s(s) */
    vmul.f32 s14, s\r, s\s
    vmul.f32 s15, s\i, s\s
    vmul.f32 s\r, s\r, s\c
    vmul.f32 s\i, s\i, s\c
    vsub.f32 s\r, s\r, s15
    vadd.f32 s\i, s14, s\i
.endm

.macro turn_all /* y[1] to y[7] by the twiddles in s0-s13 */
    turn 18, 19, 0, 1
    turn 20, 21, 2, 3
    turn 22, 23, 4, 5
    turn 24, 25, 6, 7
    turn 26, 27, 8, 9
    turn 28, 29, 10, 11
    turn 30, 31, 12, 13
.endm

.macro load_complex r, i, base, offset
    vldr s\r, [\base, #(\offset)]
    vldr s\i, [\base, #((\offset) + 4)]
.endm

/* Inputs of a butterfly from pointers at its x[1], x[4] and x[7]. */
.macro load_eight at1, at4, at7
    load_complex 0, 1, \at1, -SPAN
    load_complex 2, 3, \at4, 0
    load_complex 4, 5, \at1, SPAN
    load_complex 6, 7, \at7, -SPAN
    load_complex 8, 9, \at1, 0
    load_complex 10, 11, \at4, SPAN
    load_complex 12, 13, \at4, -SPAN
    load_complex 14, 15, \at7, 0
.endm

.macro function name
    .section .text.\name, "ax", %progbits
    .balign 4
    .global \name
    .type \name, %function
    .thumb_func
\name:
.endm

.macro end_of name
    .ltorg
    .size \name, . - \name
.endm

/* Two samples of word `now` after those of word `last`; r9 holds the factors, -previous below one. */
.macro emphasise_pair last, now, first, second
    smulbt r8, \now, r9
    smlatb r8, \last, r9, r8
    smuad \last, \now, r9
    vmov s\first, r8
    vmov s\second, \last
.endm

/* int32_t (const int16_t *x, float *y, int32_t n, int32_t before): eight samples a turn */
    function smg_features_emphasise
    push {r4-r9, lr}
    lsls r3, r3, #16
    ldr r9, =((SMG_FEATURES_EMPHASIS_ONE << 16) | ((-SMG_FEATURES_EMPHASIS_PREVIOUS) & 0xffff))
.Lemphasise:
    ldr r4, [r0]
    ldr r5, [r0, #4]
    ldr r6, [r0, #8]
    ldr r7, [r0, #12]
    adds r0, r0, #16
    emphasise_pair r3, r4, 0, 1
    emphasise_pair r4, r5, 2, 3
    emphasise_pair r5, r6, 4, 5
    emphasise_pair r6, r7, 6, 7
    mov r3, r7
    vcvt.f32.s32 s0, s0
    vcvt.f32.s32 s1, s1
    vcvt.f32.s32 s2, s2
    vcvt.f32.s32 s3, s3
    vcvt.f32.s32 s4, s4
    vcvt.f32.s32 s5, s5
    vcvt.f32.s32 s6, s6
    vcvt.f32.s32 s7, s7
    vstmia r1!, {s0-s7}
    subs r2, r2, #8
    bne .Lemphasise
    asrs r0, r3, #16
    pop {r4-r9, pc}
    end_of smg_features_emphasise

/* void (const float *early, const float *late, complex *to, const float *window, const complex *turn) */
    function smg_features_first_pass
    push {r4-r8, lr}
    ldr r4, [sp, #24]
    vpush {s16-s31}
    ldr r8, =HALF_ROOT
    add r5, r0, #(3 * SPAN) /* inputs 3 and 7 */
    add r6, r1, #(3 * SPAN)
    add r0, r0, #SPAN /* inputs 0 to 2 and 4 to 6 around these */
    add r1, r1, #SPAN
    movs r7, #EIGHTH
.Lfirst:
    load_complex 0, 1, r0, -SPAN
    load_complex 2, 3, r1, -SPAN
    load_complex 4, 5, r0, SPAN
    load_complex 6, 7, r1, SPAN
    load_complex 8, 9, r0, 0
    load_complex 10, 11, r1, 0
    load_complex 12, 13, r5, 0
    load_complex 14, 15, r6, 0
    vldmia r3!, {s16-s31} /* the window of inputs 0 to 7 */
    vmul.f32 s0, s0, s16
    vmul.f32 s1, s1, s17
    vmul.f32 s2, s2, s24
    vmul.f32 s3, s3, s25
    vmul.f32 s4, s4, s20
    vmul.f32 s5, s5, s21
    vmul.f32 s6, s6, s28
    vmul.f32 s7, s7, s29
    vmul.f32 s8, s8, s18
    vmul.f32 s9, s9, s19
    vmul.f32 s10, s10, s26
    vmul.f32 s11, s11, s27
    vmul.f32 s12, s12, s22
    vmul.f32 s13, s13, s23
    vmul.f32 s14, s14, s30
    vmul.f32 s15, s15, s31
    adds r0, r0, #8
    adds r1, r1, #8
    adds r5, r5, #8
    adds r6, r6, #8
    dft8 r8
    vldmia r4!, {s0-s13}
    turn_all
    vstmia r2!, {s16-s31}
    subs r7, r7, #1
    bne .Lfirst
    vpop {s16-s31}
    pop {r4-r8, pc}
    end_of smg_features_first_pass

/* void (const complex *from, complex *to, const complex *turn, int32_t group) */
    function smg_features_middle_pass
    push {r4-r9, lr}
    vpush {s16-s31}
    ldr r9, =HALF_ROOT
    add r0, r0, #SPAN
    add r4, r0, #(3 * SPAN)
    add r5, r0, #(6 * SPAN)
    adds r2, r2, #56
    mov r6, r3
.Lunturned: /* the first group, whose twiddles are 1 */
    load_eight r0, r4, r5
    adds r0, r0, #8
    adds r4, r4, #8
    adds r5, r5, #8
    dft8 r9
    vstmia r1!, {s16-s31}
    subs r6, r6, #1
    bne .Lunturned
    rsb r7, r3, #EIGHTH
.Lgroup:
    mov r6, r3
.Lturned:
    load_eight r0, r4, r5
    adds r0, r0, #8
    adds r4, r4, #8
    adds r5, r5, #8
    dft8 r9
    vldmia r2, {s0-s13}
    turn_all
    vstmia r1!, {s16-s31}
    subs r6, r6, #1
    bne .Lturned
    adds r2, r2, #56
    subs r7, r7, r3
    bne .Lgroup
    vpop {s16-s31}
    pop {r4-r9, pc}
    end_of smg_features_middle_pass

/* Powers from point a in s(ar), s(ai), its partner b in s(br), s(bi), and a twiddle in s4, s5: to s8 and s6. `turned`
 * names what makes g of f in s8, s9. */
.macro pair ar, ai, br, bi, turned
    vadd.f32 s6, s\ar, s\br /* e */
    vsub.f32 s7, s\ai, s\bi
    vadd.f32 s8, s\ai, s\bi /* f */
    vsub.f32 s9, s\br, s\ar
    \turned
    vadd.f32 s8, s6, s10
    vadd.f32 s9, s7, s11
    vsub.f32 s6, s6, s10
    vsub.f32 s7, s7, s11
    vmul.f32 s8, s8, s8
    vmul.f32 s9, s9, s9
    vmul.f32 s6, s6, s6
    vmul.f32 s7, s7, s7
    vadd.f32 s8, s8, s9
    vadd.f32 s6, s6, s7
.endm

.macro turned_once
    vmul.f32 s12, s9, s5
    vmul.f32 s10, s8, s4
    vmul.f32 s13, s9, s4
    vmul.f32 s11, s8, s5
    vsub.f32 s10, s10, s12
    vadd.f32 s11, s11, s13
.endm

.macro turned_by_a_quarter_more /* (c, s) -> (s, -c) */
    vmul.f32 s12, s9, s4
    vmul.f32 s10, s8, s5
    vmul.f32 s13, s8, s4
    vmul.f32 s11, s9, s5
    vadd.f32 s10, s10, s12
    vsub.f32 s11, s11, s13
.endm

/* Frequency y[j] and y[j + 4] of this butterfly with z[7 - j] and z[3 - j] of its partner's. */
.macro two_pairs j, ar, ai, br, bi
    vldr s0, [sp, #(8 * (7 - \j))]
    vldr s1, [sp, #(8 * (7 - \j) + 4)]
    vldr s2, [sp, #(8 * (3 - \j))]
    vldr s3, [sp, #(8 * (3 - \j) + 4)]
    vldr s4, [r3, #(8 * \j)]
    vldr s5, [r3, #(8 * \j + 4)]
    pair \ar, \ai, 0, 1, turned_once
    vstr s8, [r1, #(STEP_BYTES * \j)]
    vstr s6, [r6, #(STEP_BYTES * (3 - \j))]
    pair \br, \bi, 2, 3, turned_by_a_quarter_more
    vstr s8, [r4, #(STEP_BYTES * \j)]
    vstr s6, [r5, #(STEP_BYTES * (3 - \j))]
.endm

/* void (const complex *from, float *power, const uint16_t *order, const complex *turn) */
    function smg_features_last_pass
    push {r4-r12, lr}
    vpush {s16-s31}
    sub sp, sp, #64 /* z */
    ldr lr, =HALF_ROOT
    add r0, r0, #SPAN
    add r5, r1, #(STEP_BYTES - 4) /* STEP - 1, + STEP, ... and four steps on */
    add r6, r5, #(4 * STEP_BYTES)
    adds r1, r1, #4 /* 1, 1 + STEP, ... */
    add r4, r1, #(4 * STEP_BYTES)
    movs r7, #PAIRS
.Llast:
    ldrh r8, [r2], #2
    ldrh r9, [r2], #2
    add r8, r0, r8, lsl #3
    add r9, r0, r9, lsl #3
    add r10, r9, #(3 * SPAN)
    add r11, r9, #(6 * SPAN)
    load_eight r9, r10, r11
    add r10, r8, #(3 * SPAN)
    add r11, r8, #(6 * SPAN)
    dft8 lr
    vstmia sp, {s16-s31}
    load_eight r8, r10, r11
    dft8 lr
    two_pairs 0, 16, 17, 24, 25
    two_pairs 1, 18, 19, 26, 27
    two_pairs 2, 20, 21, 28, 29
    two_pairs 3, 22, 23, 30, 31
    adds r1, r1, #4
    adds r4, r4, #4
    subs r5, r5, #4
    subs r6, r6, #4
    adds r3, r3, #32
    subs r7, r7, #1
    bne .Llast
    add sp, sp, #64
    vpop {s16-s31}
    pop {r4-r12, pc}
    end_of smg_features_last_pass
