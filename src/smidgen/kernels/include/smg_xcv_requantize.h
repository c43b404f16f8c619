/* SPDX-License-Identifier: Apache-2.0 */
/* From a raw sum(w * x) to an output byte, for instances that define SMG_FORM, SMG_SPLIT, SMG_CLIP (bits
 * that sums are clipped to first, or 0), SMG_ROUNDING_MODE, SMG_ACT_MIN and SMG_ACT_MAX. kernels/corev/requantize.py
 * finds the constants and proves them. */
#ifndef SMG_XCV_REQUANTIZE_H
#define SMG_XCV_REQUANTIZE_H
#include "smg_xcv.h"

#define SMG_ONE_SIDED 0 /* low, high, addend, shift */
#define SMG_TWO_SIDED 1 /* low, high, addend, shift, border, back */
#define SMG_GENERAL 2   /* bias, mult, addend, shift, as in fast_requantize.py */
#define SMG_OWN_SPLIT 3 /* low, high, addend, shift, split */
#define SMG_OWN_CLIP 4  /* the same, and the largest sum as which larger ones count */
#define SMG_WORDS (SMG_FORM == SMG_TWO_SIDED || SMG_FORM == SMG_OWN_CLIP ? 6 : SMG_FORM == SMG_OWN_SPLIT ? 5 : 4)

#if SMG_XCV
/* clang-format off */
/* SMG_CONSTANTS loads a channel's words from a1 into t0 .. t5. SMG_OUTPUT(acc): acc = the output byte of the sum in acc;
 * changes t6 and ra, and in the general form t4 and t5. */
#define SMG_FOUR_CONSTANTS "cv.lw t0, (a1), 4\n cv.lw t1, (a1), 4\n cv.lw t2, (a1), 4\n cv.lw t3, (a1), 4\n"
#if SMG_ACT_MIN > -128
#define SMG_CLAMP_LOW(acc) "li t6, " SMG_XCV_TEXT(SMG_ACT_MIN) "\n cv.max " acc ", " acc ", t6\n"
#else
#define SMG_CLAMP_LOW(acc) ""
#endif
#if SMG_ACT_MAX < 127
#define SMG_CLAMP_HIGH(acc) "li t6, " SMG_XCV_TEXT(SMG_ACT_MAX) "\n cv.min " acc ", " acc ", t6\n"
#else
#define SMG_CLAMP_HIGH(acc) ""
#endif
#define SMG_ASM_CLAMP(acc, from) "cv.clip " acc ", " from ", 8\n" SMG_CLAMP_LOW(acc) SMG_CLAMP_HIGH(acc)

#if SMG_CLIP
#define SMG_CLIP_SUM(acc) "cv.clip " acc ", " acc ", " SMG_XCV_TEXT(SMG_CLIP) "\n"
#else
#define SMG_CLIP_SUM(acc) ""
#endif
#if SMG_FORM == SMG_ONE_SIDED
#define SMG_CONSTANTS SMG_FOUR_CONSTANTS
#define SMG_OUTPUT(acc)                                   \
    SMG_CLIP_SUM(acc)                                     \
    "mul ra, " acc ", t0\n"                               \
    "srai ra, ra, " SMG_XCV_TEXT(SMG_SPLIT) "\n"          \
    "cv.mac ra, " acc ", t1\n"                            \
    "cv.addnr ra, t2, t3\n" SMG_ASM_CLAMP(acc, "ra")
#elif SMG_FORM == SMG_TWO_SIDED
#define SMG_CONSTANTS SMG_FOUR_CONSTANTS "cv.lw t4, (a1), 4\n cv.lw t5, (a1), 4\n"
#define SMG_OUTPUT(acc)                                   \
    SMG_CLIP_SUM(acc)                                     \
    "mul ra, " acc ", t0\n"                               \
    "slt t6, " acc ", t4\n"                               \
    "srai ra, ra, " SMG_XCV_TEXT(SMG_SPLIT) "\n"          \
    "cv.mac ra, " acc ", t1\n"                            \
    "cv.msu ra, t6, t5\n"                                 \
    "cv.addnr ra, t2, t3\n" SMG_ASM_CLAMP(acc, "ra")
#elif SMG_FORM == SMG_OWN_SPLIT || SMG_FORM == SMG_OWN_CLIP
#if SMG_FORM == SMG_OWN_SPLIT
#define SMG_CONSTANTS SMG_FOUR_CONSTANTS "cv.lw t4, (a1), 4\n"
#define SMG_OWN_SUM(acc) ""
#else
#define SMG_CONSTANTS SMG_FOUR_CONSTANTS "cv.lw t4, (a1), 4\n cv.lw t5, (a1), 4\n"
#define SMG_OWN_SUM(acc) "cv.clipr " acc ", " acc ", t5\n"
#endif
#define SMG_OUTPUT(acc)                                   \
    SMG_OWN_SUM(acc)                                      \
    "mul ra, " acc ", t0\n"                               \
    "sra ra, ra, t4\n"                                    \
    "cv.mac ra, " acc ", t1\n"                            \
    "cv.addnr ra, t2, t3\n" SMG_ASM_CLAMP(acc, "ra")
#else
#define SMG_CONSTANTS SMG_FOUR_CONSTANTS
#if SMG_ROUNDING_MODE == 2
#define SMG_ROUND(acc) ""
#elif SMG_ROUNDING_MODE == 1
#define SMG_ROUND(acc) "mul t6, t6, t1\n srli t6, t6, 31\n add ra, ra, t6\n"
#else
#define SMG_ROUND(acc) "mul t6, t6, t1\n srli t6, t6, 31\n add ra, ra, t6\n srai t6, " acc ", 31\n add ra, ra, t6\n"
#endif
#define SMG_OUTPUT(acc)                                   \
    "add " acc ", " acc ", t0\n"                          \
    "slli t6, " acc ", 1\n"                               \
    "mulh ra, t6, t1\n" SMG_ROUND(acc)                    \
    "cv.addnr ra, t2, t3\n" SMG_ASM_CLAMP(acc, "ra")
#endif
/* clang-format on */
#else

/* The meaning of SMG_OUTPUT; c: a channel's words. */
SMG_INLINE int8_t smg_xcv_output(int32_t sum, const int32_t *c) {
#if SMG_FORM == SMG_GENERAL
    const int32_t acc2 = (int32_t)(((uint32_t)sum + (uint32_t)c[0]) << 1);
    const int64_t product = (int64_t)acc2 * c[1];
#if SMG_ROUNDING_MODE == 2
    const int32_t high = (int32_t)(product >> 32);
#elif SMG_ROUNDING_MODE == 1
    const int32_t high = (int32_t)((product + (1LL << 31)) >> 32);
#else
    const int32_t high = (int32_t)((product + (1LL << 31)) >> 32) - (acc2 < 0);
#endif
    const int32_t value = (high + c[2]) >> c[3];
#else
#if SMG_CLIP
    sum = smg_clamp(sum, -(1 << (SMG_CLIP - 1)), (1 << (SMG_CLIP - 1)) - 1);
#endif
#if SMG_FORM == SMG_OWN_CLIP
    sum = smg_clamp(sum, -c[5] - 1, c[5]);
#endif
#if SMG_FORM == SMG_OWN_SPLIT || SMG_FORM == SMG_OWN_CLIP
    const int32_t split = c[4];
#else
    const int32_t split = SMG_SPLIT;
#endif
    uint32_t scaled = (uint32_t)((sum * c[0]) >> split) + (uint32_t)sum * (uint32_t)c[1];
#if SMG_FORM == SMG_TWO_SIDED
    if (sum < c[4]) scaled -= (uint32_t)c[5];
#endif
    const int32_t value = (int32_t)(scaled + (uint32_t)c[2]) >> c[3];
#endif
    return (int8_t)smg_clamp(value, SMG_ACT_MIN, SMG_ACT_MAX);
}
#endif
#endif
