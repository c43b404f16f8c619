/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of products of four output channels at a time, for one pixel or for four: 16 accumulators, 4 weights, an input
 * and products fit the 32 registers of a single-precision FPU. Each accumulator takes its products one by one in the
 * order of k, as the plain kernels do; only which accumulators grow side by side is free. The loops are assembly
 * because compilers load weights one by one and add each product right after it was made, which waits for it: 4.3
 * cycles a multiply-accumulate instead of 2.8 on a Cortex-M4. */
#ifndef SMG_F32_BLOCK_H
#define SMG_F32_BLOCK_H
#include "smg_float.h"

/* Four neighbouring output channels. */
typedef struct {
    float c0, c1, c2, c3;
} smg_quad;

SMG_INLINE smg_quad smg_quad_load(const float *p) {
    const smg_quad q = {p[0], p[1], p[2], p[3]};
    return q;
}

SMG_INLINE smg_quad smg_quad_add_product(smg_quad acc, float x, smg_quad w) {
    const smg_quad q = {acc.c0 + x * w.c0, acc.c1 + x * w.c1, acc.c2 + x * w.c2, acc.c3 + x * w.c3};
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

/* The first ``left`` channels to y. */
SMG_INLINE void smg_quad_store(float *y, smg_quad v, int32_t left) {
    if (left > 3) {
        y[0] = v.c0, y[1] = v.c1, y[2] = v.c2, y[3] = v.c3;
        return;
    }
    y[0] = v.c0;
    if (left > 1) y[1] = v.c1;
    if (left > 2) y[2] = v.c2;
}

SMG_INLINE smg_quad smg_quad_add_products(smg_quad acc, smg_quad x, smg_quad w) {
    const smg_quad q = {acc.c0 + x.c0 * w.c0, acc.c1 + x.c1 * w.c1, acc.c2 + x.c2 * w.c2, acc.c3 + x.c3 * w.c3};
    return q;
}

/* The accumulators of four pixels. */
typedef struct {
    smg_quad p0, p1, p2, p3;
} smg_block;

#if defined(__thumb2__) && defined(__ARM_FP)
#define SMG_MUL4(w0, w1, w2, w3, x, t0, t1, t2, t3)                                                   \
    "vmul.f32 " t0 ", " w0 ", " x "\n\tvmul.f32 " t1 ", " w1 ", " x "\n\tvmul.f32 " t2 ", " w2 ", " x \
    "\n\tvmul.f32 " t3 ", " w3 ", " x "\n\t"
#define SMG_ADD4(a0, a1, a2, a3, t0, t1, t2, t3)                                                         \
    "vadd.f32 " a0 ", " a0 ", " t0 "\n\tvadd.f32 " a1 ", " a1 ", " t1 "\n\tvadd.f32 " a2 ", " a2 ", " t2 \
    "\n\tvadd.f32 " a3 ", " a3 ", " t3 "\n\t"
/* Weights s16 to s19, input x, four accumulators. */
#define SMG_PIXEL(x, a0, a1, a2, a3)                                    \
    SMG_MUL4("s16", "s17", "s18", "s19", x, "s28", "s29", "s30", "s31") \
    SMG_ADD4(a0, a1, a2, a3, "s28", "s29", "s30", "s31")
#define SMG_BLOCK(x0, x1, x2, x3)           \
    SMG_PIXEL(x0, "s0", "s1", "s2", "s3")   \
    SMG_PIXEL(x1, "s4", "s5", "s6", "s7")   \
    SMG_PIXEL(x2, "s8", "s9", "s10", "s11") \
    SMG_PIXEL(x3, "s12", "s13", "s14", "s15")
/* Four channels of one pixel at k: weights w0 to w3. */
#define SMG_STEP(w0, w1, w2, w3, x)                       \
    SMG_MUL4(w0, w1, w2, w3, x, "s8", "s9", "s10", "s11") \
    SMG_ADD4("s0", "s1", "s2", "s3", "s8", "s9", "s10", "s11")

/* acc += x (n) * w (n, 4): what four does not divide, then four k at a time. */
SMG_INLINE smg_quad smg_quad_dot(smg_quad acc, const float *x, const float *w, int32_t n) {
    register float a0 __asm__("s0") = acc.c0, a1 __asm__("s1") = acc.c1;
    register float a2 __asm__("s2") = acc.c2, a3 __asm__("s3") = acc.c3;
    int32_t rest = n & 3;
    __asm__ volatile("cmp %[rest], #0\n\t"
                     "beq 2f\n"
                     "1:\tvldmia %[w]!, {s16-s19}\n\t"
                     "vldmia %[x]!, {s4}\n\t"
                     "subs %[rest], #1\n\t" SMG_STEP(
                         "s16", "s17", "s18", "s19",
                         "s4") "bne 1b\n"
                               "2:\tasrs %[n], %[n], #2\n\t"
                               "beq 4f\n\t"
                               ".p2align 2\n"
                               "3:\tvldmia %[w]!, {s16-s31}\n\t"
                               "vldmia %[x]!, {s4-s7}\n\t"
                               "subs %[n], #1\n\t" SMG_STEP("s16", "s17", "s18", "s19", "s4")
                                   SMG_STEP("s20", "s21", "s22", "s23", "s5") SMG_STEP("s24", "s25", "s26", "s27", "s6")
                                       SMG_STEP("s28", "s29", "s30", "s31", "s7") "bne 3b\n"
                                                                                  "4:"
                     : "+t"(a0), "+t"(a1), "+t"(a2), "+t"(a3), [x] "+r"(x), [w] "+r"(w), [n] "+r"(n), [rest] "+r"(rest)
                     :
                     : "cc", "memory", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "s16", "s17", "s18", "s19",
                       "s20", "s21", "s22", "s23", "s24", "s25", "s26", "s27", "s28", "s29", "s30", "s31");
    const smg_quad result = {a0, a1, a2, a3};
    return result;
}

/* acc += x (4, n), rows ``step`` elements apart, * w (n, 4): an odd k, then two at a time. */
SMG_INLINE smg_block smg_block_dot(smg_block acc, const float *x, int32_t step, const float *w, int32_t n) {
    register float a0 __asm__("s0") = acc.p0.c0, a1 __asm__("s1") = acc.p0.c1;
    register float a2 __asm__("s2") = acc.p0.c2, a3 __asm__("s3") = acc.p0.c3;
    register float a4 __asm__("s4") = acc.p1.c0, a5 __asm__("s5") = acc.p1.c1;
    register float a6 __asm__("s6") = acc.p1.c2, a7 __asm__("s7") = acc.p1.c3;
    register float a8 __asm__("s8") = acc.p2.c0, a9 __asm__("s9") = acc.p2.c1;
    register float a10 __asm__("s10") = acc.p2.c2, a11 __asm__("s11") = acc.p2.c3;
    register float a12 __asm__("s12") = acc.p3.c0, a13 __asm__("s13") = acc.p3.c1;
    register float a14 __asm__("s14") = acc.p3.c2, a15 __asm__("s15") = acc.p3.c3;
    const float *x1 = x + step, *x2 = x1 + step, *x3 = x2 + step;
    __asm__ volatile(
        "lsrs %[n], %[n], #1\n\t"
        "bcc 1f\n\t"
        "vldmia %[w]!, {s16-s19}\n\t"
        "vldmia %[x]!, {s20}\n\t"
        "vldmia %[x1]!, {s22}\n\t"
        "vldmia %[x2]!, {s24}\n\t"
        "vldmia %[x3]!, {s26}\n\t" SMG_BLOCK(
            "s20", "s22", "s24", "s26") "1:\tcmp %[n], #0\n\t"
                                        "beq 3f\n\t"
                                        ".p2align 2\n"
                                        "2:\tvldmia %[w]!, {s16-s19}\n\t"
                                        "vldmia %[x]!, {s20-s21}\n\t"
                                        "vldmia %[x1]!, {s22-s23}\n\t"
                                        "vldmia %[x2]!, {s24-s25}\n\t"
                                        "vldmia %[x3]!, {s26-s27}\n\t" SMG_BLOCK(
                                            "s20", "s22", "s24",
                                            "s26") "vldmia %[w]!, {s16-s19}\n\t"
                                                   "subs %[n], #1\n\t" SMG_BLOCK("s21", "s23", "s25", "s27") "bne 2b\n"
                                                                                                             "3:"
        : "+t"(a0), "+t"(a1), "+t"(a2), "+t"(a3), "+t"(a4), "+t"(a5), "+t"(a6), "+t"(a7), "+t"(a8), "+t"(a9), "+t"(a10),
          "+t"(a11), "+t"(a12), "+t"(a13), "+t"(a14),
          "+t"(a15), [x] "+r"(x), [x1] "+r"(x1), [x2] "+r"(x2), [x3] "+r"(x3), [w] "+r"(w), [n] "+r"(n)
        :
        : "cc", "memory", "s16", "s17", "s18", "s19", "s20", "s21", "s22", "s23", "s24", "s25", "s26", "s27", "s28",
          "s29", "s30", "s31");
    const smg_block result = {{a0, a1, a2, a3}, {a4, a5, a6, a7}, {a8, a9, a10, a11}, {a12, a13, a14, a15}};
    return result;
}

/* Weights s16 to s19, inputs s20 to s23, four accumulators. */
#define SMG_CHANNELS(a0, a1, a2, a3)                                                                    \
    "vmul.f32 s24, s20, s16\n\tvmul.f32 s25, s21, s17\n\tvmul.f32 s26, s22, s18\n\tvmul.f32 s27, s23, " \
    "s19\n\t" SMG_ADD4(a0, a1, a2, a3, "s24", "s25", "s26", "s27")

/* acc += x * w over n taps, four channels of four pixels each: x ``tap`` elements from tap to tap and ``step`` from
 * pixel to pixel, w ``channels`` from tap to tap. */
SMG_INLINE smg_block smg_block_taps(smg_block acc, const float *x, int32_t step, int32_t tap, const float *w,
                                    int32_t channels, int32_t n) {
    register float a0 __asm__("s0") = acc.p0.c0, a1 __asm__("s1") = acc.p0.c1;
    register float a2 __asm__("s2") = acc.p0.c2, a3 __asm__("s3") = acc.p0.c3;
    register float a4 __asm__("s4") = acc.p1.c0, a5 __asm__("s5") = acc.p1.c1;
    register float a6 __asm__("s6") = acc.p1.c2, a7 __asm__("s7") = acc.p1.c3;
    register float a8 __asm__("s8") = acc.p2.c0, a9 __asm__("s9") = acc.p2.c1;
    register float a10 __asm__("s10") = acc.p2.c2, a11 __asm__("s11") = acc.p2.c3;
    register float a12 __asm__("s12") = acc.p3.c0, a13 __asm__("s13") = acc.p3.c1;
    register float a14 __asm__("s14") = acc.p3.c2, a15 __asm__("s15") = acc.p3.c3;
    const float *x1 = x + step, *x2 = x1 + step, *x3 = x2 + step;
    __asm__ volatile(
        ".p2align 2\n"
        "1:\tvldmia %[w], {s16-s19}\n\t"
        "vldmia %[x], {s20-s23}\n\t"
        "add %[w], %[ws]\n\t"
        "add %[x], %[xs]\n\t" SMG_CHANNELS(
            "s0", "s1", "s2", "s3") "vldmia %[x1], {s20-s23}\n\t"
                                    "add %[x1], %[xs]\n\t" SMG_CHANNELS(
                                        "s4", "s5", "s6", "s7") "vldmia %[x2], {s20-s23}\n\t"
                                                                "add %[x2], %[xs]\n\t" SMG_CHANNELS(
                                                                    "s8", "s9", "s10",
                                                                    "s11") "vldmia %[x3], {s20-s23}\n\t"
                                                                           "add %[x3], %[xs]\n\t"
                                                                           "subs %[n], #1\n\t" SMG_CHANNELS(
                                                                               "s12", "s13", "s14", "s15") "bne 1b"
        : "+t"(a0), "+t"(a1), "+t"(a2), "+t"(a3), "+t"(a4), "+t"(a5), "+t"(a6), "+t"(a7), "+t"(a8), "+t"(a9), "+t"(a10),
          "+t"(a11), "+t"(a12), "+t"(a13), "+t"(a14),
          "+t"(a15), [x] "+r"(x), [x1] "+r"(x1), [x2] "+r"(x2), [x3] "+r"(x3), [w] "+r"(w), [n] "+r"(n)
        : [xs] "r"(4 * tap), [ws] "r"(4 * channels)
        : "cc", "memory", "s16", "s17", "s18", "s19", "s20", "s21", "s22", "s23", "s24", "s25", "s26", "s27");
    const smg_block result = {{a0, a1, a2, a3}, {a4, a5, a6, a7}, {a8, a9, a10, a11}, {a12, a13, a14, a15}};
    return result;
}
#else
/* acc += x (n) * w (n, 4) */
SMG_INLINE smg_quad smg_quad_dot(smg_quad acc, const float *x, const float *w, int32_t n) {
    for (; n >= 2; n -= 2, x += 2, w += 8) {
        acc = smg_quad_add_product(acc, x[0], smg_quad_load(w));
        acc = smg_quad_add_product(acc, x[1], smg_quad_load(w + 4));
    }
    if (n) acc = smg_quad_add_product(acc, x[0], smg_quad_load(w));
    return acc;
}

/* acc += x (4, n), rows ``step`` elements apart, * w (n, 4) */
SMG_INLINE smg_block smg_block_dot(smg_block acc, const float *x, int32_t step, const float *w, int32_t n) {
    const float *x0 = x, *x1 = x0 + step, *x2 = x1 + step, *x3 = x2 + step;
    for (; n > 0; n--, w += 4) {
        const smg_quad each = smg_quad_load(w);
        acc.p0 = smg_quad_add_product(acc.p0, *x0++, each);
        acc.p1 = smg_quad_add_product(acc.p1, *x1++, each);
        acc.p2 = smg_quad_add_product(acc.p2, *x2++, each);
        acc.p3 = smg_quad_add_product(acc.p3, *x3++, each);
    }
    return acc;
}

/* acc += x * w over n taps, four channels of four pixels each: x ``tap`` elements from tap to tap and ``step`` from
 * pixel to pixel, w ``channels`` from tap to tap. */
SMG_INLINE smg_block smg_block_taps(smg_block acc, const float *x, int32_t step, int32_t tap, const float *w,
                                    int32_t channels, int32_t n) {
    for (; n > 0; n--, x += tap, w += channels) {
        const smg_quad each = smg_quad_load(w);
        acc.p0 = smg_quad_add_products(acc.p0, smg_quad_load(x), each);
        acc.p1 = smg_quad_add_products(acc.p1, smg_quad_load(x + step), each);
        acc.p2 = smg_quad_add_products(acc.p2, smg_quad_load(x + 2 * step), each);
        acc.p3 = smg_quad_add_products(acc.p3, smg_quad_load(x + 3 * step), each);
    }
    return acc;
}
#endif

SMG_INLINE smg_block smg_block_clip(smg_block v, float lo, float hi) {
    if (lo > -__builtin_inff()) {
        const float none = __builtin_inff();
        v.p0 = smg_quad_clip(v.p0, lo, none), v.p1 = smg_quad_clip(v.p1, lo, none);
        v.p2 = smg_quad_clip(v.p2, lo, none), v.p3 = smg_quad_clip(v.p3, lo, none);
    }
    if (hi < __builtin_inff()) {
        const float none = -__builtin_inff();
        v.p0 = smg_quad_clip(v.p0, none, hi), v.p1 = smg_quad_clip(v.p1, none, hi);
        v.p2 = smg_quad_clip(v.p2, none, hi), v.p3 = smg_quad_clip(v.p3, none, hi);
    }
    return v;
}

SMG_INLINE void smg_block_store(float *y, int32_t step, smg_block v, int32_t left) {
    smg_quad_store(y, v.p0, left);
    smg_quad_store(y + step, v.p1, left);
    smg_quad_store(y + 2 * step, v.p2, left);
    smg_quad_store(y + 3 * step, v.p3, left);
}
#endif
