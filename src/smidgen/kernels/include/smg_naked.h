/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of assembly alone: arguments are where the procedure call standard puts them. */
#ifndef SMG_NAKED_H
#define SMG_NAKED_H
#ifdef __clang__
#define SMG_NAKED __attribute__((naked, noinline)) static
#pragma clang diagnostic ignored "-Wunused-parameter"
#pragma clang diagnostic ignored "-Woverlength-strings" /* C99's limit of 4095 characters, of no compiler today */
#else /* GCC must not infer from such a body which registers it leaves alone */
#define SMG_NAKED __attribute__((naked, noinline, noipa)) static
#pragma GCC diagnostic ignored "-Wunused-parameter"
#endif
#endif
