/* SPDX-License-Identifier: Apache-2.0 */
/* memcpy, memmove, memset and memcmp for images without a C library: compilers may call them even when freestanding.
 * Words are moved whatever the alignment (ARMv7-M allows it for single loads and stores), four a turn. The empty
 * assembly in each loop keeps the compiler from turning the loop into a call of the function it stands in. */
#include <stddef.h>
#include <stdint.h>

#define STAYS_A_LOOP() __asm__ volatile("")

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int value, size_t n);
int memcmp(const void *a, const void *b, size_t n);

static inline uint32_t load(const uint8_t *p) {
    uint32_t v;
    __builtin_memcpy(&v, p, 4);
    return v;
}

static inline void store(uint8_t *p, uint32_t v) { __builtin_memcpy(p, &v, 4); }

/* Lowest address first; right for overlapping areas when to < from. */
static inline void copy_up(uint8_t *to, const uint8_t *from, size_t n) {
    for (; n >= 16; n -= 16, to += 16, from += 16) {
        const uint32_t a = load(from), b = load(from + 4), c = load(from + 8), d = load(from + 12);
        store(to, a);
        store(to + 4, b);
        store(to + 8, c);
        store(to + 12, d);
        STAYS_A_LOOP();
    }
    for (; n > 0; n--) {
        *to++ = *from++;
        STAYS_A_LOOP();
    }
}

__attribute__((used)) void *memcpy(void *restrict to, const void *restrict from, size_t n) {
    copy_up(to, from, n);
    return to;
}

__attribute__((used)) void *memmove(void *to, const void *from, size_t n) {
    uint8_t *t = to;
    const uint8_t *f = from;
    if ((uintptr_t)t <= (uintptr_t)f) {
        copy_up(t, f, n);
        return to;
    }
    for (; n >= 4; n -= 4) {
        store(t + n - 4, load(f + n - 4));
        STAYS_A_LOOP();
    }
    for (; n > 0; n--) {
        t[n - 1] = f[n - 1];
        STAYS_A_LOOP();
    }
    return to;
}

__attribute__((used)) void *memset(void *to, int value, size_t n) {
    uint8_t *t = to;
    const uint32_t word = (uint32_t)(uint8_t)value * 0x01010101u;
    for (; n >= 4; n -= 4, t += 4) {
        store(t, word);
        STAYS_A_LOOP();
    }
    for (; n > 0; n--) {
        *t++ = (uint8_t)value;
        STAYS_A_LOOP();
    }
    return to;
}

__attribute__((used)) int memcmp(const void *a, const void *b, size_t n) {
    const uint8_t *x = a, *y = b;
    for (; n > 0; n--, x++, y++) {
        if (*x != *y) {
            return *x < *y ? -1 : 1;
        }
    }
    return 0;
}

#if defined(__arm__)
/* The names the Arm run-time ABI gives them (IHI 0043, 4.3.4); note memset's swapped arguments. */
void __aeabi_memcpy(void *restrict to, const void *restrict from, size_t n);
void __aeabi_memcpy4(void *restrict to, const void *restrict from, size_t n);
void __aeabi_memcpy8(void *restrict to, const void *restrict from, size_t n);
void __aeabi_memmove(void *to, const void *from, size_t n);
void __aeabi_memmove4(void *to, const void *from, size_t n);
void __aeabi_memmove8(void *to, const void *from, size_t n);
void __aeabi_memset(void *to, size_t n, int value);
void __aeabi_memset4(void *to, size_t n, int value);
void __aeabi_memset8(void *to, size_t n, int value);
void __aeabi_memclr(void *to, size_t n);
void __aeabi_memclr4(void *to, size_t n);
void __aeabi_memclr8(void *to, size_t n);

__attribute__((used)) void __aeabi_memcpy(void *restrict to, const void *restrict from, size_t n) {
    copy_up(to, from, n);
}
__attribute__((used, alias("__aeabi_memcpy"))) void __aeabi_memcpy4(void *restrict to, const void *restrict from,
                                                                    size_t n);
__attribute__((used, alias("__aeabi_memcpy"))) void __aeabi_memcpy8(void *restrict to, const void *restrict from,
                                                                    size_t n);

__attribute__((used)) void __aeabi_memmove(void *to, const void *from, size_t n) { (void)memmove(to, from, n); }
__attribute__((used, alias("__aeabi_memmove"))) void __aeabi_memmove4(void *to, const void *from, size_t n);
__attribute__((used, alias("__aeabi_memmove"))) void __aeabi_memmove8(void *to, const void *from, size_t n);

__attribute__((used)) void __aeabi_memset(void *to, size_t n, int value) { (void)memset(to, value, n); }
__attribute__((used, alias("__aeabi_memset"))) void __aeabi_memset4(void *to, size_t n, int value);
__attribute__((used, alias("__aeabi_memset"))) void __aeabi_memset8(void *to, size_t n, int value);

__attribute__((used)) void __aeabi_memclr(void *to, size_t n) { (void)memset(to, 0, n); }
__attribute__((used, alias("__aeabi_memclr"))) void __aeabi_memclr4(void *to, size_t n);
__attribute__((used, alias("__aeabi_memclr"))) void __aeabi_memclr8(void *to, size_t n);
#endif
