/* SPDX-License-Identifier: Apache-2.0 */
/* For code that is to be small whatever the rest is built for. */
#ifndef SMG_SMALL_H
#define SMG_SMALL_H

#if defined(__clang__)
#define SMG_SMALL __attribute__((minsize))
#define SMG_ROLLED _Pragma("clang loop unroll(disable) vectorize(disable)")
#else
#define SMG_SMALL __attribute__((optimize("Os")))
#define SMG_ROLLED _Pragma("GCC unroll 1")
#endif
#endif
