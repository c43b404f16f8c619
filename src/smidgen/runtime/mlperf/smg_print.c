/* SPDX-License-Identifier: Apache-2.0 */
/* Formats integers, text and reals exactly. */
#include "smg_print.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MOST_DIGITS = 56,  /* 2^128 has 39, nine places follow, and one carry */
    FRACTION_BITS = 23 /* of a float32 */
};

typedef struct {
    unsigned width, places;
    unsigned longs; /* how many l */
    bool zeros;
} spec;

static void pad(void (*put)(char), const spec *s, unsigned used) {
    for (; used < s->width; used++) put(s->zeros ? '0' : ' ');
}

static void put_unsigned(void (*put)(char), uint64_t value, unsigned base, const spec *s, bool minus) {
    char digits[20];
    unsigned n = 0;
    do {
        const unsigned digit = (unsigned)(value % base);
        digits[n++] = (char)(digit < 10 ? '0' + digit : 'a' + (digit - 10));
        value /= base;
    } while (value > 0);
    if (minus && s->zeros) put('-');
    pad(put, s, n + (minus ? 1u : 0u));
    if (minus && !s->zeros) put('-');
    while (n > 0) put(digits[--n]);
}

static void put_text(void (*put)(char), const char *text) {
    while (*text != '\0') put(*text++);
}

/* digits := 2 * digits, least significant first. */
static void twice(uint8_t *digits, unsigned n) {
    unsigned carry = 0;
    for (unsigned i = 0; i < n; i++) {
        const unsigned v = 2u * digits[i] + carry;
        digits[i] = (uint8_t)(v % 10u);
        carry = v / 10u;
    }
}

/* The integer nearest to mantissa * 10^places * 2^exponent, ties to even, as decimal digits, least significant first.
 */
static void scaled_digits(uint32_t mantissa, int exponent, unsigned places, uint8_t *digits) {
    uint64_t value = mantissa; /* below 2^24 * 10^9 < 2^54 */
    for (unsigned i = 0; i < places; i++) value *= 10u;
    if (exponent < 0) {
        const unsigned shift = (unsigned)-exponent;
        const uint64_t whole = shift < 64 ? value >> shift : 0;
        const uint64_t rest = shift < 64 ? value - (whole << shift) : value;
        const uint64_t half = shift < 64 ? (uint64_t)1 << (shift - 1) : UINT64_MAX;
        value = whole + (rest > half || (rest == half && (whole & 1u) != 0) ? 1u : 0u);
    }
    for (unsigned i = 0; i < MOST_DIGITS; i++, value /= 10u) digits[i] = (uint8_t)(value % 10u);
    for (int i = 0; i < exponent; i++) twice(digits, MOST_DIGITS);
}

static void put_real(void (*put)(char), float value, const spec *s) {
    uint32_t bits;
    __builtin_memcpy(&bits, &value, sizeof bits);
    const uint32_t fraction = bits & ((1u << FRACTION_BITS) - 1u);
    const int biased = (int)((bits >> FRACTION_BITS) & 0xFFu);
    const bool is_nan = biased == 0xFF && fraction != 0;
    if (bits >> 31 != 0 && !is_nan) put('-');
    if (biased == 0xFF) {
        put_text(put, is_nan ? "nan" : "inf");
        return;
    }
    const uint32_t mantissa = biased == 0 ? fraction : fraction | 1u << FRACTION_BITS;
    uint8_t digits[MOST_DIGITS];
    scaled_digits(mantissa, (biased == 0 ? 1 : biased) - 127 - FRACTION_BITS, s->places, digits);
    unsigned n = MOST_DIGITS;
    while (n > s->places + 1u && digits[n - 1] == 0) n--;
    while (n > 0) {
        put((char)('0' + digits[--n]));
        if (n == s->places && n > 0) put('.');
    }
}

static unsigned number(const char **p) {
    unsigned v = 0;
    for (; **p >= '0' && **p <= '9'; (*p)++) v = (v * 10u + (unsigned)(**p - '0')) % 1000u;
    return v;
}

/* Reads what stands between % and the letter. */
static spec read_spec(const char **p) {
    spec s = {.width = 0, .places = 3, .longs = 0, .zeros = **p == '0'};
    s.width = number(p);
    if (**p == '.') {
        (*p)++;
        s.places = number(p) % 10u;
    }
    for (; **p == 'l'; (*p)++) s.longs++;
    return s;
}

typedef struct {
    va_list list;
} arguments_of;

static uint64_t next_unsigned(arguments_of *a, unsigned longs) {
    if (longs >= 2) return va_arg(a->list, unsigned long long);
    return longs == 1 ? va_arg(a->list, unsigned long) : va_arg(a->list, unsigned);
}

static int64_t next_signed(arguments_of *a, unsigned longs) {
    if (longs >= 2) return va_arg(a->list, long long);
    return longs == 1 ? va_arg(a->list, long) : va_arg(a->list, int);
}

static void put_one(void (*put)(char), char letter, const spec *s, arguments_of *a) {
    switch (letter) {
    case 'd': {
        const int64_t v = next_signed(a, s->longs);
        put_unsigned(put, v < 0 ? (uint64_t)0 - (uint64_t)v : (uint64_t)v, 10, s, v < 0);
        break;
    }
    case 'u':
    case 'x':
        put_unsigned(put, next_unsigned(a, s->longs), letter == 'u' ? 10 : 16, s, false);
        break;
    case 's':
        put_text(put, va_arg(a->list, const char *));
        break;
    case 'c':
        put((char)va_arg(a->list, int));
        break;
    case 'f':
        put_real(put, (float)va_arg(a->list, double), s);
        break;
    default: /* %% and what nobody writes */
        put(letter);
        break;
    }
}

void smg_print(void (*put)(char), const char *format, va_list arguments) {
    arguments_of a;
    va_copy(a.list, arguments);
    while (*format != '\0') {
        if (*format != '%') {
            put(*format++);
            continue;
        }
        format++;
        const spec s = read_spec(&format);
        if (*format == '\0') break;
        put_one(put, *format++, &s, &a);
    }
    va_end(a.list);
}
