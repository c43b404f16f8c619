/* SPDX-License-Identifier: Apache-2.0 */
/* CORE-V instructions (CV32E40P user manual, instruction set extensions) as functions, with a portable body elsewhere.
 * The core loads and stores unaligned words, at one more cycle; compilers would do it by bytes. */
#ifndef SMG_XCV_H
#define SMG_XCV_H
#include "smg_memory.h"
#include "smg_requantize.h"
#include <stdint.h>

#define SMG_XCV_TEXT_OF(value) #value
#define SMG_XCV_TEXT(value) SMG_XCV_TEXT_OF(value) /* a constant as text, for an immediate */

#ifdef __riscv_xcvsimd
#define SMG_XCV 1
#else
#define SMG_XCV 0
#endif

/* acc + a0 * b0 + a1 * b1 + a2 * b2 + a3 * b3 over signed bytes. */
SMG_INLINE int32_t smg_sdotsp4(uint32_t a, uint32_t b, int32_t acc) {
#if SMG_XCV
    __asm__("cv.sdotsp.b %0, %1, %2" : "+r"(acc) : "r"(a), "r"(b));
    return acc;
#else
    uint32_t sum = (uint32_t)acc;
    for (int i = 0; i < 32; i += 8) sum += (uint32_t)((int32_t)(int8_t)(a >> i) * (int8_t)(b >> i));
    return (int32_t)sum;
#endif
}

/* The word at *p, of any alignment, and p after it. */
SMG_INLINE uint32_t smg_next32(const int8_t **p) {
    uint32_t v;
#if SMG_XCV
    __asm__ volatile("cv.lw %0, (%1), 4" : "=r"(v), "+r"(*p) : : "memory");
#else
    v = smg_load32(*p);
    *p += 4;
#endif
    return v;
}

SMG_INLINE void smg_put32(int8_t **p, uint32_t v) {
#if SMG_XCV
    __asm__ volatile("cv.sw %1, (%0), 4" : "+r"(*p) : "r"(v) : "memory");
#else
    smg_store32(*p, v);
    *p += 4;
#endif
}

/* Copies `bytes`, a constant, and moves both pointers past them. */
SMG_INLINE void smg_pass(int8_t **to, const int8_t **from, int32_t bytes) {
    int32_t i = 0;
    for (; i + 16 <= bytes; i += 16) {
        const uint32_t w0 = smg_next32(from), w1 = smg_next32(from), w2 = smg_next32(from), w3 = smg_next32(from);
        smg_put32(to, w0);
        smg_put32(to, w1);
        smg_put32(to, w2);
        smg_put32(to, w3);
    }
    if (bytes - i >= 8) {
        const uint32_t w0 = smg_next32(from), w1 = smg_next32(from);
        smg_put32(to, w0);
        smg_put32(to, w1);
        i += 8;
    }
    if (bytes - i >= 4) {
        smg_put32(to, smg_next32(from));
        i += 4;
    }
    for (; i < bytes; i++) {
        *(*to)++ = *(*from)++;
        __asm__ volatile("" ::: "memory");
    }
}

/* Copies `words` words, of any alignment, and moves both pointers past them. */
SMG_INLINE void smg_words(int8_t **to, const int8_t **from, int32_t words) {
    int32_t fours = words / 4, rest = words % 4;
    for (; fours > 0; fours--) smg_pass(to, from, 16);
    for (; rest > 0; rest--) smg_pass(to, from, 4);
}

SMG_INLINE void smg_words_same(int8_t **to, uint32_t word, int32_t words) {
    for (; words > 0; words--) smg_put32(to, word);
}

/* Passes over `bytes`, a constant, of a byte that is repeated in a word. */
SMG_INLINE void smg_pass_same(int8_t **to, uint32_t word, int32_t bytes) {
    int32_t i = 0;
    for (; i + 4 <= bytes; i += 4) smg_put32(to, word);
    for (; i < bytes; i++) {
        *(*to)++ = (int8_t)(word & 255);
        __asm__ volatile("" ::: "memory");
    }
}
#endif
