/* SPDX-License-Identifier: Apache-2.0 */
/* What memory.c has of <string.h>, for libraries that ask for the header in images without a C library. The macros let
 * the compiler make loads and stores of short copies, which it does not otherwise when freestanding. */
#ifndef SMG_HOSTED_STRING_H
#define SMG_HOSTED_STRING_H
#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int value, size_t n);
int memcmp(const void *a, const void *b, size_t n);
#define memcpy(to, from, n) __builtin_memcpy(to, from, n)
#define memmove(to, from, n) __builtin_memmove(to, from, n)
#define memset(to, value, n) __builtin_memset(to, value, n)
#endif
