/* SPDX-License-Identifier: Apache-2.0 */
/* The protocol: collects a command up to its '%', runs it, and answers; every command ends with m-ready.
 *
 * Whatever arrives, nothing is written outside of the two buffers here, and the device answers the next command. */
#include "smg_dut.h"

#include <stdbool.h>

#include "smg_dut_config.h"
#include "smg_th.h"

#define FIRMWARE "ULPMark for tinyML Firmware V0.0.1" /* what runners look for */

enum { TERMINATOR = '%', PRINTED_A_LINE = 8, DEFAULT_WARMUPS = 10, MOST_INFERENCES = 0x7FFFFFFF };

static char command[SMG_DUT_COMMAND_BYTES + 1]; /* with its '%', in whose place a zero ends it */
static size_t received;
static bool too_long;

static uint8_t buffer[SMG_DUT_BUFFER_BYTES];
static size_t expected, loaded; /* bytes; expected is 0 before a good `db load` */
static bool has_inferred;

__attribute__((noinline, used)) void smg_dut_infer_begin(void) { __asm__ volatile("/* begin */" ::: "memory"); }

__attribute__((noinline, used)) void smg_dut_infer_end(void) { __asm__ volatile("/* end */" ::: "memory"); }

size_t smg_dut_loaded(void) { return loaded; }

const uint8_t *smg_dut_bytes(void) { return buffer; }

static bool equal(const char *a, const char *b) {
    while (*a != '\0' && *a == *b) a++, b++;
    return *a == *b;
}

char *smg_dut_word(char **rest) {
    char *start = *rest;
    while (*start == ' ') start++;
    if (*start == '\0') return NULL;
    char *end = start;
    while (*end != ' ' && *end != '\0') end++;
    *rest = *end == ' ' ? end + 1 : end;
    *end = '\0';
    return start;
}

typedef enum { NUMBER, NO_NUMBER, TOO_LARGE } number_kind;

/* Decimal digits and nothing else, up to MOST_INFERENCES. */
static number_kind read_number(const char *text, uint32_t *value) {
    uint32_t v = 0;
    bool large = false;
    if (*text == '\0') return NO_NUMBER;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') return NO_NUMBER;
        const uint32_t digit = (uint32_t)(*text - '0');
        large = large || v > (MOST_INFERENCES - digit) / 10u;
        if (!large) v = v * 10u + digit;
    }
    *value = v;
    return large ? TOO_LARGE : NUMBER;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static void db_load(char *rest) {
    const char *count = smg_dut_word(&rest);
    uint32_t n = 0;
    expected = loaded = 0; /* after an error there is no input, rather than an old one */
    if (count == NULL) {
        th_printf("e-[Command 'db load' requires the # of bytes]\r\n");
        return;
    }
    const number_kind kind = read_number(count, &n);
    if (kind == NO_NUMBER || (kind == NUMBER && n == 0)) {
        th_printf("e-[Command 'db load' must be >0 bytes]\r\n");
    } else if (kind == TOO_LARGE || n > SMG_DUT_BUFFER_BYTES) {
        th_printf("e-[Supplied buffer size %s exceeds maximum of %u]\r\n", count, (unsigned)SMG_DUT_BUFFER_BYTES);
    } else {
        expected = n;
        th_printf("m-[Expecting %u bytes]\r\n", (unsigned)n);
    }
}

/* `db print [N] [offset]`: what is loaded, all of it without N. */
static void db_print(char *rest) {
    const char *count = smg_dut_word(&rest), *offset = count != NULL ? smg_dut_word(&rest) : NULL;
    uint32_t first = 0, n = 0;
    if ((count != NULL && read_number(count, &n) != NUMBER) ||
        (offset != NULL && read_number(offset, &first) != NUMBER)) {
        th_printf("e-[Command 'db print' takes two numbers: bytes, offset]\r\n");
        return;
    }
    if (first > loaded) first = (uint32_t)loaded;
    const size_t most = loaded - first, bytes = count == NULL || n > most ? most : n;
    for (size_t i = 0; i < bytes; i++) {
        if (i % PRINTED_A_LINE == 0) th_printf("m-buffer-");
        th_printf("%02x%s", buffer[first + i], (i + 1) % PRINTED_A_LINE == 0 || i + 1 == bytes ? "\r\n" : "-");
    }
}

/* `db setptr N`: the next bytes go to N again, after a host has lost an answer. */
static void db_set_pointer(char *rest) {
    const char *position = smg_dut_word(&rest);
    uint32_t n = 0;
    if (position == NULL || read_number(position, &n) != NUMBER || n > loaded) {
        th_printf("e-[Command 'db setptr' takes a position of at most %u]\r\n", (unsigned)loaded);
    } else {
        loaded = n;
    }
}

enum { LOADED, ODD, WRONG_DIGIT, NO_ROOM };

/* Four digits at a time, one in each byte of a word. Ors into *wrong what is not 0 if one of them is none. */
static uint32_t two_bytes(const char *digits, uint32_t *wrong) {
    uint32_t c;
    __builtin_memcpy(&c, digits, sizeof c);
    const uint32_t letter = c >> 6 & 0x01010101u; /* letters have bit 6, digits have not */
    const uint32_t value = (c & 0x0F0F0F0Fu) + 9u * letter;
    const uint32_t over_nine = (value + 0x06060606u) >> 4 & 0x01010101u;
    const uint32_t small = value + 0x30303030u + ('a' - '9' - 1u) * over_nine; /* what would be c in small letters */
    *wrong |= (value & 0xF0F0F0F0u) | (small ^ (c | letter << 5));
    const uint32_t pairs = (value << 4 | value >> 8) & 0x00FF00FFu;
    return (pairs | pairs >> 8) & 0xFFFFu;
}

/* Stores what n digits stand for behind what is loaded, which grows only if all of them are good; what does not fit is
 * only looked at. */
static int store_digits(const char *digits, size_t n) {
    size_t i = 0, at = loaded;
    uint32_t wrong = 0;
    if (n % 2 != 0) return ODD;
    for (; i + 4 <= n && at + 2 <= expected; i += 4, at += 2) {
        const uint32_t two = two_bytes(digits + i, &wrong);
        buffer[at] = (uint8_t)two;
        buffer[at + 1] = (uint8_t)(two >> 8);
    }
    if (wrong != 0) return WRONG_DIGIT;
    for (; i < n; i += 2) {
        const int high = hex_digit(digits[i]), low = hex_digit(digits[i + 1]);
        if (high < 0 || low < 0) return WRONG_DIGIT;
        if (at < expected) buffer[at++] = (uint8_t)(high * 16 + low);
    }
    if (loaded == expected) return NO_ROOM;
    loaded = at;
    return LOADED;
}

static void say_loaded(void) {
    if (loaded == expected) {
        th_printf("m-load-done\r\n"); /* further digits are ignored */
    } else if (SMG_DUT_ECHO) {
        th_printf("%u bytes received\r\n", (unsigned)loaded);
    }
}

static void say_wrong_digit(const char *digits) {
    while (hex_digit(digits[0]) >= 0 && hex_digit(digits[1]) >= 0) digits += 2;
    th_printf("e-[Invalid hex digit '%c%c']\r\n", digits[0], digits[1]);
}

/* A command that fails stores nothing and can be sent again. */
static void db_bytes(const char *digits) {
    size_t n = 0;
    while (digits[n] != '\0') n++;
    switch (store_digits(digits, n)) {
    case ODD:
        th_printf("e-[Insufficent number of hex digits]\r\n"); /* spelled as runners know it */
        break;
    case WRONG_DIGIT:
        say_wrong_digit(digits);
        break;
    case NO_ROOM:
        th_printf(expected == 0 ? "e-[Command 'db' requires 'db load' first]\r\n"
                                : "e-[The buffer is full: use 'db load' again]\r\n");
        break;
    default:
        say_loaded();
    }
}

static void run_db(char *rest) {
    const char *subcommand = smg_dut_word(&rest);
    if (subcommand == NULL) {
        th_printf("e-[Command 'db' requires a subcommand]\r\n");
    } else if (equal(subcommand, "load")) {
        db_load(rest);
    } else if (equal(subcommand, "print")) {
        db_print(rest);
    } else if (equal(subcommand, "setptr")) {
        db_set_pointer(rest);
    } else {
        db_bytes(subcommand);
    }
}

static void infer_times(uint32_t n) {
    for (; n > 0; n--) {
        smg_dut_infer_begin();
        th_infer();
        smg_dut_infer_end();
    }
}

static void infer(uint32_t n, uint32_t warmups) {
    if (!th_load_tensor()) return;
    th_printf("m-warmup-start-%u\r\n", (unsigned)warmups);
    infer_times(warmups);
    th_printf("m-warmup-done\r\n");
    th_printf("m-infer-start-%u\r\n", (unsigned)n);
    th_timestamp();
    th_pre();
    infer_times(n);
    th_post();
    th_timestamp();
    th_printf("m-infer-done\r\n");
    has_inferred = true;
    th_results();
}

static void run_infer(char *rest) {
    const char *count = smg_dut_word(&rest), *before = count != NULL ? smg_dut_word(&rest) : NULL;
    uint32_t n = 1, warmups = DEFAULT_WARMUPS;
    const number_kind times = count != NULL ? read_number(count, &n) : NUMBER;
    const number_kind first = before != NULL ? read_number(before, &warmups) : NUMBER;
    if (times == TOO_LARGE || first == TOO_LARGE) {
        th_printf("e-[Inference iterations and warmup must be <=%u]\r\n", (unsigned)MOST_INFERENCES);
    } else if (times == NO_NUMBER || n == 0) {
        th_printf("e-[Inference iterations must be >0]\r\n");
    } else if (first == NO_NUMBER) {
        th_printf("e-[Inference warmup must be >=0]\r\n");
    } else {
        infer(n, warmups);
    }
}

static void run_name(char *rest) {
    (void)rest;
    th_printf("m-name-dut-[%s]\r\n", SMG_DUT_VENDOR);
}

static void run_timestamp(char *rest) {
    (void)rest;
    th_timestamp();
}

static void run_profile(char *rest) {
    (void)rest;
    th_printf("m-profile-[%s]\r\nm-model-[%s]\r\n", FIRMWARE, SMG_DUT_MODEL_ID);
}

static void run_results(char *rest) {
    (void)rest;
    if (has_inferred) {
        th_results();
    } else {
        th_printf("e-[No results before an inference]\r\n");
    }
}

static void run_help(char *rest);

static const smg_dut_command commands[] = {
    {"help", "help                 : this text", run_help},
    {"name", "name                 : the device's name", run_name},
    {"timestamp", "timestamp            : the time in microseconds, or a pulse on the pin", run_timestamp},
    {"profile", "profile              : firmware and model", run_profile},
    {"db",
     "db load N            : begin an input of N bytes\r\n"
     "db HH[HH]*           : its next bytes in hexadecimal\r\n"
     "db print [N] [OFFSET]: show what is loaded\r\n"
     "db setptr N          : send again from byte N",
     run_db},
    {"infer", "infer [N=1] [W=10]   : W inferences to warm up, then N timed ones", run_infer},
    {"results", "results              : the last inference's results", run_results},
};

enum { COMMANDS = sizeof commands / sizeof *commands };

static void run_help(char *rest) {
    (void)rest;
    th_printf("%s\r\n\r\n", FIRMWARE);
    for (size_t i = 0; i < COMMANDS; i++) th_printf("%s\r\n", commands[i].help);
    for (size_t i = 0; i < smg_dut_extra_count; i++) th_printf("%s\r\n", smg_dut_extra_commands[i].help);
}

static const smg_dut_command *find(const smg_dut_command *table, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++) {
        if (equal(table[i].name, name)) return &table[i];
    }
    return NULL;
}

static void run(char *text) {
    char *rest = text;
    if (SMG_DUT_ECHO) th_printf("Received command: %s\r\n", text);
    const char *name = smg_dut_word(&rest);
    if (name == NULL) return; /* a '%' alone: hosts send it to end what may have been left over */
    const smg_dut_command *found = find(commands, COMMANDS, name);
    if (found == NULL) found = find(smg_dut_extra_commands, smg_dut_extra_count, name);
    if (found == NULL) {
        th_printf("e-[Unknown command: %s]\r\n", name);
        return;
    }
    while (*rest == ' ') rest++;
    found->run(rest);
}

/* `db HH...` and nothing else, which is most of what ever arrives: stored without a further look. False for any other
 * command, and for one that fails. */
static bool only_digits(void) {
    return !SMG_DUT_ECHO && received > 3 && command[0] == 'd' && command[1] == 'b' && command[2] == ' ' &&
           store_digits(command + 3, received - 3) == LOADED;
}

static void run_any(void) {
    while (received > 0 && (command[received - 1] == '\r' || command[received - 1] == '\n')) received--;
    for (size_t i = 0; i < received; i++) {
        if (command[i] < ' ' || command[i] > '~') command[i] = '?'; /* noise: no command, no digit, and printable */
    }
    command[received] = '\0';
    run(command);
}

/* The command is complete: run it, whatever is wrong with it. */
static void finish(void) {
    if (too_long) {
        th_printf("e-[Command longer than %u characters]\r\n", (unsigned)SMG_DUT_COMMAND_BYTES);
    } else if (only_digits()) {
        say_loaded();
    } else {
        run_any();
    }
    received = 0;
    too_long = false;
    th_printf("m-ready\r\n");
}

char *smg_dut_room(size_t *most) {
    *most = sizeof command - received;
    return command + received;
}

/* Line ends, and what a line makes up when it is opened, are no part of a command. */
static size_t without_beginning(size_t n) {
    size_t from = 0;
    while (from < n && (command[from] <= ' ' || command[from] > '~')) from++;
    if (from > 0) __builtin_memmove(command, command + from, n - from);
    return n - from;
}

void smg_dut_received(size_t n) {
    received += received == 0 ? without_beginning(n) : n;
    if (received > 0 && command[received - 1] == TERMINATOR) {
        received--;
        finish();
    } else if (received == sizeof command) {
        too_long = true;
        received = 1; /* not at its beginning, that is all that matters now */
    }
}

void smg_dut_initialize(void) {
    th_serialport_initialize();
    th_timestamp_initialize();
    th_final_initialize();
    th_printf("m-init-done\r\n");
    th_printf("m-ready\r\n");
}
