/* SPDX-License-Identifier: Apache-2.0 */
/* Fully connected rows, eight outputs at a time; weights are read once a row, in order.
 *
 * Activations are doubled and offset, u = 2 * (x + 128). A weight word holds two inputs of two channels as int16 lanes.
 * SMG_NARROW: 256 * w1 + w0; SMLAD with the word as it is accumulates 256 * A1 + A0, SXTB16 leaves w0 of both lanes and
 * SMLAD accumulates A0. Otherwise 256 * w1 + (w0 + 128): SMLAD accumulates 256 * A1 + A0 + 128 * sum(u), SXTB16 with a
 * rotation leaves w1 and SMLAD accumulates A1. It holds modulo 2^32 whatever the sums; the record proves that A0 and
 * A1, twice the accumulators, fit, and 256 * A1 if SMG_NARROW. Two steps (four inputs, eight outputs) are 13 cycles of
 * loads, 8 SXTB16 and 16 SMLAD: 37 cycles for 32 products.
 *
 * Instances: SMG_STEPS, unrolled, of a loop if SMG_LOOP, whose first pass leaves out SMG_SKIP; all three are even and a
 * row's activation words are a multiple of SMG_STEPS less SMG_SKIP. SMG_SHIFT is all channels' shift, and mult and
 * addend are one, or 0. And the constants of smg_fast_requantize.h. */
#ifndef SMG_DENSE_INC_H
#define SMG_DENSE_INC_H
#include "smg_fast_requantize.h"
#include "smg_kernels.h"
#include "smg_memory.h"

/* One row's work. end: of the activation words. sum: 256 times the sum of x + 128. y_end: a multiple of eight outputs
 * on. mult and addend: if SMG_SHIFT; addend_scaled of 256 * A1. */
typedef struct {
    const uint32_t *end;
    int32_t sum;
    int8_t *y_end;
    int32_t mult, addend, addend_scaled;
} smg_dense_row;

/* Whether channels are requantised from 256 * A1: what it rounds to depends on A1 alone unless ties have a sign. */
#define SMG_DENSE_SCALED (SMG_NARROW && SMG_SHIFT && SMG_ROUNDING_MODE != SMG_ROUND_DOUBLE)
enum { SMG_DENSE_CHANNEL_WORDS = SMG_SHIFT ? 0 : 3 };

#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)
#if SMG_NARROW
#define SMG_DENSE_TURN ""
#else
#define SMG_DENSE_TURN ", ror #8"
#endif
/* The products of one activation word with the weight word of two channels, which it spoils. */
#define SMG_DENSE_PAIR(activation, word, both, one)        \
    "smlad " both ", " activation ", " word ", " both "\n" \
    "sxtb16 " word ", " word SMG_DENSE_TURN "\n"           \
    "smlad " one ", " activation ", " word ", " one "\n"

/* Two steps. Eight words lie so that one load moves the pointer on and most loads are 16-bit instructions; the first
 * is one, to be branched to at any even address. */
#define SMG_DENSE_STEPS                                                                                              \
    "ldr r1, [r5, #4]\n"                                                                                             \
    "ldr r2, [r5, #8]\n"                                                                                             \
    "ldr r3, [r5, #12]\n"                                                                                            \
    "ldr r0, [r4], #4\n" SMG_DENSE_PAIR("r0", "r1", "r10", "r6") SMG_DENSE_PAIR("r0", "r2", "r11", "r7")             \
        SMG_DENSE_PAIR("r0", "r3", "r12",                                                                            \
                       "r8") "ldr r1, [r5, #16]\n"                                                                   \
                             "ldr r2, [r4], #4\n"                                                                    \
                             "ldr r3, [r5], #20\n" SMG_DENSE_PAIR("r0", "r1", "lr", "r9")                            \
                                 SMG_DENSE_PAIR("r2", "r3", "r10", "r6") "ldmia r5!, {r0, r1, r3}\n" SMG_DENSE_PAIR( \
                                     "r2", "r0", "r11", "r7") SMG_DENSE_PAIR("r2", "r1", "r12", "r8")                \
                                     SMG_DENSE_PAIR("r2", "r3", "lr", "r9")

/* The output byte of an even channel's sum, and of an odd one's. */
#if SMG_SHIFT
#define SMG_DENSE_EVEN(sum) SMG_ASM_REQUANTIZE_BY("r3", sum, "r0", "r1", SMG_TEXT(SMG_SHIFT))
#else
#define SMG_DENSE_EVEN(sum) "ldmia r5!, {r0-r2}\n" SMG_ASM_REQUANTIZE("r3", sum, "r0", "r1", "r2")
#endif
#if SMG_DENSE_SCALED
#define SMG_DENSE_ODD(sum)        \
    "smmla r3, " sum ", r0, r2\n" \
    "ssat r3, #8, r3, asr #(" SMG_TEXT(SMG_SHIFT) " + 8)\n" SMG_ASM_CLAMP("r3")
#else
#define SMG_DENSE_ODD(sum) SMG_DENSE_EVEN(sum)
#endif
#if SMG_DENSE_SCALED
#define SMG_DENSE_PART(both, one) "sub " both ", " both ", " one "\n"
#elif SMG_NARROW
#define SMG_DENSE_PART(both, one) "sub " both ", " both ", " one "\nasr " both ", " both ", #8\n"
#else
#define SMG_DENSE_PART(both, one) "sub " both ", " both ", " one ", lsl #8\n"
#endif
#if SMG_NARROW
#define SMG_DENSE_OUTPUTS(both, one, at_even, at_odd) \
    SMG_DENSE_ODD(both) "strb r3, [r4, " at_odd "\n" SMG_DENSE_EVEN(one) "strb r3, [r4" at_even "\n"
#else
#define SMG_DENSE_OUTPUTS(both, one, at_even, at_odd) \
    SMG_DENSE_ODD(one) "strb r3, [r4, " at_odd "\n" SMG_DENSE_EVEN(both) "strb r3, [r4" at_even "\n"
#endif

/* y (8 * blocks). stream, for eight outputs: four channels' sums to begin with (the even ones' if SMG_NARROW, else the
 * odd ones'), then both channels'; weights; mult, addend and shift of each channel, the last one first, unless
 * SMG_SHIFT. */
__attribute__((naked, noinline)) static void smg_dense_outputs(const uint32_t *activations __attribute__((unused)),
                                                               int8_t *y __attribute__((unused)),
                                                               const int32_t *stream __attribute__((unused)),
                                                               const smg_dense_row *row __attribute__((unused))) {
    __asm__("push {r4-r11, lr}\n"
            "ldmia r3, {r4-r9}\n"
            "vmov s0, r0\n"
            "vmov s1, r4\n"
            "vmov s3, r1\n"
            "vmov s4, r5\n"
            "vmov s5, r6\n"
            "vmov s6, r7\n"
            "vmov s7, r8\n"
            "vmov s8, r9\n"
            "mov r5, r2\n"
            ".p2align 2\n"
            "1:\n"
            "ldmia r5!, {r6-r12, lr}\n"
            "vmov r4, s0\n"
#if !SMG_NARROW
            "vmov r0, s4\n"
            "sub r10, r10, r0\n"
            "sub r11, r11, r0\n"
            "sub r12, r12, r0\n"
            "sub lr, lr, r0\n"
#endif
#if SMG_SKIP
            "b.w 3f\n"
            "2:\n"
            ".rept " SMG_TEXT(SMG_SKIP) " / 2\n" SMG_DENSE_STEPS ".endr\n"
                                        "3:\n"
#else
            "2:\n"
#endif
                                        ".rept (" SMG_TEXT(SMG_STEPS) " - " SMG_TEXT(SMG_SKIP) ") / 2\n" SMG_DENSE_STEPS
                                                                                               ".endr\n"
#if SMG_LOOP
                                                                                               "vmov r0, s1\n"
                                                                                               "cmp r4, r0\n"
                                                                                               "bne.w 2b\n"
#endif
                                                                                               "vmov r4, s3\n"
#if SMG_SHIFT
                                                                                               "vmov r0, s6\n"
                                                                                               "vmov r1, s7\n"
#endif
#if SMG_DENSE_SCALED
                                                                                               "vmov r2, s8\n"
#endif
            SMG_DENSE_PART("r10", "r6") SMG_DENSE_PART("r11", "r7") SMG_DENSE_PART("r12", "r8")
                SMG_DENSE_PART("lr", "r9") SMG_DENSE_OUTPUTS("lr", "r9", ", #6]", "#7]")
                    SMG_DENSE_OUTPUTS("r12", "r8", ", #4]", "#5]") SMG_DENSE_OUTPUTS("r11", "r7", ", #2]", "#3]")
                        SMG_DENSE_OUTPUTS("r10", "r6", "], #8", "#1]") "vmov r0, s5\n"
                                                                       "vmov s3, r4\n"
                                                                       "cmp r4, r0\n"
                                                                       "bne.w 1b\n"
                                                                       "pop {r4-r11, pc}\n");
}

/* The activation words of four inputs; the bytes' sum is added to r3 where it is needed. */
#if SMG_NARROW
#define SMG_DENSE_ADD(bytes) ""
#else
#define SMG_DENSE_ADD(bytes) "usada8 r3, " bytes ", r12, r3\n"
#endif
#define SMG_DENSE_WORDS(even, bytes)          \
    "eor " bytes ", " bytes ", #0x80808080\n" \
    "and " even ", lr, " bytes ", lsl #1\n" SMG_DENSE_ADD(bytes) "and " bytes ", lr, " bytes ", lsr #7\n"

/* Sixteen inputs at a time: to (count / 2) from x (count); the sum of x + 128 unless SMG_NARROW. count is a multiple
 * of 16, not 0. */
__attribute__((naked, noinline)) static int32_t smg_dense_sixteens(uint32_t *to __attribute__((unused)),
                                                                   const int8_t *x __attribute__((unused)),
                                                                   int32_t count __attribute__((unused))) {
    __asm__("push {r4-r11, lr}\n"
            "movs r3, #0\n"
            "mov r12, #0\n"
            "mov lr, #0x1fe\n"
            "orr lr, lr, lr, lsl #16\n"
            ".p2align 2\n"
            "1:\n"
            "ldr r5, [r1]\n"
            "ldr r7, [r1, #4]\n"
            "ldr r9, [r1, #8]\n"
            "ldr r11, [r1, #12]\n" SMG_DENSE_WORDS("r4", "r5") SMG_DENSE_WORDS("r6", "r7") SMG_DENSE_WORDS("r8", "r9")
                SMG_DENSE_WORDS("r10", "r11") "adds r1, #16\n"
                                              "subs r2, #16\n"
                                              "stmia r0!, {r4-r11}\n"
                                              "bne 1b\n"
                                              "mov r0, r3\n"
                                              "pop {r4-r11, pc}\n");
}
#else
/* The output of one of two channels from their sums: both holds 256 times the odd one's and the even one's. */
static int8_t smg_dense_output(uint32_t both, uint32_t one, int odd, const int32_t *c, int32_t addend_scaled) {
#if SMG_DENSE_SCALED
    if (odd) {
        const int32_t high = (int32_t)(((int64_t)(int32_t)(both - one) * c[0]) >> 32) + addend_scaled;
        return (int8_t)smg_clamp(high >> (SMG_SHIFT + 8), SMG_ACT_MIN, SMG_ACT_MAX);
    }
#endif
    (void)addend_scaled;
    const uint32_t other = SMG_NARROW ? (uint32_t)((int32_t)(both - one) >> 8) : both - (one << 8);
    const uint32_t acc2 = odd == SMG_NARROW ? other : one;
    return smg_requantize_fast((int32_t)acc2, c[0], c[1], c[2]);
}

static void smg_dense_outputs(const uint32_t *activations, int8_t *y, const int32_t *stream, const smg_dense_row *row) {
    static const int8_t place[8] = {1, 2, 3, 4, 0, 5, 6, 7}; /* of the words of two steps */
    const int32_t steps = (int32_t)(row->end - activations);
    for (; y != row->y_end; y += 8, stream += 8 + 4 * steps + 8 * SMG_DENSE_CHANNEL_WORDS) {
        for (int32_t i = 0; i < 8; i++) {
            uint32_t one = (uint32_t)stream[i / 2], both = (uint32_t)stream[4 + i / 2] - (uint32_t)row->sum;
            for (int32_t s = 0; s < steps; s++) {
                const uint32_t w = (uint32_t)stream[8 + s / 2 * 8 + place[s % 2 * 4 + i / 2]];
                both = (uint32_t)smg_smlad(activations[s], w, (int32_t)both);
                one = (uint32_t)smg_smlad(activations[s], SMG_NARROW ? smg_sxtb16(w) : smg_sxtb16_odd(w), (int32_t)one);
            }
            const int32_t uniform[3] = {row->mult, row->addend, SMG_SHIFT};
            const int32_t *c = SMG_SHIFT ? uniform : stream + 8 + 4 * steps + 3 * (7 - i);
            y[i] = smg_dense_output(both, one, i % 2, c, row->addend_scaled);
        }
    }
}

static int32_t smg_dense_sixteens(uint32_t *to, const int8_t *x, int32_t count) {
    int32_t sum = 0;
    for (int32_t i = 0; i < count; i += 4, to += 2) {
        const uint32_t bytes = smg_load32(x + i) ^ 0x80808080U;
        to[0] = bytes << 1 & 0x01fe01feU;
        to[1] = bytes >> 7 & 0x01fe01feU;
        sum += (int32_t)((bytes & 255) + (bytes >> 8 & 255) + (bytes >> 16 & 255) + (bytes >> 24));
    }
    return SMG_NARROW ? 0 : sum;
}
#endif

/* Activation words of a row, inputs rounded up to four: past the end they are zero. Returns the sum of x + 128, or 0 if
 * SMG_NARROW. */
SMG_INLINE int32_t smg_dense_expand(uint32_t *to, const int8_t *x, int32_t in_c) {
    int32_t i = in_c / 16 * 16, sum = i ? smg_dense_sixteens(to, x, i) : 0;
    for (to += i / 2; i < in_c; i += 4, to += 2) {
        uint32_t u[4] = {0, 0, 0, 0};
        for (int32_t j = 0; j < 4 && i + j < in_c; j++) {
            u[j] = (uint32_t)(x[i + j] + 128);
            sum += (int32_t)u[j];
        }
        to[0] = (u[0] | u[2] << 16) << 1;
        to[1] = (u[1] | u[3] << 16) << 1;
    }
    return SMG_NARROW ? 0 : sum;
}

/* y (rows, out_c) from x (rows, in_c). scratch: activation words of a row, two bytes for each of the inputs rounded up
 * to four, then eight bytes. A row is read before any of its outputs is written; scratch may lie over rows already
 * read. */
SMG_INLINE void smg_dense(int32_t rows, int32_t in_c, int32_t out_c, const int8_t *x, const int32_t *stream, int8_t *y,
                          uint32_t *scratch) {
    const int32_t words = (in_c + 3) / 4 * 2, whole = out_c / 8, block = 8 + 4 * words + 8 * SMG_DENSE_CHANNEL_WORDS;
    const int32_t *tail = stream + whole * block;
    int8_t *last_eight = (int8_t *)(scratch + words);
    smg_dense_row row = {scratch + words, 0, y, 0, 0, 0};
    if (SMG_SHIFT) { /* lies after the weights */
        const int32_t *last = stream + (out_c + 7) / 8 * block;
        row.mult = last[0];
        row.addend = last[1];
        row.addend_scaled = last[2];
    }
    for (; rows > 0; rows--, x += in_c, y += out_c) {
        row.sum = (int32_t)((uint32_t)smg_dense_expand(scratch, x, in_c) << 8); /* modulo 2^32 from 32,897 inputs on */
        row.y_end = y + whole * 8;
        if (whole > 0) smg_dense_outputs(scratch, y, stream, &row);
        if (whole * 8 == out_c) continue;
        row.y_end = last_eight + 8;
        smg_dense_outputs(scratch, last_eight, tail, &row);
        for (int32_t i = whole * 8; i < out_c; i++) y[i] = last_eight[i - whole * 8];
    }
}
#endif
