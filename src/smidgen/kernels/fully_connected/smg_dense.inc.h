/* SPDX-License-Identifier: Apache-2.0 */
/* Fully connected rows, eight outputs at a time; weights are read once a row, in order.
 *
 * A weight word holds two inputs of two channels as int16 lanes 256 * w1 + (w0 + 128). Activations are doubled and
 * offset, u = 2 * (x + 128). SMLAD with the word as it is accumulates 256 * A1 + A0 + 128 * sum(u), SXTB16 with a
 * rotation leaves w1 of both lanes and SMLAD accumulates A1; one subtraction gives A0. It holds modulo 2^32 whatever
 * the sums, and the record proves that A0 and A1, twice the accumulators, fit. Two steps (four inputs, eight outputs)
 * are 13 cycles of loads, 8 SXTB16 and 16 SMLAD: 37 cycles for 32 products.
 *
 * Instances: SMG_UNIFORM (mult, addend and shift are one for all channels), SMG_UNROLLED
 * and SMG_REST (whether a row has activation words for the unrolled loop, of SMG_UNROLL steps, and others), and the
 * constants of smg_fast_requantize.h. */
#ifndef SMG_DENSE_INC_H
#define SMG_DENSE_INC_H
#include "smg_fast_requantize.h"
#include "smg_kernels.h"
#include "smg_memory.h"

/* One row's work. end_of_unrolled: the activation words that are taken SMG_UNROLL at a time end here; the others are
 * taken two at a time. sum: 256 times the sum of x + 128. y_end: a multiple of eight outputs on. mult ... : if
 * SMG_UNIFORM. */
typedef struct {
    const uint32_t *end_of_unrolled, *end;
    int32_t sum;
    int8_t *y_end;
    int32_t mult, addend, shift;
} smg_dense_row;

enum { SMG_DENSE_CHANNEL_WORDS = SMG_UNIFORM ? 0 : 3 };

#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)
/* The products of one activation word with the weight word of two channels, which it spoils. */
#define SMG_DENSE_PAIR(activation, word, both, odd)        \
    "smlad " both ", " activation ", " word ", " both "\n" \
    "sxtb16 " word ", " word ", ror #8\n"                  \
    "smlad " odd ", " activation ", " word ", " odd "\n"

/* Two steps; each argument is the address of a word, in the order in which they are loaded. */
#define SMG_DENSE_STEPS(a0, w0, w1, w2, w3, a1, w4, w5, w6, w7)                                                        \
    "ldr r0, " a0 "\nldr r1, " w0 "\nldr r2, " w1 "\nldr r3, " w2                                                      \
    "\n" SMG_DENSE_PAIR("r0", "r1", "r10", "r6") SMG_DENSE_PAIR("r0", "r2", "r11", "r7")                               \
        SMG_DENSE_PAIR("r0", "r3", "r12",                                                                              \
                       "r8") "ldr r1, " w3 "\nldr r2, " a1 "\nldr r3, " w4 "\n" SMG_DENSE_PAIR("r0", "r1", "lr", "r9") \
            SMG_DENSE_PAIR("r2", "r3", "r10", "r6") "ldr r0, " w5 "\nldr r1, " w6 "\nldr r3, " w7                      \
                                                    "\n" SMG_DENSE_PAIR("r2", "r0", "r11", "r7")                       \
                                                        SMG_DENSE_PAIR("r2", "r1", "r12", "r8")                        \
                                                            SMG_DENSE_PAIR("r2", "r3", "lr", "r9")
#define SMG_DENSE_A(n) "[r4, #4*" #n "]"
#define SMG_DENSE_W(n) "[r5, #4*" #n "]"

/* Eight steps; the last words loaded lie first, so that a post-indexed load moves the pointers on and all other loads
 * are 16-bit instructions: sixteen steps with their loop take less than 1 KB, eight with all code between, too. */
#define SMG_DENSE_EIGHT(a0, a1, a2, a3, a4, a5, a6, a7)                                                          \
    SMG_DENSE_STEPS(a0, SMG_DENSE_W(1), SMG_DENSE_W(2), SMG_DENSE_W(3), SMG_DENSE_W(4), a1, SMG_DENSE_W(5),      \
                    SMG_DENSE_W(6), SMG_DENSE_W(7), SMG_DENSE_W(8))                                              \
    SMG_DENSE_STEPS(a2, SMG_DENSE_W(9), SMG_DENSE_W(10), SMG_DENSE_W(11), SMG_DENSE_W(12), a3, SMG_DENSE_W(13),  \
                    SMG_DENSE_W(14), SMG_DENSE_W(15), SMG_DENSE_W(16))                                           \
    SMG_DENSE_STEPS(a4, SMG_DENSE_W(17), SMG_DENSE_W(18), SMG_DENSE_W(19), SMG_DENSE_W(20), a5, SMG_DENSE_W(21), \
                    SMG_DENSE_W(22), SMG_DENSE_W(23), SMG_DENSE_W(24))                                           \
    SMG_DENSE_STEPS(a6, SMG_DENSE_W(25), SMG_DENSE_W(26), SMG_DENSE_W(27), SMG_DENSE_W(28), a7, SMG_DENSE_W(29), \
                    SMG_DENSE_W(30), SMG_DENSE_W(31), "[r5], #128")
#if SMG_UNIFORM
#define SMG_DENSE_CHANNEL ""
#else
#define SMG_DENSE_CHANNEL "ldmia r5!, {r0-r2}\n"
#endif
#define SMG_DENSE_STORE(sum, at) \
    SMG_DENSE_CHANNEL SMG_ASM_REQUANTIZE("r3", sum, "r0", "r1", "r2") "strb r3, [r4, " at "\n"

/* y (8 * blocks). stream, for eight outputs: the odd channels' sums to begin with, then both channels'; weights; mult,
 * addend and shift of channels 1 to 7 and then 0, unless SMG_UNIFORM. */
__attribute__((naked, noinline)) static void smg_dense_outputs(const uint32_t *activations __attribute__((unused)),
                                                               int8_t *y __attribute__((unused)),
                                                               const int32_t *stream __attribute__((unused)),
                                                               const smg_dense_row *row __attribute__((unused))) {
    __asm__("push {r4-r11, lr}\n"
            "ldmia r3, {r4-r10}\n"
            "vmov s0, r0\n"
            "vmov s1, r4\n"
            "vmov s2, r5\n"
            "vmov s3, r1\n"
            "vmov s4, r6\n"
            "vmov s5, r7\n"
            "vmov s6, r8\n"
            "vmov s7, r9\n"
            "vmov s8, r10\n"
            "mov r5, r2\n"
            "1:\n"
            "ldmia r5!, {r6-r12, lr}\n"
            "vmov r0, s4\n"
            "vmov r4, s0\n"
            "sub r10, r10, r0\n"
            "sub r11, r11, r0\n"
            "sub r12, r12, r0\n"
            "sub lr, lr, r0\n"
#if SMG_UNROLLED
            ".p2align 2\n"
            "2:\n"
#if SMG_UNROLL == 8
            SMG_DENSE_EIGHT(SMG_DENSE_A(1), SMG_DENSE_A(2), SMG_DENSE_A(3), SMG_DENSE_A(4), SMG_DENSE_A(5),
                            SMG_DENSE_A(6), SMG_DENSE_A(7), "[r4], #32")
#else
            SMG_DENSE_EIGHT(SMG_DENSE_A(1), SMG_DENSE_A(2), SMG_DENSE_A(3), SMG_DENSE_A(4), SMG_DENSE_A(5),
                            SMG_DENSE_A(6), SMG_DENSE_A(7),
                            SMG_DENSE_A(8)) SMG_DENSE_EIGHT(SMG_DENSE_A(9), SMG_DENSE_A(10), SMG_DENSE_A(11),
                                                            SMG_DENSE_A(12), SMG_DENSE_A(13), SMG_DENSE_A(14),
                                                            SMG_DENSE_A(15), "[r4], #64")
#endif
                "vmov r0, s1\n"
                "cmp r4, r0\n"
                "bne.w 2b\n"
#endif
#if SMG_REST
                ".p2align 2\n"
                "3:\n" SMG_DENSE_STEPS(
                    SMG_DENSE_A(0), SMG_DENSE_W(0), SMG_DENSE_W(1), SMG_DENSE_W(2), SMG_DENSE_W(3), SMG_DENSE_A(1),
                    SMG_DENSE_W(4), SMG_DENSE_W(5), SMG_DENSE_W(6),
                    SMG_DENSE_W(7)) "vmov r0, s2\n"
                                    "adds r4, #8\n"
                                    "adds r5, #32\n"
                                    "cmp r4, r0\n"
                                    "bne 3b\n"
#endif
                                    "vmov r4, s3\n"
#if SMG_UNIFORM
                                    "vmov r0, s6\n"
                                    "vmov r1, s7\n"
                                    "vmov r2, s8\n"
#endif
                                    "sub r10, r10, r6, lsl #8\n"
                                    "sub r11, r11, r7, lsl #8\n"
                                    "sub r12, r12, r8, lsl #8\n"
                                    "sub lr, lr, r9, lsl #8\n" SMG_DENSE_STORE("r6", "#1]")
                                        SMG_DENSE_STORE("r11", "#2]") SMG_DENSE_STORE("r7", "#3]")
                                            SMG_DENSE_STORE("r12", "#4]") SMG_DENSE_STORE("r8", "#5]")
                                                SMG_DENSE_STORE("lr", "#6]") SMG_DENSE_STORE("r9", "#7]")
                                                    SMG_DENSE_CHANNEL SMG_ASM_REQUANTIZE("r3", "r10", "r0", "r1",
                                                                                         "r2") "vmov r0, s5\n"
                                                                                               "strb r3, [r4], #8\n"
                                                                                               "vmov s3, r4\n"
                                                                                               "cmp r4, r0\n"
                                                                                               "bne.w 1b\n"
                                                                                               "pop {r4-r11, pc}\n");
}

/* The activation words of four inputs; the bytes' sum is added to sum. */
#define SMG_DENSE_WORDS(even, odd, bytes, sum, mask) \
    "eor " bytes ", " bytes ", #0x80808080\n"        \
    "and " even ", " mask ", " bytes ", lsl #1\n"    \
    "usada8 " sum ", " bytes ", r12, " sum "\n"      \
    "and " odd ", " mask ", " bytes ", lsr #7\n"

/* Sixteen inputs at a time: to (count / 2) from x (count); the sum of x + 128. count is a multiple of 16, not 0. */
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
            "ldr r11, [r1, #12]\n" SMG_DENSE_WORDS("r4", "r5", "r5", "r3", "lr")
                SMG_DENSE_WORDS("r6", "r7", "r7", "r3", "lr") SMG_DENSE_WORDS("r8", "r9", "r9", "r3", "lr")
                    SMG_DENSE_WORDS("r10", "r11", "r11", "r3", "lr") "adds r1, #16\n"
                                                                     "subs r2, #16\n"
                                                                     "stmia r0!, {r4-r11}\n"
                                                                     "bne 1b\n"
                                                                     "mov r0, r3\n"
                                                                     "pop {r4-r11, pc}\n");
}
#else
/* The word of a step and two channels: where eight steps and eight outputs lie rolled, the first lies last. */
static uint32_t smg_dense_word(const uint32_t *weights, int32_t step, int32_t unrolled, int32_t pair) {
    if (step >= unrolled) return weights[4 * step + pair];
    return weights[step / 8 * 32 + (step % 8 * 4 + pair + 1) % 32];
}

static void smg_dense_outputs(const uint32_t *activations, int8_t *y, const int32_t *stream, const smg_dense_row *row) {
    const int32_t unrolled = (int32_t)(row->end_of_unrolled - activations), steps = (int32_t)(row->end - activations);
    for (; y != row->y_end; y += 8, stream += 8 + 4 * steps + 8 * SMG_DENSE_CHANNEL_WORDS) {
        for (int32_t i = 0; i < 8; i++) {
            uint32_t odd = (uint32_t)stream[i / 2], both = (uint32_t)stream[4 + i / 2] - (uint32_t)row->sum;
            for (int32_t s = 0; s < steps; s++) {
                const uint32_t w = smg_dense_word((const uint32_t *)stream + 8, s, unrolled, i / 2);
                const uint32_t a = activations[s < unrolled ? s / SMG_UNROLL * SMG_UNROLL + (s + 1) % SMG_UNROLL : s];
                both = (uint32_t)smg_smlad(a, w, (int32_t)both);
                odd = (uint32_t)smg_smlad(a, smg_sxtb16_odd(w), (int32_t)odd);
            }
            const int32_t uniform[3] = {row->mult, row->addend, row->shift};
            const int32_t *c = SMG_UNIFORM ? uniform : stream + 8 + 4 * steps + 3 * ((i + 7) % 8);
            y[i] = smg_requantize_fast((int32_t)(i % 2 ? odd : both - (odd << 8)), c[0], c[1], c[2]);
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
    return sum;
}
#endif

/* Activation words of a row, inputs rounded up to four: past the end they are zero. Returns the sum of x + 128. */
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
    return sum;
}

/* y (rows, out_c) from x (rows, in_c). scratch: activation words of a row, two bytes for each of the inputs rounded up
 * to four, then eight bytes. A row is read before any of its outputs is written; scratch may lie over rows already
 * read. */
SMG_INLINE void smg_dense(int32_t rows, int32_t in_c, int32_t out_c, const int8_t *x, const int32_t *stream, int8_t *y,
                          uint32_t *scratch) {
    const int32_t words = (in_c + 3) / 4 * 2, whole = out_c / 8, block = 8 + 4 * words + 8 * SMG_DENSE_CHANNEL_WORDS;
    const int32_t *tail = stream + whole * block;
    int8_t *last_eight = (int8_t *)(scratch + words);
    smg_dense_row row;
    row.end_of_unrolled = scratch + words / SMG_UNROLL * SMG_UNROLL;
    row.end = scratch + words;
    if (SMG_UNIFORM) { /* lies after the weights */
        const int32_t *last = stream + (out_c + 7) / 8 * block;
        row.mult = last[0];
        row.addend = last[1];
        row.shift = last[2];
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
