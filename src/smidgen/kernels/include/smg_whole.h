/* SPDX-License-Identifier: Apache-2.0 */
/* For short loops of a constant length whose variables are to become registers. */
#ifndef SMG_WHOLE_H
#define SMG_WHOLE_H

#if defined(__clang__)
#define SMG_WHOLE _Pragma("clang loop unroll(full)")
#else
#define SMG_WHOLE _Pragma("GCC unroll 64")
#endif

/* v is computed here, neither earlier nor later relative to others so marked: compilers that order code for long
 * latencies need more registers than there are. No instruction. */
#define SMG_HERE(v) __asm__ volatile("" : "+r"(v))
#endif
