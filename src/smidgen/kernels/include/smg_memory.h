/* SPDX-License-Identifier: Apache-2.0 */
/* Copying and filling bytes without a C library. The empty asm keeps compilers from turning a loop into a call of
 * memcpy or memset, which a freestanding program need not have. */
#ifndef SMG_MEMORY_H
#define SMG_MEMORY_H
#include "smg_requantize.h"
#include <stdint.h>

SMG_INLINE uint32_t smg_load32(const void *p) {
    uint32_t v;
    __builtin_memcpy(&v, p, sizeof v); /* one unaligned load; never a call */
    return v;
}

/* The low half of v. */
SMG_INLINE void smg_store16(void *p, uint32_t v) {
    const uint16_t half = (uint16_t)v;
    __builtin_memcpy(p, &half, sizeof half);
}

SMG_INLINE void smg_store32(void *p, uint32_t v) { __builtin_memcpy(p, &v, sizeof v); }

#if (defined(__riscv) || defined(__arm__)) && !defined(__ARM_FEATURE_UNALIGNED)
/* Words only where they are aligned: elsewhere such cores trap, or their compilers take words apart. */
enum { SMG_WORDS_ANYWHERE = 0 };

SMG_INLINE uint32_t smg_load_aligned(const int8_t *from) { return smg_load32(__builtin_assume_aligned(from, 4)); }
SMG_INLINE void smg_store_aligned(int8_t *to, uint32_t v) { smg_store32(__builtin_assume_aligned(to, 4), v); }

/* How many of count bytes lie before the first word. */
SMG_INLINE int32_t smg_unaligned_bytes(const int8_t *to, int32_t count) {
    const int32_t before = (int32_t)(-(uintptr_t)to & 3U);
    return before < count ? before : count;
}

SMG_INLINE void smg_copy(int8_t *to, const int8_t *from, int32_t count) {
    const int32_t head = smg_unaligned_bytes(to, count);
    const int32_t alike = (((uintptr_t)to ^ (uintptr_t)from) & 3U) == 0;
    int32_t i = 0;
    for (; i < head; i++) {
        to[i] = from[i];
        __asm__("" ::: "memory");
    }
    for (; alike && i + 16 <= count; i += 16) { /* loads before stores: a load's result is late */
        const uint32_t w0 = smg_load_aligned(from + i), w1 = smg_load_aligned(from + i + 4);
        const uint32_t w2 = smg_load_aligned(from + i + 8), w3 = smg_load_aligned(from + i + 12);
        smg_store_aligned(to + i, w0);
        smg_store_aligned(to + i + 4, w1);
        smg_store_aligned(to + i + 8, w2);
        smg_store_aligned(to + i + 12, w3);
        __asm__("" ::: "memory");
    }
    for (; alike && i + 4 <= count; i += 4) {
        smg_store_aligned(to + i, smg_load_aligned(from + i));
        __asm__("" ::: "memory");
    }
    for (; i + 4 <= count; i += 4) {
        const int8_t b0 = from[i], b1 = from[i + 1], b2 = from[i + 2], b3 = from[i + 3];
        to[i] = b0;
        to[i + 1] = b1;
        to[i + 2] = b2;
        to[i + 3] = b3;
        __asm__("" ::: "memory");
    }
    for (; i < count; i++) {
        to[i] = from[i];
        __asm__("" ::: "memory");
    }
}

SMG_INLINE void smg_fill(int8_t *to, int8_t value, int32_t count) {
    const uint32_t word = (uint8_t)value * 0x01010101U;
    const int32_t head = smg_unaligned_bytes(to, count);
    int32_t i = 0;
    for (; i < head; i++) {
        to[i] = value;
        __asm__("" ::: "memory");
    }
    for (; i + 4 <= count; i += 4) {
        smg_store_aligned(to + i, word);
        __asm__("" ::: "memory");
    }
    for (; i < count; i++) {
        to[i] = value;
        __asm__("" ::: "memory");
    }
}
#else
enum { SMG_WORDS_ANYWHERE = 1 };

SMG_INLINE void smg_copy(int8_t *to, const int8_t *from, int32_t count) {
    int32_t i = 0;
    for (; i + 16 <= count; i += 16) { /* loads in a row: on a Cortex-M4 each after the first takes one cycle */
        const uint32_t w0 = smg_load32(from + i), w1 = smg_load32(from + i + 4);
        const uint32_t w2 = smg_load32(from + i + 8), w3 = smg_load32(from + i + 12);
        smg_store32(to + i, w0);
        smg_store32(to + i + 4, w1);
        smg_store32(to + i + 8, w2);
        smg_store32(to + i + 12, w3);
        __asm__("" ::: "memory");
    }
    for (; i + 4 <= count; i += 4) {
        smg_store32(to + i, smg_load32(from + i));
        __asm__("" ::: "memory");
    }
    for (; i < count; i++) {
        to[i] = from[i];
        __asm__("" ::: "memory");
    }
}

SMG_INLINE void smg_fill(int8_t *to, int8_t value, int32_t count) {
    const uint32_t word = (uint8_t)value * 0x01010101U;
    int32_t i = 0;
    for (; i + 4 <= count; i += 4) {
        smg_store32(to + i, word);
        __asm__("" ::: "memory");
    }
    for (; i < count; i++) {
        to[i] = value;
        __asm__("" ::: "memory");
    }
}
#endif
#endif
