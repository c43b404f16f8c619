/* SPDX-License-Identifier: Apache-2.0 */
/* Pointwise convolution of a block of groups, weights stationary: those of two channels lie in FPU registers while the
 * groups pass by. A step is LDM 5, VMOV 1, SXTB16 (narrow: VMOV) 1 and SMLAD 8 cycles for 16 products.
 *
 * r0-r3 activation words, r4 weight word, r5 next activations, r6-r9 sums of the even channel, r10-r12 and lr of the
 * odd one (or of both, see smg_pointwise_shape.inc.h). Parameters and pointers lie in FPU registers too. With more
 * steps than SMG_CHUNK_STEPS the sums go to memory between SMG_CHUNKS chunks of weights, between the chunks' activation
 * words: so each loop over the groups fits 1 KB of cache. With few steps a loop takes two groups (SMG_TWICE). */
#ifndef SMG_POINTWISE_PAIRS_INC_H
#define SMG_POINTWISE_PAIRS_INC_H
#include "smg_pointwise_shape.inc.h"

/* Where a block's activation words end: without and with the group of the last four pixels, which it computes again;
 * and whether the number of groups without it is odd. */
typedef struct {
    const uint32_t *end, *tail_end;
    int32_t odd;
} smg_pointwise_block;

#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)
#define SMG_ROW SMG_TEXT(SMG_OUT_C)

#define SMG_STEPS_TEXT "((" SMG_TEXT(SMG_IN_C) "+1)/2)"
#define SMG_PUT(r, v) "vmov s" v ", " r "\n"
#define SMG_GET(r, v) "vmov " r ", s" v "\n"
#if SMG_AFFINE /* numbers of FPU registers: output, end of activations, parameters */
#define SMG_OUT "25"
#define SMG_END "26"
#define SMG_BIAS_EVEN "27"
#define SMG_MULT_EVEN "28"
#define SMG_ADDEND_EVEN "29"
#define SMG_MULT_ODD "30"
#define SMG_ADDEND_ODD "31"
#else
#define SMG_OUT "22"
#define SMG_END "23"
#define SMG_BIAS_EVEN "24"
#define SMG_BIAS_BOTH "25"
#define SMG_MULT_EVEN "26"
#define SMG_ADDEND_EVEN "27"
#define SMG_SHIFT_OF_EVEN "28"
#define SMG_MULT_ODD "29"
#define SMG_ADDEND_ODD "30"
#define SMG_SHIFT_OF_ODD "31"
#endif
#define SMG_FRAME "32" /* what a pair needs once lies on the stack */
#define SMG_FRAME_ACTIVATIONS "0"
#define SMG_FRAME_OUT "4"
#define SMG_FRAME_WEIGHTS "8"
#define SMG_FRAME_PAIRS "12"
#define SMG_FRAME_END "16"
#define SMG_FRAME_TAIL_END "20"
#define SMG_FRAME_ODD "24"

/* The sums of a step: s is the register of the weights, from those of lanes or of sums before. */
#define SMG_ADD_ODD(a0, a1, a2, a3) \
    "smlad r10, r0, r4, " a0 "\nsmlad r11, r1, r4, " a1 "\nsmlad r12, r2, r4, " a2 "\nsmlad lr, r3, r4, " a3 "\n"
#define SMG_ADD_EVEN(a0, a1, a2, a3) \
    "smlad r6, r0, r4, " a0 "\nsmlad r7, r1, r4, " a1 "\nsmlad r8, r2, r4, " a2 "\nsmlad r9, r3, r4, " a3 "\n"
#if SMG_NARROW
#define SMG_EVEN_WEIGHTS "vmov r4, \\even\n"
#else
#define SMG_EVEN_WEIGHTS "sxtb16 r4, r4\n"
#endif
#if SMG_AFFINE && SMG_NARROW
#define SMG_FIRST_STEP           \
    SMG_GET("r9", SMG_BIAS_EVEN) \
    "vmov r4, \\odd\n" SMG_ADD_ODD("r9", "r9", "r9", "r9") SMG_EVEN_WEIGHTS SMG_ADD_EVEN("r9", "r9", "r9", "r9")
#elif SMG_AFFINE
#define SMG_FIRST_STEP                                                                                     \
    "vmov r4, \\odd\nsmuad r10, r0, r4\nsmuad r11, r1, r4\nsmuad r12, r2, r4\nsmuad lr, r3, r4\n" SMG_GET( \
        "r9", SMG_BIAS_EVEN) SMG_EVEN_WEIGHTS SMG_ADD_EVEN("r9", "r9", "r9", "r9")
#else
#define SMG_FIRST_STEP           \
    SMG_GET("r9", SMG_BIAS_EVEN) \
    SMG_GET("lr", SMG_BIAS_BOTH) \
    "vmov r4, \\odd\n" SMG_ADD_ODD("lr", "lr", "lr", "lr") SMG_EVEN_WEIGHTS SMG_ADD_EVEN("r9", "r9", "r9", "r9")
#endif

/* From sums to output bytes, the pixels' in turn. */
#if SMG_AFFINE
#define SMG_STORE_AFFINE(sum, mult, addend, shift, at) \
    "smmlar " sum ", " sum ", " mult ", " addend "\n"  \
    "ssat " sum ", #8, " sum ", asr #" SMG_TEXT(shift) "\n" SMG_ASM_CLAMP(sum) "strb " sum ", [r4, #" at "\n"
#if SMG_OUT_C <= 255 /* r4 is the last pixel before: a store may write back so much */
#define SMG_STORE_PIXEL(n, even, odd)                                \
    SMG_STORE_AFFINE(even, "r0", "r1", SMG_SHIFT_EVEN, SMG_ROW "]!") \
    SMG_STORE_AFFINE(odd, "r2", "r3", SMG_SHIFT_ODD, "1]")
#define SMG_STORE_END ""
#define SMG_BEFORE SMG_ROW
#else
#define SMG_STORE_PIXEL(n, even, odd)                                      \
    SMG_STORE_AFFINE(even, "r0", "r1", SMG_SHIFT_EVEN, #n "*" SMG_ROW "]") \
    SMG_STORE_AFFINE(odd, "r2", "r3", SMG_SHIFT_ODD, #n "*" SMG_ROW "+1]")
#define SMG_STORE_END "add r4, r4, #4*" SMG_ROW "\n"
#define SMG_BEFORE "0"
#endif
#define SMG_LOAD_PARAMETERS        \
    SMG_GET("r0", SMG_MULT_EVEN)   \
    SMG_GET("r1", SMG_ADDEND_EVEN) \
    SMG_GET("r2", SMG_MULT_ODD) SMG_GET("r3", SMG_ADDEND_ODD) SMG_GET("r4", SMG_OUT)
#define SMG_STORE_SUMS                                                                  \
    SMG_LOAD_PARAMETERS SMG_STORE_PIXEL(0, "r6", "r10") SMG_STORE_PIXEL(1, "r7", "r11") \
        SMG_STORE_PIXEL(2, "r8", "r12") SMG_STORE_PIXEL(3, "r9", "lr") SMG_STORE_END
#else
#if SMG_NARROW /* twice the sum from 256 times it, or from the sum itself */
#define SMG_TWICE_EVEN(sum) "asr " sum ", " sum ", #7\n"
#else
#define SMG_TWICE_EVEN(sum) "lsl " sum ", " sum ", #1\n"
#endif
#define SMG_STORE_SUM(n, sum, byte) \
    SMG_ASM_REQUANTIZE("r3", sum, "r0", "r1", "r2") "strb r3, [r4, #" #n "*" SMG_ROW "+" byte "]\n"
#define SMG_STORE_FOUR(a0, a1, a2, a3, byte) \
    SMG_STORE_SUM(0, a0, byte) SMG_STORE_SUM(1, a1, byte) SMG_STORE_SUM(2, a2, byte) SMG_STORE_SUM(3, a3, byte)
#define SMG_STORE_SUMS                                                                       \
    SMG_GET("r4", SMG_OUT)                                                                   \
    SMG_GET("r0", SMG_MULT_EVEN)                                                             \
    SMG_GET("r1", SMG_ADDEND_EVEN)                                                           \
    SMG_GET("r2", SMG_SHIFT_OF_EVEN)                                                         \
    SMG_TWICE_EVEN("r6")                                                                     \
    SMG_TWICE_EVEN("r7")                                                                     \
    SMG_TWICE_EVEN("r8")                                                                     \
    SMG_TWICE_EVEN("r9")                                                                     \
    SMG_STORE_FOUR("r6", "r7", "r8", "r9", "0")                                              \
    SMG_GET("r0", SMG_MULT_ODD)                                                              \
    SMG_GET("r1", SMG_ADDEND_ODD)                                                            \
    SMG_GET("r2", SMG_SHIFT_OF_ODD)                                                          \
    "asr r10, r10, #7\nasr r11, r11, #7\nasr r12, r12, #7\nasr lr, lr, #7\n" SMG_STORE_FOUR( \
        "r10", "r11", "r12", "lr", "1") "add r4, r4, #4*" SMG_ROW "\n"
#define SMG_BEFORE "0"
#endif
#if SMG_NARROW
#define SMG_SEPARATE ""
#else
#define SMG_SEPARATE "sub r10, r10, r6\nsub r11, r11, r7\nsub r12, r12, r8\nsub lr, lr, r9\n"
#endif

#define SMG_CHUNKS_TEXT SMG_TEXT(SMG_CHUNKS)
#define SMG_PAIRS_TEXT SMG_TEXT(SMG_PAIRS)
#define SMG_STEPS_BEFORE "(\\q*" SMG_TEXT(SMG_CHUNK_STEPS) ")"
#define SMG_BYTES_BEFORE "(\\q*(16*" SMG_TEXT(SMG_CHUNK_STEPS) "+32)-32)" /* to the sums that a chunk goes on from */
#define SMG_GROUP_BYTES "(16*" SMG_STEPS_TEXT "+32*" SMG_CHUNKS_TEXT "-32)"

/* Outputs of the block's groups, all channels. stream: SMG_PARAMETERS and SMG_WEIGHT_WORDS words a pair of channels. */
__attribute__((naked, noinline)) static void smg_pointwise_pairs(const uint32_t *activations __attribute__((unused)),
                                                                 int8_t *y __attribute__((unused)),
                                                                 const int32_t *stream __attribute__((unused)),
                                                                 const smg_pointwise_block *block
                                                                 __attribute__((unused))) {
    __asm__(
        ".macro smg_step first, odd, even\n"
        "ldmia r5!, {r0-r3}\n"
        ".if \\first\n" SMG_FIRST_STEP ".else\n"
        "vmov r4, \\odd\n" SMG_ADD_ODD("r10", "r11", "r12", "lr") SMG_EVEN_WEIGHTS SMG_ADD_EVEN(
            "r6", "r7", "r8",
            "r9") ".endif\n"
                  ".endm\n"
                  ".macro smg_step_if number, count, first, odd, even\n"
                  ".if \\number < \\count\n"
                  ".if \\number == 0\n"
                  "smg_step \\first, \\odd, \\even\n"
                  ".else\n"
                  "smg_step 0, \\odd, \\even\n"
                  ".endif\n"
                  ".endif\n"
                  ".endm\n"
                  ".macro smg_load number, last\n"
                  ".if \\number == 1\n"
                  "vldmia r0!, {s0}\n"
                  ".else\n"
                  "vldmia r0!, {s0-s\\last}\n"
                  ".endif\n"
                  ".endm\n"
                  "push {r4-r11, lr}\n"
                  "vpush {s16-s31}\n"
                  "sub sp, #" SMG_FRAME "\n"
                  "sub r1, #" SMG_BEFORE "\n"
                  "ldmia r3, {r4-r6}\n"
                  "str r0, [sp, #" SMG_FRAME_ACTIVATIONS "]\n"
                  "str r1, [sp, #" SMG_FRAME_OUT "]\n"
                  "movw r1, #" SMG_PAIRS_TEXT "\n"
                  "str r4, [sp, #" SMG_FRAME_END "]\n"
                  "str r5, [sp, #" SMG_FRAME_TAIL_END "]\n"
                  "str r6, [sp, #" SMG_FRAME_ODD "]\n"
                  "mov r0, r2\n"
                  "1:\n"
                  "str r1, [sp, #" SMG_FRAME_PAIRS "]\n"
#if SMG_AFFINE
                  "vldmia r0!, {s27-s31}\n"
#else
                  "vldmia r0!, {s24-s31}\n"
#endif
                  ".irp q, 0, 1, 2, 3, 4, 5, 6, 7\n"
                  ".if \\q < " SMG_CHUNKS_TEXT "\n"
                  ".if \\q + 1 < " SMG_CHUNKS_TEXT "\n"
                  ".set smg_words, " SMG_TEXT(
                      SMG_CHUNK_STEPS) "\n"
                                       ".else\n"
                                       ".set smg_words, " SMG_STEPS_TEXT "-" SMG_STEPS_BEFORE "\n"
                                       ".endif\n"
                                       ".irp j, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, "
                                       "20, 21, 22, 23\n"
#if SMG_NARROW
                                       ".if \\j + 1 == 2*" SMG_STEPS_TEXT "\n"
#else
                                       ".if \\j + 1 == smg_words\n"
#endif
                                       "smg_load \\j+1, \\j\n"
                                       ".endif\n"
                                       ".endr\n"
                                       "ldr r5, [sp, #" SMG_FRAME_ACTIVATIONS "]\n"
                                       ".if \\q + 1 < " SMG_CHUNKS_TEXT "\n"
                                       "ldr r2, [sp, #" SMG_FRAME_TAIL_END "]\n"
                                       ".else\n"
                                       "ldr r2, [sp, #" SMG_FRAME_END "]\n"
                                       ".endif\n"
                                       "ldr r6, [sp, #" SMG_FRAME_OUT "]\n"
                                       ".if \\q > 0\n"
                                       "add r5, r5, #" SMG_BYTES_BEFORE "\n"
                                       "add r2, r2, #" SMG_BYTES_BEFORE "\n"
                                       ".endif\n" SMG_PUT("r2", SMG_END) SMG_PUT(
                                           "r6",
                                           SMG_OUT) "str r0, [sp, #" SMG_FRAME_WEIGHTS "]\n"
#if SMG_TWICE
                                                    "ldr r3, [sp, #" SMG_FRAME_ODD "]\n"
                                                    "cmp r3, #0\n"
                                                    "bne.w 4f\n"
                                                    ".p2align 2\n"
                                                    "2:\n"
                                                    "smg_step_if 0, " SMG_STEPS_TEXT ", 1, s0, s1\n"
                                                    "smg_step_if 1, " SMG_STEPS_TEXT ", 1, s2, s3\n"
                                                    "smg_step_if 2, " SMG_STEPS_TEXT ", 1, s4, s5\n"
                                                    "smg_step_if 3, " SMG_STEPS_TEXT ", 1, s6, s7\n"
                                                    "smg_step_if 4, " SMG_STEPS_TEXT ", 1, s8, s9\n"
                                                    "smg_step_if 5, " SMG_STEPS_TEXT ", 1, s10, s11\n"
                                                    "smg_step_if 6, " SMG_STEPS_TEXT ", 1, s12, s13\n"
                                                    "smg_step_if 7, " SMG_STEPS_TEXT ", 1, s14, s15\n"
                                                    "smg_step_if 8, " SMG_STEPS_TEXT ", 1, s16, s17\n"
                                                    "smg_step_if 9, " SMG_STEPS_TEXT ", 1, s18, s19\n"
                                                    "smg_step_if 10, " SMG_STEPS_TEXT ", 1, s20, s21\n"
                                                    "smg_step_if 11, " SMG_STEPS_TEXT
                                                    ", 1, s22, s23\n" SMG_SEPARATE SMG_STORE_SUMS SMG_PUT(
                                                        "r4",
                                                        SMG_OUT) "4:\n"
#else
                                                    ".p2align 2\n"
                                                    "2:\n"
#endif
                                                                 ".if \\q > 0\n"
                                                                 "ldmia r5!, {r6-r12, lr}\n"
                                                                 ".endif\n"
#if SMG_NARROW
                                                                 "smg_step_if 0, " SMG_STEPS_TEXT ", 1, s0, s1\n"
                                                                 "smg_step_if 1, " SMG_STEPS_TEXT ", 1, s2, s3\n"
                                                                 "smg_step_if 2, " SMG_STEPS_TEXT ", 1, s4, s5\n"
                                                                 "smg_step_if 3, " SMG_STEPS_TEXT ", 1, s6, s7\n"
                                                                 "smg_step_if 4, " SMG_STEPS_TEXT ", 1, s8, s9\n"
                                                                 "smg_step_if 5, " SMG_STEPS_TEXT ", 1, s10, s11\n"
                                                                 "smg_step_if 6, " SMG_STEPS_TEXT ", 1, s12, s13\n"
                                                                 "smg_step_if 7, " SMG_STEPS_TEXT ", 1, s14, s15\n"
                                                                 "smg_step_if 8, " SMG_STEPS_TEXT ", 1, s16, s17\n"
                                                                 "smg_step_if 9, " SMG_STEPS_TEXT ", 1, s18, s19\n"
                                                                 "smg_step_if 10, " SMG_STEPS_TEXT ", 1, s20, s21\n"
                                                                 "smg_step_if 11, " SMG_STEPS_TEXT ", 1, s22, s23\n"
#else
                                                    ".irp j, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, "
                                                    "17, 18, 19, 20, 21, 22, 23\n"
                                                    ".if \\q == 0\n"
                                                    "smg_step_if \\j, smg_words, 1, s\\j, s\\j\n"
                                                    ".else\n"
                                                    "smg_step_if \\j, smg_words, 0, s\\j, s\\j\n"
                                                    ".endif\n"
                                                    ".endr\n"
#endif
                                                                 ".if \\q + 1 < " SMG_CHUNKS_TEXT "\n"
                                                                 "stmia r5!, {r6-r12, lr}\n" SMG_GET(
                                                                     "r0",
                                                                     SMG_END) ".if \\q > 0\n"
                                                                              "add r5, r5, #" SMG_GROUP_BYTES
                                                                              "-16*" SMG_TEXT(
                                                                                  SMG_CHUNK_STEPS) "-64\n"
                                                                                                   ".else\n"
                                                                                                   "add r5, r5, "
                                                                                                   "#" SMG_GROUP_BYTES
                                                                                                   "-16*" SMG_TEXT(
                                                                                                       SMG_CHUNK_STEPS) "-32\n"
                                                                                                                        ".endif\n"
                                                                                                                        "cmp r5, r0\n"
                                                                                                                        "bne.w 2b\n"
                                                                                                                        ".else\n" SMG_SEPARATE SMG_STORE_SUMS SMG_GET("r6", SMG_END) SMG_PUT(
                                                                                                                            "r4",
                                                                                                                            SMG_OUT) ".if \\q > 0\n"
                                                                                                                                     "add r5, r5, #" SMG_BYTES_BEFORE
                                                                                                                                     "\n"
                                                                                                                                     ".endif\n"
                                                                                                                                     "cmp r5, r6\n"
                                                                                                                                     "bne.w 2b\n"
#if SMG_TAIL > 1
                                                                                                                                     "ldr r2, [sp, #" SMG_FRAME_TAIL_END
                                                                                                                                     "]\n"
                                                                                                                                     ".if \\q > 0\n"
                                                                                                                                     "add r2, r2, #" SMG_BYTES_BEFORE
                                                                                                                                     "\n"
                                                                                                                                     ".endif\n"
                                                                                                                                     "cmp r5, r2\n"
                                                                                                                                     "beq 3f\n"
                                                                                                                                     "sub r4, r4, #(4-" SMG_TEXT(SMG_TAIL) ")*" SMG_ROW "\n" SMG_PUT(
                                                                                                                                         "r2",
                                                                                                                                         SMG_END) SMG_PUT("r4",
                                                                                                                                                          SMG_OUT)
#if SMG_TWICE
                                                                                                                                         "b 4b\n"
#else
                                                                                                                                         "b 2b\n"
#endif
                                                                                                                                         "3:\n"
#endif
                                                                                                                                         ".endif\n"
                                                                                                                                         "ldr r0, [sp, #" SMG_FRAME_WEIGHTS
                                                                                                                                         "]\n"
                                                                                                                                         ".endif\n"
                                                                                                                                         ".endr\n"
                                                                                                                                         "ldr r1, [sp, #" SMG_FRAME_PAIRS
                                                                                                                                         "]\n"
                                                                                                                                         "ldr r3, [sp, #" SMG_FRAME_OUT
                                                                                                                                         "]\n"
                                                                                                                                         "subs r1, #1\n"
#if SMG_OUT_C % 2
                                                                                                                                         "cmp r1, #1\n"
                                                                                                                                         "ite eq\n"
                                                                                                                                         "addeq r3, #1\n"
                                                                                                                                         "addne r3, #2\n"
#else
                                                                                                                        "add r3, #2\n"
#endif
                                                                                                                                         "str r3, [sp, #" SMG_FRAME_OUT
                                                                                                                                         "]\n"
                                                                                                                                         "cmp r1, #0\n"
                                                                                                                                         "bne.w 1b\n"
                                                                                                                                         "add sp, #" SMG_FRAME
                                                                                                                                         "\n"
                                                                                                                                         "vpop {s16-s31}\n"
                                                                                                                                         "pop {r4-r11, pc}\n"
                                                                                                                                         ".purgem smg_step\n"
                                                                                                                                         ".purgem smg_step_if\n"
                                                                                                                                         ".purgem smg_load\n");
}
#else
/* The same sums from the same packed words, modulo 2^32. */
static uint32_t smg_pointwise_sum(const uint32_t *activations, int alone, const uint32_t *weights, int32_t step,
                                  int low, uint32_t sum) {
    for (int32_t i = 0; i < SMG_STEPS; i++) {
        const uint32_t w = weights[i * step];
        sum = (uint32_t)smg_smlad(activations[alone ? i : SMG_STEP_WORD(i)], low ? smg_sxtb16(w) : w, (int32_t)sum);
    }
    return sum;
}

/* Output bytes of one pixel, alone or of a group, and two channels; at: parameters, then weights. */
static void smg_pointwise_two(const uint32_t *activations, int alone, const uint32_t *at, int8_t *y) {
    const int32_t *p = (const int32_t *)at;
    const uint32_t *w = at + SMG_PARAMETERS;
    const uint32_t bias = at[0], both = SMG_AFFINE ? (SMG_NARROW ? bias : 0) : at[1];
    const uint32_t even = SMG_NARROW ? smg_pointwise_sum(activations, alone, w + 1, 2, 0, bias)
                                     : smg_pointwise_sum(activations, alone, w, 1, 1, bias);
    const uint32_t odd = SMG_NARROW ? smg_pointwise_sum(activations, alone, w, 2, 0, both)
                                    : smg_pointwise_sum(activations, alone, w, 1, 0, both) - even;
#if SMG_AFFINE
    y[0] = (int8_t)smg_clamp(smg_smmlar((int32_t)even, p[1], p[2]) >> SMG_SHIFT_EVEN, SMG_ACT_MIN, SMG_ACT_MAX);
    y[1] = (int8_t)smg_clamp(smg_smmlar((int32_t)odd, p[3], p[4]) >> SMG_SHIFT_ODD, SMG_ACT_MIN, SMG_ACT_MAX);
#else
    y[0] = smg_requantize_fast(SMG_NARROW ? (int32_t)even >> 7 : (int32_t)(even << 1), p[2], p[3], p[4]);
    y[1] = smg_requantize_fast((int32_t)odd >> 7, p[5], p[6], p[7]);
#endif
}

static void smg_pointwise_pairs(const uint32_t *activations, int8_t *y, const int32_t *stream,
                                const smg_pointwise_block *block) {
    for (int32_t c = 0; c < 2 * SMG_PAIRS; c += 2, stream += SMG_PARAMETERS + SMG_WEIGHT_WORDS) {
        int32_t at = c + 1 < SMG_OUT_C ? c : SMG_OUT_C - 2;
        for (const uint32_t *a = activations; a < block->tail_end; a += SMG_GROUP_WORDS, at += 4 * SMG_OUT_C) {
            if (a == block->end) at -= (4 - SMG_TAIL) * SMG_OUT_C;
            for (int32_t i = 0; i < 4; i++)
                smg_pointwise_two(a + i, 0, (const uint32_t *)stream, y + at + i * SMG_OUT_C);
        }
    }
}
#endif
#endif
