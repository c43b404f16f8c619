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

/* A value in both halves of a word. */
SMG_INLINE uint32_t smg_both(int32_t v) { return ((uint32_t)v & 0xffffU) * 0x00010001U; }

#if SMG_DEPTHWISE_ASSEMBLY
/* ADDI Rd, Rn, value: in one instruction where the value fits 12 bits. */
#define SMG_ASM_ADDI               \
    ".macro ADDI d, n, value\n"    \
    ".if (\\value) < 4096\n"       \
    "addw \\d, \\n, #(\\value)\n"  \
    ".else\n"                      \
    "movw \\d, #(\\value)&65535\n" \
    ".if (\\value) > 65535\n"      \
    "movt \\d, #(\\value)>>16\n"   \
    ".endif\n"                     \
    "add \\d, \\d, \\n\n"          \
    ".endif\n"                     \
    ".endm\n"

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
