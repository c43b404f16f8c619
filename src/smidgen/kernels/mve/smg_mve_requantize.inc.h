/* SPDX-License-Identifier: Apache-2.0 */
/* Text of assembly that makes output bytes of two vectors of accumulators, q0 and q1, for kernels whose instances
 * define SMG_ROUNDING_MODE, SMG_ACT_MIN, SMG_ACT_MAX and SMG_OUT_OFFSET. The doubling multiplication's upper word,
 * rounded for TFLite's double rounding, is shifted right by 1 to 22 with ties up; fast_requantize.py proves what that
 * rests on.
 *
 * TFLite's second rounding takes ties away from zero: 1 less for a negative product turns ties up into that. Where the
 * lower clamp sits at the zero point nobody sees it; with ties to even no accumulator is a tie. */
#ifndef SMG_MVE_REQUANTIZE_INC_H
#define SMG_MVE_REQUANTIZE_INC_H

#define SMG_TEXT_OF(x) #x
#define SMG_TEXT(x) SMG_TEXT_OF(x)

#define SMG_ROUND_DOUBLE 0
#define SMG_ROUND_CLAMPED 1
#define SMG_ROUND_EVEN 2

#if SMG_ROUNDING_MODE == SMG_ROUND_EVEN
#define SMG_HIGH "vqdmulh.s32 "
#else
#define SMG_HIGH "vqrdmulh.s32 "
#endif

#if SMG_ROUNDING_MODE == SMG_ROUND_DOUBLE
#define SMG_AWAY_FROM_ZERO(q)   \
    "vshr.s32 q2, " q ", #31\n" \
    "vadd.i32 " q ", " q ", q2\n"
#else
#define SMG_AWAY_FROM_ZERO(q) ""
#endif

/* q4 the output's zero point, q5 and q6 the clamp, in 16 bits; spoils r4. */
#define SMG_SET_RANGE                                                                                       \
    "movw r4, #" SMG_TEXT(SMG_OUT_OFFSET) " & 0xffff\n"                                                     \
                                          "vdup.16 q4, r4\n"                                                \
                                          "movw r4, #" SMG_TEXT(SMG_ACT_MIN) " & 0xffff\n"                  \
                                                                             "vdup.16 q5, r4\n"             \
                                                                             "movw r4, #" SMG_TEXT(         \
                                                                                 SMG_ACT_MAX) " & 0xffff\n" \
                                                                                              "vdup.16 q6, r4\n"

#if SMG_OUT_OFFSET == 0
#define SMG_ADD_OFFSET ""
#else
#define SMG_ADD_OFFSET "vqadd.s16 q0, q0, q4\n"
#endif

#if SMG_ACT_MIN == -128 && SMG_ACT_MAX == 127
#define SMG_CLAMP "vqmovnb.s16 q0, q0\n"
#else
#define SMG_CLAMP           \
    "vmax.s16 q0, q0, q5\n" \
    "vmin.s16 q0, q0, q6\n"
#endif

/* q0's results in the even bytes pairs of q0, q1's in the odd ones: 16 bits each. */
#define SMG_PACK           \
    "vqmovnb.s32 q0, q0\n" \
    "vqmovnt.s32 q0, q1\n" SMG_ADD_OFFSET SMG_CLAMP

/* q += bias, q2; q = upper word of 2 * q * mult, q2; q >>= shift, q2. */
#define SMG_SCALE(q) SMG_HIGH q ", " q ", q2\n"
#define SMG_SHIFT(q) "vrshl.s32 " q ", " q ", q2\n"
#define SMG_BIAS(q) "vadd.i32 " q ", " q ", q2\n"
#define SMG_NEXT(q) "vldrw.u32 " q ", [r5], #16\n"

/* Every second accumulator of eight: r0, r2, r4, r6 are q0's, r8, r10, r12, r14 q1's. */
#define SMG_COLLECT                \
    "vmov q0[2], q0[0], r0, r4\n"  \
    "vmov q0[3], q0[1], r2, r6\n"  \
    "vmov q1[2], q1[0], r8, r12\n" \
    "vmov q1[3], q1[1], r10, r14\n"
#endif
