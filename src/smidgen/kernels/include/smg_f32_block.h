/* SPDX-License-Identifier: Apache-2.0 */
/* Sums over windows of four output channels at a time, for one pixel or for four: 16 accumulators, 4 weights, inputs
 * and products fit the 32 registers of a single-precision FPU. Each accumulator takes its products one by one in order,
 * as the plain kernels do; only which accumulators grow side by side is free. The loops are assembly because compilers
 * load weights one by one and add each product right after it was made, which waits for it: 4.3 cycles a
 * multiply-accumulate instead of 2.8 on a Cortex-M4. */
#ifndef SMG_F32_BLOCK_H
#define SMG_F32_BLOCK_H
#include "smg_float.h"

#if !defined(SMG_WEIGHTS_H)
#error "include smg_f32_weights.h or smg_f16_weights.h first: they say how weights lie in memory"
#endif

/* Four neighbouring output channels. */
typedef struct {
    float c0, c1, c2, c3;
} smg_quad;

/* The accumulators of four pixels. */
typedef struct {
    smg_quad p0, p1, p2, p3;
} smg_block;

/* What a sum reads: ``rows`` of ``runs`` of ``length`` inputs side by side, with as many weights (length, 4); how many
 * elements of x and words of w are left out after each run, and after each row besides. */
typedef struct {
    int32_t rows, runs, length, run_x, run_w, row_x, row_w;
} smg_reading;

/* The same of a depthwise layer: ``rows`` of ``taps`` channels; from tap to tap, and what is left out after a row. */
typedef struct {
    int32_t rows, taps, tap_x, tap_w, row_x, row_w;
} smg_tap_reading;

SMG_INLINE smg_quad smg_quad_load(const float *p) {
    const smg_quad q = {p[0], p[1], p[2], p[3]};
    return q;
}

SMG_INLINE smg_quad smg_quad_weights(const smg_words *w) {
    float v[4];
    smg_four_weights(v, w);
    return smg_quad_load(v);
}

SMG_INLINE smg_quad smg_quad_add_product(smg_quad acc, float x, smg_quad w) {
    const smg_quad q = {acc.c0 + x * w.c0, acc.c1 + x * w.c1, acc.c2 + x * w.c2, acc.c3 + x * w.c3};
    return q;
}

SMG_INLINE smg_quad smg_quad_add_products(smg_quad acc, smg_quad x, smg_quad w) {
    const smg_quad q = {acc.c0 + x.c0 * w.c0, acc.c1 + x.c1 * w.c1, acc.c2 + x.c2 * w.c2, acc.c3 + x.c3 * w.c3};
    return q;
}

/* As smg_clip, twice: a bound that is infinite costs nothing but the question. */
SMG_INLINE smg_quad smg_quad_clip(smg_quad v, float lo, float hi) {
    if (lo > -__builtin_inff()) {
        v.c0 = v.c0 < lo ? lo : v.c0, v.c1 = v.c1 < lo ? lo : v.c1;
        v.c2 = v.c2 < lo ? lo : v.c2, v.c3 = v.c3 < lo ? lo : v.c3;
    }
    if (hi < __builtin_inff()) {
        v.c0 = v.c0 > hi ? hi : v.c0, v.c1 = v.c1 > hi ? hi : v.c1;
        v.c2 = v.c2 > hi ? hi : v.c2, v.c3 = v.c3 > hi ? hi : v.c3;
    }
    return v;
}

SMG_INLINE smg_block smg_block_clip(smg_block v, float lo, float hi) {
    const float none = __builtin_inff();
    if (lo > -none) {
        v.p0 = smg_quad_clip(v.p0, lo, none), v.p1 = smg_quad_clip(v.p1, lo, none);
        v.p2 = smg_quad_clip(v.p2, lo, none), v.p3 = smg_quad_clip(v.p3, lo, none);
    }
    if (hi < none) {
        v.p0 = smg_quad_clip(v.p0, -none, hi), v.p1 = smg_quad_clip(v.p1, -none, hi);
        v.p2 = smg_quad_clip(v.p2, -none, hi), v.p3 = smg_quad_clip(v.p3, -none, hi);
    }
    return v;
}

/* The first ``left`` channels to y. */
SMG_INLINE void smg_quad_store(float *y, smg_quad v, int32_t left) {
    y[0] = v.c0;
    if (left > 3) {
        y[1] = v.c1, y[2] = v.c2, y[3] = v.c3;
        return;
    }
    if (left > 1) y[1] = v.c1;
    if (left > 2) y[2] = v.c2;
}

SMG_INLINE void smg_block_store(float *y, int32_t step, smg_block v, int32_t left) {
    smg_quad_store(y, v.p0, left);
    smg_quad_store(y + step, v.p1, left);
    smg_quad_store(y + 2 * step, v.p2, left);
    smg_quad_store(y + 3 * step, v.p3, left);
}

/* b (4) plus the products channel by channel, of one pixel. */
SMG_INLINE smg_quad smg_quad_taps(const float *b, const float *x, const smg_words *w, const smg_tap_reading *r) {
    smg_quad acc = smg_quad_load(b);
    int32_t at = 0, weight = 0;
    for (int32_t row = r->rows; row > 0; row--, at += r->row_x, weight += r->row_w) {
        for (int32_t tap = r->taps; tap > 0; tap--, at += r->tap_x, weight += r->tap_w) {
            acc = smg_quad_add_products(acc, smg_quad_load(x + at), smg_quad_weights(w + weight));
        }
    }
    return acc;
}

#if defined(__thumb2__) && defined(__ARM_FP)
#define SMG_MUL4(t0, t1, t2, t3, w0, w1, w2, w3, x)                        \
    "vmul.f32 " t0 ", " w0 ", " x "\n\tvmul.f32 " t1 ", " w1 ", " x "\n\t" \
    "vmul.f32 " t2 ", " w2 ", " x "\n\tvmul.f32 " t3 ", " w3 ", " x "\n\t"
#define SMG_ADD4(a0, a1, a2, a3, t0, t1, t2, t3)                             \
    "vadd.f32 " a0 ", " a0 ", " t0 "\n\tvadd.f32 " a1 ", " a1 ", " t1 "\n\t" \
    "vadd.f32 " a2 ", " a2 ", " t2 "\n\tvadd.f32 " a3 ", " a3 ", " t3 "\n\t"
/* Weights s16 to s19, input x, four accumulators. */
#define SMG_PIXEL(x, a0, a1, a2, a3)                                    \
    SMG_MUL4("s28", "s29", "s30", "s31", "s16", "s17", "s18", "s19", x) \
    SMG_ADD4(a0, a1, a2, a3, "s28", "s29", "s30", "s31")
#define SMG_BLOCK(x0, x1, x2, x3)           \
    SMG_PIXEL(x0, "s0", "s1", "s2", "s3")   \
    SMG_PIXEL(x1, "s4", "s5", "s6", "s7")   \
    SMG_PIXEL(x2, "s8", "s9", "s10", "s11") \
    SMG_PIXEL(x3, "s12", "s13", "s14", "s15")
/* One pixel with weights w0 to w3, input x. */
#define SMG_STEP(w0, w1, w2, w3, x)                       \
    SMG_MUL4("s8", "s9", "s10", "s11", w0, w1, w2, w3, x) \
    SMG_ADD4("s0", "s1", "s2", "s3", "s8", "s9", "s10", "s11")
/* Weights s16 to s19, inputs s20 to s23, four accumulators. */
#define SMG_CHANNELS(a0, a1, a2, a3)                       \
    "vmul.f32 s24, s20, s16\n\tvmul.f32 s25, s21, s17\n\t" \
    "vmul.f32 s26, s22, s18\n\tvmul.f32 s27, s23, s19\n\t" SMG_ADD4(a0, a1, a2, a3, "s24", "s25", "s26", "s27")

/* b (4) plus the products of one pixel. */
SMG_INLINE smg_quad smg_quad_dot(const float *b, const float *x, const smg_words *w, const smg_reading *r) {
    register float a0 __asm__("s0"), a1 __asm__("s1"), a2 __asm__("s2"), a3 __asm__("s3");
    int32_t rows, runs, n;
    /* clang-format off */
    __asm__ volatile(
        "vldmia %[b], {s0-s3}\n\t"
        "ldr %[rows], [%[r]]\n\t"
        "cmp %[rows], #0\n\t"
        "beq 9f\n\t"
        "1: ldr %[runs], [%[r], #4]\n\t"
        "2: ldr %[n], [%[r], #8]\n\t"
        "ands %[b], %[n], #3\n\t"
        "beq 4f\n\t"
        "3: " SMG_LOAD_4_WEIGHTS("!")
        "vldmia %[x]!, {s4}\n\t"
        "subs %[b], #1\n\t"
        SMG_STEP("s16", "s17", "s18", "s19", "s4")
        "bne 3b\n\t"
        "4: asrs %[n], %[n], #2\n\t"
        "beq 6f\n\t"
        ".p2align 2\n\t"
        "5: " SMG_LOAD_16_WEIGHTS
        "vldmia %[x]!, {s4-s7}\n\t"
        "subs %[n], #1\n\t"
        SMG_STEP("s16", "s17", "s18", "s19", "s4")
        SMG_STEP("s20", "s21", "s22", "s23", "s5")
        SMG_STEP("s24", "s25", "s26", "s27", "s6")
        SMG_STEP("s28", "s29", "s30", "s31", "s7")
        "bne 5b\n\t"
        "6: ldrd %[n], %[b], [%[r], #12]\n\t"
        "add %[x], %[x], %[n], lsl #2\n\t"
        "add %[w], %[w], %[b], lsl #2\n\t"
        "subs %[runs], #1\n\t"
        "bne 2b\n\t"
        "ldrd %[n], %[b], [%[r], #20]\n\t"
        "add %[x], %[x], %[n], lsl #2\n\t"
        "add %[w], %[w], %[b], lsl #2\n\t"
        "subs %[rows], #1\n\t"
        "bne 1b\n\t"
        "9:\n\t"
        : "=&t"(a0), "=&t"(a1), "=&t"(a2),
          "=&t"(a3), [b] "+r"(b), [x] "+r"(x), [w] "+r"(w), [rows] "=&r"(rows), [runs] "=&r"(runs), [n] "=&r"(n)
        : [r] "r"(r)
        : "cc", "memory", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "s16", "s17", "s18", "s19", "s20", "s21",
          "s22", "s23", "s24", "s25", "s26", "s27", "s28", "s29", "s30", "s31");
    /* clang-format on */
    const smg_quad result = {a0, a1, a2, a3};
    return result;
}

/* The bias in 16 sums; where the four pixels lie; at 9 if there is no row. */
#define SMG_BLOCK_START                     \
    "vldmia %[b], {s0-s3}\n\t"              \
    "add %[x1], %[x], %[step], lsl #2\n\t"  \
    "vmov.f32 s4, s0\n\t"                   \
    "vmov.f32 s5, s1\n\t"                   \
    "vmov.f32 s6, s2\n\t"                   \
    "vmov.f32 s7, s3\n\t"                   \
    "vmov.f32 s8, s0\n\t"                   \
    "vmov.f32 s9, s1\n\t"                   \
    "vmov.f32 s10, s2\n\t"                  \
    "vmov.f32 s11, s3\n\t"                  \
    "vmov.f32 s12, s0\n\t"                  \
    "vmov.f32 s13, s1\n\t"                  \
    "vmov.f32 s14, s2\n\t"                  \
    "vmov.f32 s15, s3\n\t"                  \
    "add %[x2], %[x1], %[step], lsl #2\n\t" \
    "add %[x3], %[x2], %[step], lsl #2\n\t" \
    "ldr %[rows], [%[r]]\n\t"               \
    "cmp %[rows], #0\n\t"                   \
    "beq 9f\n\t"

/* b (4) plus the products, of four pixels ``step`` inputs apart. */
SMG_INLINE smg_block smg_block_dot(const float *b, const float *x, int32_t step, const smg_words *w,
                                   const smg_reading *r) {
    register float a0 __asm__("s0"), a1 __asm__("s1"), a2 __asm__("s2"), a3 __asm__("s3");
    register float a4 __asm__("s4"), a5 __asm__("s5"), a6 __asm__("s6"), a7 __asm__("s7");
    register float a8 __asm__("s8"), a9 __asm__("s9"), a10 __asm__("s10"), a11 __asm__("s11");
    register float a12 __asm__("s12"), a13 __asm__("s13"), a14 __asm__("s14"), a15 __asm__("s15");
    const float *x1, *x2, *x3;
    int32_t rows, runs;
    /* clang-format off */
    __asm__ volatile(
        SMG_BLOCK_START
        "1: ldr %[runs], [%[r], #4]\n\t"
        "2: ldr %[b], [%[r], #8]\n\t"
        "lsrs %[b], %[b], #1\n\t"
        "bcc 3f\n\t"
        SMG_LOAD_4_WEIGHTS("!")
        "vldmia %[x]!, {s20}\n\t"
        "vldmia %[x1]!, {s22}\n\t"
        "vldmia %[x2]!, {s24}\n\t"
        "vldmia %[x3]!, {s26}\n\t"
        SMG_BLOCK("s20", "s22", "s24", "s26")
        "3: beq 5f\n\t"
        ".p2align 2\n\t"
        "4: " SMG_LOAD_4_WEIGHTS("!")
        "vldmia %[x]!, {s20-s21}\n\t"
        "vldmia %[x1]!, {s22-s23}\n\t"
        "vldmia %[x2]!, {s24-s25}\n\t"
        "vldmia %[x3]!, {s26-s27}\n\t"
        SMG_BLOCK("s20", "s22", "s24", "s26")
        SMG_LOAD_4_WEIGHTS("!")
        "subs %[b], #1\n\t"
        SMG_BLOCK("s21", "s23", "s25", "s27")
        "bne 4b\n\t"
        "5: ldrd %[step], %[b], [%[r], #12]\n\t"
        "add %[x], %[x], %[step], lsl #2\n\t"
        "add %[x1], %[x1], %[step], lsl #2\n\t"
        "add %[x2], %[x2], %[step], lsl #2\n\t"
        "add %[x3], %[x3], %[step], lsl #2\n\t"
        "add %[w], %[w], %[b], lsl #2\n\t"
        "subs %[runs], #1\n\t"
        "bne 2b\n\t"
        "ldrd %[step], %[b], [%[r], #20]\n\t"
        "add %[x], %[x], %[step], lsl #2\n\t"
        "add %[x1], %[x1], %[step], lsl #2\n\t"
        "add %[x2], %[x2], %[step], lsl #2\n\t"
        "add %[x3], %[x3], %[step], lsl #2\n\t"
        "add %[w], %[w], %[b], lsl #2\n\t"
        "subs %[rows], #1\n\t"
        "bne 1b\n\t"
        "9:\n\t"
        : "=&t"(a0), "=&t"(a1), "=&t"(a2), "=&t"(a3), "=&t"(a4), "=&t"(a5), "=&t"(a6), "=&t"(a7),
          "=&t"(a8), "=&t"(a9), "=&t"(a10), "=&t"(a11), "=&t"(a12), "=&t"(a13), "=&t"(a14),
          "=&t"(a15), [b] "+r"(b), [x] "+r"(x), [w] "+r"(w), [step] "+r"(step), [x1] "=&r"(x1),
          [x2] "=&r"(x2), [x3] "=&r"(x3), [rows] "=&r"(rows), [runs] "=&r"(runs)
        : [r] "r"(r)
        : "cc", "memory", "s16", "s17", "s18", "s19", "s20", "s21", "s22", "s23", "s24", "s25", "s26",
          "s27", "s28", "s29", "s30", "s31");
    /* clang-format on */
    const smg_block result = {{a0, a1, a2, a3}, {a4, a5, a6, a7}, {a8, a9, a10, a11}, {a12, a13, a14, a15}};
    return result;
}

/* b (4) plus the products channel by channel, of four pixels ``step`` inputs apart. */
SMG_INLINE smg_block smg_block_taps(const float *b, const float *x, int32_t step, const smg_words *w,
                                    const smg_tap_reading *r) {
    register float a0 __asm__("s0"), a1 __asm__("s1"), a2 __asm__("s2"), a3 __asm__("s3");
    register float a4 __asm__("s4"), a5 __asm__("s5"), a6 __asm__("s6"), a7 __asm__("s7");
    register float a8 __asm__("s8"), a9 __asm__("s9"), a10 __asm__("s10"), a11 __asm__("s11");
    register float a12 __asm__("s12"), a13 __asm__("s13"), a14 __asm__("s14"), a15 __asm__("s15");
    const float *x1, *x2, *x3;
    int32_t rows, n;
    /* clang-format off */
    __asm__ volatile(
        SMG_BLOCK_START
        "1: ldrd %[n], %[step], [%[r], #4]\n\t"
        "ldr %[b], [%[r], #12]\n\t"
        ".p2align 2\n\t"
        "2: " SMG_LOAD_4_WEIGHTS("")
        "vldmia %[x], {s20-s23}\n\t"
        "add %[w], %[w], %[b], lsl #2\n\t"
        "add %[x], %[x], %[step], lsl #2\n\t"
        SMG_CHANNELS("s0", "s1", "s2", "s3")
        "vldmia %[x1], {s20-s23}\n\t"
        "add %[x1], %[x1], %[step], lsl #2\n\t"
        SMG_CHANNELS("s4", "s5", "s6", "s7")
        "vldmia %[x2], {s20-s23}\n\t"
        "add %[x2], %[x2], %[step], lsl #2\n\t"
        SMG_CHANNELS("s8", "s9", "s10", "s11")
        "vldmia %[x3], {s20-s23}\n\t"
        "add %[x3], %[x3], %[step], lsl #2\n\t"
        "subs %[n], #1\n\t"
        SMG_CHANNELS("s12", "s13", "s14", "s15")
        "bne 2b\n\t"
        "ldrd %[step], %[b], [%[r], #16]\n\t"
        "add %[x], %[x], %[step], lsl #2\n\t"
        "add %[x1], %[x1], %[step], lsl #2\n\t"
        "add %[x2], %[x2], %[step], lsl #2\n\t"
        "add %[x3], %[x3], %[step], lsl #2\n\t"
        "add %[w], %[w], %[b], lsl #2\n\t"
        "subs %[rows], #1\n\t"
        "bne 1b\n\t"
        "9:\n\t"
        : "=&t"(a0), "=&t"(a1), "=&t"(a2), "=&t"(a3), "=&t"(a4), "=&t"(a5), "=&t"(a6), "=&t"(a7), "=&t"(a8), "=&t"(a9),
          "=&t"(a10), "=&t"(a11), "=&t"(a12), "=&t"(a13), "=&t"(a14), "=&t"(a15), [b] "+r"(b), [x] "+r"(x), [w] "+r"(w),
          [step] "+r"(step), [x1] "=&r"(x1), [x2] "=&r"(x2), [x3] "=&r"(x3), [rows] "=&r"(rows), [n] "=&r"(n)
        : [r] "r"(r)
        : "cc", "memory", "s16", "s17", "s18", "s19", "s20", "s21", "s22", "s23", "s24", "s25", "s26", "s27");
    /* clang-format on */
    const smg_block result = {{a0, a1, a2, a3}, {a4, a5, a6, a7}, {a8, a9, a10, a11}, {a12, a13, a14, a15}};
    return result;
}
#else
/* b (4) plus the products of one pixel. */
SMG_INLINE smg_quad smg_quad_dot(const float *b, const float *x, const smg_words *w, const smg_reading *r) {
    smg_quad acc = smg_quad_load(b);
    int32_t at = 0, weight = 0;
    for (int32_t row = r->rows; row > 0; row--, at += r->row_x, weight += r->row_w) {
        for (int32_t run = r->runs; run > 0; run--, at += r->run_x, weight += r->run_w) {
            for (int32_t n = r->length; n > 0; n--, at++, weight += SMG_WORDS(4)) {
                acc = smg_quad_add_product(acc, x[at], smg_quad_weights(w + weight));
            }
        }
    }
    return acc;
}

/* b (4) plus the products, of four pixels ``step`` inputs apart. */
SMG_INLINE smg_block smg_block_dot(const float *b, const float *x, int32_t step, const smg_words *w,
                                   const smg_reading *r) {
    const smg_block sums = {smg_quad_dot(b, x, w, r), smg_quad_dot(b, x + step, w, r),
                            smg_quad_dot(b, x + 2 * step, w, r), smg_quad_dot(b, x + 3 * step, w, r)};
    return sums;
}

/* b (4) plus the products channel by channel, of four pixels ``step`` inputs apart. */
SMG_INLINE smg_block smg_block_taps(const float *b, const float *x, int32_t step, const smg_words *w,
                                    const smg_tap_reading *r) {
    const smg_block sums = {smg_quad_taps(b, x, w, r), smg_quad_taps(b, x + step, w, r),
                            smg_quad_taps(b, x + 2 * step, w, r), smg_quad_taps(b, x + 3 * step, w, r)};
    return sums;
}
#endif
#endif
