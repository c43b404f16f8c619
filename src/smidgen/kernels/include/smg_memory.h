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
