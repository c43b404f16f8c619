/* SPDX-License-Identifier: Apache-2.0 */
/* For functions outside of the hot loops: few bytes rather than few cycles, whatever the rest is optimized for. */
#ifndef SMG_FEW_BYTES_H
#define SMG_FEW_BYTES_H
#ifdef __clang__
#define SMG_FEW_BYTES __attribute__((minsize))
#else
#define SMG_FEW_BYTES __attribute__((cold))
#endif
#endif
