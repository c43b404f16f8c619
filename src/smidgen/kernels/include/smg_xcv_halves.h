/* SPDX-License-Identifier: Apache-2.0 */
/* CORE-V's arithmetic of the two 16-bit halves of a word, each modulo 2^16. */
#ifndef SMG_XCV_HALVES_H
#define SMG_XCV_HALVES_H
#include "smg_xcv.h"

#if !SMG_XCV
SMG_INLINE uint32_t smg_halves(uint32_t high, uint32_t low) { return high << 16 | (low & 0xffff); }
#endif

SMG_INLINE uint32_t smg_add_halves(uint32_t a, uint32_t b) {
#if SMG_XCV
    uint32_t sum;
    __asm__("cv.add.h %0, %1, %2" : "=r"(sum) : "r"(a), "r"(b));
    return sum;
#else
    return smg_halves((a >> 16) + (b >> 16), a + b);
#endif
}

SMG_INLINE uint32_t smg_sub_halves(uint32_t a, uint32_t b) {
#if SMG_XCV
    uint32_t less;
    __asm__("cv.sub.h %0, %1, %2" : "=r"(less) : "r"(a), "r"(b));
    return less;
#else
    return smg_halves((a >> 16) - (b >> 16), a - b);
#endif
}

/* Both halves times 2^bits, a constant. */
SMG_INLINE uint32_t smg_shift_halves(uint32_t a, int bits) {
#if SMG_XCV
    uint32_t shifted;
    __asm__("cv.sll.sci.h %0, %1, %2" : "=r"(shifted) : "r"(a), "i"(bits));
    return shifted;
#else
    return smg_halves(a >> 16 << bits, a << bits);
#endif
}

/* The upper byte of each half, as a signed number. */
SMG_INLINE uint32_t smg_bytes_of_halves(uint32_t a) {
#if SMG_XCV
    uint32_t bytes;
    __asm__("cv.sra.sci.h %0, %1, 8" : "=r"(bytes) : "r"(a));
    return bytes;
#else
    return smg_halves((uint32_t)((int32_t)a >> 24), (uint32_t)(int32_t)(int8_t)(a >> 8 & 255));
#endif
}

typedef uint32_t __attribute__((may_alias)) smg_any_word;

/* Stores a word at p, and gives what is `bytes` after it, a constant. */
SMG_INLINE smg_any_word *smg_put_word(smg_any_word *p, uint32_t word, int bytes) {
#if SMG_XCV
    __asm__ volatile("cv.sw %1, (%0), %2" : "+r"(p) : "r"(word), "i"(bytes) : "memory");
    return p;
#else
    *p = word;
    return p + bytes / 4;
#endif
}
#endif
