/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of products of rows of int16 with int8 weights. Weights lie in groups of four inputs as bytes 0, 2, 1, 3, so
 * that SXTB16 takes them apart into pairs as the inputs lie in memory. On the DSP extension the hot loop is assembly,
 * as in smg_dsp_products.h and for its reasons; the C beside it is its meaning. */
#ifndef SMG_PRODUCTS16_H
#define SMG_PRODUCTS16_H
#include "smg_dsp_products.h"
#include "smg_dsp_requantize.h"
#include "smg_elements.h"

/* Two rows by two channels: a += x0 . w0, b += x1 . w0, c += x0 . w1, d += x1 . w1.
 * x0, x1 (eights, 8); w (eights, 2, w0, w1) in groups of four bytes. eights >= 1. */
#if defined(__ARM_FEATURE_SIMD32)

#define SMG_TWO_ROWS(x, w)               \
    "ldr   %[x0], [%[p], #" #x "]\n\t"   \
    "ldr   %[x1], [%[q], #" #x "]\n\t"   \
    "ldr   %[w0], [%[w], #" #w "]\n\t"   \
    "ldr   %[w1], [%[w], #" #w "+4]\n\t" \
    "sxtb16 %[t], %[w0]\n\t"             \
    "smlad %[a], %[x0], %[t], %[a]\n\t"  \
    "smlad %[b], %[x1], %[t], %[b]\n\t"  \
    "sxtb16 %[t], %[w1]\n\t"             \
    "smlad %[c], %[x0], %[t], %[c]\n\t"  \
    "smlad %[d], %[x1], %[t], %[d]\n\t"  \
    "ldr   %[x0], [%[p], #" #x "+4]\n\t" \
    "ldr   %[x1], [%[q], #" #x "+4]\n\t" \
    "sxtb16 %[w0], %[w0], ror #8\n\t"    \
    "smlad %[a], %[x0], %[w0], %[a]\n\t" \
    "smlad %[b], %[x1], %[w0], %[b]\n\t" \
    "sxtb16 %[w1], %[w1], ror #8\n\t"    \
    "smlad %[c], %[x0], %[w1], %[c]\n\t" \
    "smlad %[d], %[x1], %[w1], %[d]\n\t"

SMG_INLINE smg_sums smg_two_rows(smg_sums s, const int16_t *p, const int16_t *q, const int8_t *w, int32_t eights) {
    uint32_t x0, x1, w0, w1, t;
    /* clang-format off */
    __asm__("tst   %[n], #1\n\t"
            "beq   1f\n\t"
            "sub   %[p], %[p], #16\n\t"
            "sub   %[q], %[q], #16\n\t"
            "sub   %[w], %[w], #16\n\t"
            "add   %[n], %[n], #1\n\t"
            "b     2f\n\t"
            ".p2align 2\n"
            "1:\n\t" SMG_TWO_ROWS(0, 0) SMG_TWO_ROWS(8, 8)
            "2:\n\t" SMG_TWO_ROWS(16, 16) SMG_TWO_ROWS(24, 24)
            "add   %[p], %[p], #32\n\t"
            "add   %[q], %[q], #32\n\t"
            "add   %[w], %[w], #32\n\t"
            "subs  %[n], %[n], #2\n\t"
            "bne   1b"
            : [a] "+r"(s.a), [b] "+r"(s.b), [c] "+r"(s.c), [d] "+r"(s.d), [p] "+r"(p), [q] "+r"(q), [w] "+r"(w),
              [n] "+r"(eights), [x0] "=&r"(x0), [x1] "=&r"(x1), [w0] "=&r"(w0), [w1] "=&r"(w1), [t] "=&r"(t)
            :
            : "cc", "memory");
    /* clang-format on */
    return s;
}

#else

SMG_INLINE smg_sums smg_two_rows(smg_sums s, const int16_t *p, const int16_t *q, const int8_t *w, int32_t eights) {
    for (int32_t fours = 2 * eights; fours > 0; fours--, p += 4, q += 4, w += 8) {
        s.a = smg_dot4(w, smg_load32(p), smg_load32(p + 2), s.a);
        s.b = smg_dot4(w, smg_load32(q), smg_load32(q + 2), s.b);
        s.c = smg_dot4(w + 4, smg_load32(p), smg_load32(p + 2), s.c);
        s.d = smg_dot4(w + 4, smg_load32(q), smg_load32(q + 2), s.d);
    }
    return s;
}
#endif

/* count elements as int16. */
SMG_INLINE void smg_widen_16(int16_t *to, const int16_t *from, int32_t count) {
    smg_copy((int8_t *)to, (const int8_t *)from, 2 * count);
}

SMG_INLINE void smg_widen_8(int16_t *to, const int8_t *from, int32_t count) {
    for (; count >= 4; count -= 4, from += 4, to += 4) {
        const uint32_t v = smg_load32(from), even = smg_sxtb16(v), odd = smg_sxtb16_odd(v);
        smg_store32(to, smg_low_halves(even, odd));
        smg_store32(to + 2, smg_high_halves(even, odd));
    }
    for (; count > 0; count--) *to++ = *from++;
}

/* A row of count elements as int16 of which whole eights can be read: as it lies, or copied to scratch, where what
 * comes behind the last one meets weights of 0. */
SMG_INLINE const int16_t *smg_row_16(const int16_t *row, int32_t count, int16_t *scratch) {
    if ((count & 7) == 0) return row;
    smg_widen_16(scratch, row, count);
    return scratch;
}

SMG_INLINE const int16_t *smg_row_8(const int8_t *row, int32_t count, int16_t *scratch) {
    smg_widen_8(scratch, row, count);
    return scratch;
}

/* Sums of 64 bits: a run of 504 products, each at most 2^22, still fits 32. */
typedef struct {
    int64_t a, b, c, d;
} smg_sums_64;
typedef smg_sums smg_sums_32;
enum { SMG_RUN_EIGHTS = 63 };

SMG_INLINE smg_sums smg_two_rows_32(smg_sums start, const int16_t *p, const int16_t *q, const int8_t *w,
                                    int32_t eights) {
    return smg_two_rows(start, p, q, w, eights);
}

SMG_INLINE smg_sums_64 smg_two_rows_64(smg_sums start, const int16_t *p, const int16_t *q, const int8_t *w,
                                       int32_t eights) {
    smg_sums_64 total = {start.a, start.b, start.c, start.d};
    while (eights > 0) {
        const smg_sums zero = {0, 0, 0, 0};
        const int32_t run = eights < SMG_RUN_EIGHTS ? eights : SMG_RUN_EIGHTS;
        const smg_sums s = smg_two_rows(zero, p, q, w, run);
        total.a += s.a, total.b += s.b, total.c += s.c, total.d += s.d;
        p += 8 * run, q += 8 * run, w += 16 * run, eights -= run;
    }
    return total;
}

/* One row by four channels. x (eights, 8); w (eights, 2, w0 .. w3) in groups of four bytes. eights >= 1. */
SMG_INLINE smg_sums smg_one_row_32(smg_sums start, const int16_t *x, const int8_t *w, int32_t eights) {
    return smg_one_by_four(start, (const uint32_t *)(const void *)x, w, eights);
}

SMG_INLINE smg_sums_64 smg_one_row_64(smg_sums start, const int16_t *x, const int8_t *w, int32_t eights) {
    smg_sums_64 total = {start.a, start.b, start.c, start.d};
    while (eights > 0) {
        const smg_sums zero = {0, 0, 0, 0};
        const int32_t run = eights < SMG_RUN_EIGHTS ? eights : SMG_RUN_EIGHTS;
        const smg_sums s = smg_one_row_32(zero, x, w, run);
        total.a += s.a, total.b += s.b, total.c += s.c, total.d += s.d;
        x += 8 * run, w += 32 * run, eights -= run;
    }
    return total;
}

/* A sum as its output integer, by SMG_OUTPUT: 0, whatever the multiplier; 1, all multipliers are below a quarter; 2,
 * sums of 64 bits. channel (6): smg_channel, whose left shift alone keeps a sum of 32 bits in int32. */
SMG_INLINE int32_t smg_output_0(int32_t acc, const int32_t *channel, smg_range range) {
    return smg_clamp(smg_requantize_even(acc, smg_load_channel(channel)), range.lo, range.hi) + range.offset;
}

SMG_INLINE int32_t smg_output_1(int32_t acc, const int32_t *channel, smg_range range) {
    const smg_channel s = smg_load_channel(channel);
    return smg_clamp(smg_rne_high((int64_t)acc * s.mult, s.right - 1), range.lo, range.hi) + range.offset;
}

SMG_INLINE int32_t smg_output_2(int64_t acc, const int32_t *channel, smg_range range) {
    const smg_channel s = smg_load_channel(channel);
    return smg_clamp(smg_requantize_64(acc, s.mult, s.left - s.right - 1), range.lo, range.hi) + range.offset;
}
#endif
