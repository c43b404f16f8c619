/* SPDX-License-Identifier: Apache-2.0 */
/* The hot loops of convolution and fully connected layers: sums of products, eight inputs at a time. Compilers spill
 * here, so on the DSP extension they are assembly, sixteen inputs a turn, entered in the middle for an odd number of
 * eights; the C beside each is its meaning and reads the same addresses. */
#ifndef SMG_DSP_PRODUCTS_H
#define SMG_DSP_PRODUCTS_H
#include "smg_dsp.h"
#include "smg_memory.h"

typedef struct {
    int32_t a, b, c, d;
} smg_sums;

/* Two pixels by two channels: a += x0 . w0, b += x1 . w0, c += x0 . w1, d += x1 . w1.
 * x (eights, 2, even lanes of x0, x1, odd lanes of x0, x1); w (eights, 2, w0, w1) in groups of four bytes. eights >= 1.
 *
 * Four outputs of one input: a .. d += x . w0 .. w3.
 * x (eights, 2, even lanes, odd lanes); w (eights, 2, w0 .. w3) in groups of four bytes. eights >= 1. */
#if defined(__ARM_FEATURE_SIMD32)

#define SMG_TWO_BY_TWO(x, w)              \
    "ldr   %[x0], [%[x], #" #x "]\n\t"    \
    "ldr   %[x1], [%[x], #" #x "+4]\n\t"  \
    "ldr   %[w0], [%[w], #" #w "]\n\t"    \
    "ldr   %[w1], [%[w], #" #w "+4]\n\t"  \
    "sxtb16 %[t], %[w0]\n\t"              \
    "smlad %[a], %[x0], %[t], %[a]\n\t"   \
    "smlad %[b], %[x1], %[t], %[b]\n\t"   \
    "sxtb16 %[t], %[w1]\n\t"              \
    "smlad %[c], %[x0], %[t], %[c]\n\t"   \
    "smlad %[d], %[x1], %[t], %[d]\n\t"   \
    "ldr   %[x0], [%[x], #" #x "+8]\n\t"  \
    "ldr   %[x1], [%[x], #" #x "+12]\n\t" \
    "sxtb16 %[w0], %[w0], ror #8\n\t"     \
    "smlad %[a], %[x0], %[w0], %[a]\n\t"  \
    "smlad %[b], %[x1], %[w0], %[b]\n\t"  \
    "sxtb16 %[w1], %[w1], ror #8\n\t"     \
    "smlad %[c], %[x0], %[w1], %[c]\n\t"  \
    "smlad %[d], %[x1], %[w1], %[d]\n\t"

SMG_INLINE smg_sums smg_two_by_two(smg_sums s, const uint32_t *x, const int8_t *w, int32_t eights) {
    uint32_t x0, x1, w0, w1, t;
    /* clang-format off */
    __asm__("tst   %[n], #1\n\t"
            "beq   1f\n\t"
            "sub   %[x], %[x], #32\n\t"
            "sub   %[w], %[w], #16\n\t"
            "add   %[n], %[n], #1\n\t"
            "b     2f\n\t"
            ".p2align 2\n"
            "1:\n\t" SMG_TWO_BY_TWO(0, 0) SMG_TWO_BY_TWO(16, 8)
            "2:\n\t" SMG_TWO_BY_TWO(32, 16) SMG_TWO_BY_TWO(48, 24)
            "add   %[x], %[x], #64\n\t"
            "add   %[w], %[w], #32\n\t"
            "subs  %[n], %[n], #2\n\t"
            "bne   1b"
            : [a] "+r"(s.a), [b] "+r"(s.b), [c] "+r"(s.c), [d] "+r"(s.d), [x] "+r"(x), [w] "+r"(w), [n] "+r"(eights),
              [x0] "=&r"(x0), [x1] "=&r"(x1), [w0] "=&r"(w0), [w1] "=&r"(w1), [t] "=&r"(t)
            :
            : "cc", "memory");
    /* clang-format on */
    return s;
}

#define SMG_ONE_BY_FOUR(x, w)             \
    "ldr   %[x0], [%[x], #" #x "]\n\t"    \
    "ldr   %[x1], [%[x], #" #x "+4]\n\t"  \
    "ldr   %[w0], [%[w], #" #w "]\n\t"    \
    "ldr   %[w1], [%[w], #" #w "+4]\n\t"  \
    "sxtb16 %[t], %[w0]\n\t"              \
    "sxtb16 %[w0], %[w0], ror #8\n\t"     \
    "smlad %[a], %[x0], %[t], %[a]\n\t"   \
    "smlad %[a], %[x1], %[w0], %[a]\n\t"  \
    "sxtb16 %[t], %[w1]\n\t"              \
    "sxtb16 %[w1], %[w1], ror #8\n\t"     \
    "smlad %[b], %[x0], %[t], %[b]\n\t"   \
    "smlad %[b], %[x1], %[w1], %[b]\n\t"  \
    "ldr   %[w0], [%[w], #" #w "+8]\n\t"  \
    "ldr   %[w1], [%[w], #" #w "+12]\n\t" \
    "sxtb16 %[t], %[w0]\n\t"              \
    "sxtb16 %[w0], %[w0], ror #8\n\t"     \
    "smlad %[c], %[x0], %[t], %[c]\n\t"   \
    "smlad %[c], %[x1], %[w0], %[c]\n\t"  \
    "sxtb16 %[t], %[w1]\n\t"              \
    "sxtb16 %[w1], %[w1], ror #8\n\t"     \
    "smlad %[d], %[x0], %[t], %[d]\n\t"   \
    "smlad %[d], %[x1], %[w1], %[d]\n\t"

SMG_INLINE smg_sums smg_one_by_four(smg_sums s, const uint32_t *x, const int8_t *w, int32_t eights) {
    uint32_t x0, x1, w0, w1, t;
    /* clang-format off */
    __asm__("tst   %[n], #1\n\t"
            "beq   1f\n\t"
            "sub   %[x], %[x], #16\n\t"
            "sub   %[w], %[w], #32\n\t"
            "add   %[n], %[n], #1\n\t"
            "b     2f\n\t"
            ".p2align 2\n"
            "1:\n\t" SMG_ONE_BY_FOUR(0, 0) SMG_ONE_BY_FOUR(8, 16)
            "2:\n\t" SMG_ONE_BY_FOUR(16, 32) SMG_ONE_BY_FOUR(24, 48)
            "add   %[x], %[x], #32\n\t"
            "add   %[w], %[w], #64\n\t"
            "subs  %[n], %[n], #2\n\t"
            "bne   1b"
            : [a] "+r"(s.a), [b] "+r"(s.b), [c] "+r"(s.c), [d] "+r"(s.d), [x] "+r"(x), [w] "+r"(w), [n] "+r"(eights),
              [x0] "=&r"(x0), [x1] "=&r"(x1), [w0] "=&r"(w0), [w1] "=&r"(w1), [t] "=&r"(t)
            :
            : "cc", "memory");
    /* clang-format on */
    return s;
}

#else

/* acc + the four products of a group. */
SMG_INLINE int32_t smg_dot4(const int8_t *w, uint32_t even, uint32_t odd, int32_t acc) {
    const uint32_t v = smg_load32(w);
    return smg_smlad(smg_sxtb16_odd(v), odd, smg_smlad(smg_sxtb16(v), even, acc));
}

SMG_INLINE smg_sums smg_two_by_two(smg_sums s, const uint32_t *x, const int8_t *w, int32_t eights) {
    for (int32_t fours = 2 * eights; fours > 0; fours--, x += 4, w += 8) {
        s.a = smg_dot4(w, x[0], x[2], s.a);
        s.b = smg_dot4(w, x[1], x[3], s.b);
        s.c = smg_dot4(w + 4, x[0], x[2], s.c);
        s.d = smg_dot4(w + 4, x[1], x[3], s.d);
    }
    return s;
}

SMG_INLINE smg_sums smg_one_by_four(smg_sums s, const uint32_t *x, const int8_t *w, int32_t eights) {
    for (int32_t fours = 2 * eights; fours > 0; fours--, x += 2, w += 16) {
        const uint32_t even = smg_load32(x), odd = smg_load32(x + 1);
        s.a = smg_dot4(w, even, odd, s.a);
        s.b = smg_dot4(w + 4, even, odd, s.b);
        s.c = smg_dot4(w + 8, even, odd, s.c);
        s.d = smg_dot4(w + 12, even, odd, s.d);
    }
    return s;
}
#endif
#endif
