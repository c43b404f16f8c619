/* SPDX-License-Identifier: Apache-2.0 */
/* What the assembly of depthwise kernels shares: whether there is any, immediates, requantisation in place. */
#ifndef SMG_DEPTHWISE_ASSEMBLY_INC_H
#define SMG_DEPTHWISE_ASSEMBLY_INC_H
#include "smg_fast_requantize.h"
#include "smg_kernels.h"

#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)
#define SMG_DEPTHWISE_ASSEMBLY 1
#else
#define SMG_DEPTHWISE_ASSEMBLY 0
#endif

/* Compiled for size: what runs once a call, or little. */
#if defined(__clang__)
#define SMG_SMALL __attribute__((minsize, noinline))
#elif defined(__GNUC__)
#define SMG_SMALL __attribute__((optimize("Os"), noinline))
#else
#define SMG_SMALL
#endif

/* A value in both halves of a word. */
SMG_INLINE uint32_t smg_both(int32_t v) { return ((uint32_t)v & 0xffffU) * 0x00010001U; }

#if SMG_DEPTHWISE_ASSEMBLY
/* Text of a constant, as one argument of an assembler macro. */
#define SMG_IMMEDIATE(value) "(" SMG_TEXT(value) ")"

/* ADDI d, n, value: d = n + value, 0 <= value < 2^24, in one instruction where the value fits 12 bits. */
#define SMG_ASM_ADDI                      \
    ".macro ADDI d, n, value\n"           \
    ".if (\\value) < 4096\n"              \
    "addw \\d, \\n, #(\\value)\n"         \
    ".else\n"                             \
    "add \\d, \\n, #(\\value)&0xff00\n"   \
    "add \\d, \\d, #(\\value)&0xff\n"     \
    ".if (\\value) > 65535\n"             \
    "add \\d, \\d, #(\\value)&0xff0000\n" \
    ".endif\n.endif\n"                    \
    ".endm\n"

/* SUBI d, value: d = d - value, 0 <= value < 2^16. */
#define SMG_ASM_SUBI                                           \
    ".macro SUBI d, value\n"                                   \
    ".if (\\value) < 4096\nsubw \\d, \\d, #(\\value)\n.else\n" \
    "sub \\d, \\d, #(\\value)&0xff00\nsub \\d, \\d, #(\\value)&0xff\n.endif\n.endm\n"

/* acc = high(acc * mult) + addend, all in registers; ``free`` may be lost. */
#if SMG_ROUNDING_MODE == SMG_ROUND_DOUBLE
#define SMG_ASM_HIGH_BY(acc, mult, addend, free) \
    "add " free ", " addend ", " acc ", asr #31\nsmmlar " acc ", " acc ", " mult ", " free "\n"
#else
#define SMG_ASM_HIGH_BY(acc, mult, addend, free) SMG_ASM_HIGH(acc, acc, mult, addend)
#endif

/* SMG_SHIFT is the shift that all channels share, or 0: then it is brought from s3 into a register first. */
#if SMG_SHIFT
#define SMG_ASM_SHIFT_IN(shift) ""
#define SMG_ASM_SHIFT_BY(acc, shift) "ssat " acc ", #8, " acc ", asr #" SMG_TEXT(SMG_SHIFT) "\n" SMG_ASM_CLAMP(acc)
#else
#define SMG_ASM_SHIFT_IN(shift) "vmov " shift ", s3\n"
#define SMG_ASM_SHIFT_BY(acc, shift) "asr " acc ", " acc ", " shift "\nssat " acc ", #8, " acc "\n" SMG_ASM_CLAMP(acc)
#endif
#endif
#endif
