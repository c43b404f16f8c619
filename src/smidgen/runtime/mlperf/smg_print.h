/* SPDX-License-Identifier: Apache-2.0 */
/* The formatting behind th_printf: no C library, no allocation, no locale. */
#ifndef SMG_PRINT_H
#define SMG_PRINT_H
#include <stdarg.h>

/* Hands the characters of a formatted text to `put`, one by one.
 * Knows %d %u %x (each also with l and ll, a width and a leading 0), %s, %c, %% and %f (with a precision of 0 to 9, 3
 * if none is given): the decimal nearest to the exact value, ties to even, as C libraries that round right print it. */
void smg_print(void (*put)(char), const char *format, va_list arguments);

#endif
