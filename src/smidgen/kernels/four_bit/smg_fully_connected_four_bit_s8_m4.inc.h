/* SPDX-License-Identifier: Apache-2.0 */
/* Fully connected rows by four-bit weights, eight outputs at a time; weights are read once a row, in order, and taken
 * apart on the way into the multipliers.
 *
 * A weight word holds two inputs as lanes, in each lane four channels' nibbles: u = w + 8 of three, and on top w
 * itself. SMLAD with the word as it is accumulates T = 4096 * A3 + 256 * U2 + 16 * U1 + U0; masked, it accumulates U0,
 * 16 * U1 and 256 * U2, which begin at -8 times the sum of the inputs: what comes out is A0, 16 * A1, 256 * A2 and, by
 * taking them from T, 4096 * A3, modulo 2^32. Up to 504 inputs no |A| reaches 2^19. A step, two inputs by eight
 * outputs, is 4 cycles of loads, 6 of AND and 8 SMLAD.
 *
 * The stream has of eight outputs: for each SMG_CHUNK inputs the words of their steps (counted up to four), two a step,
 * and if SMG_GROUP a word of eight factors; then eight biases with the input's zero point folded in; unless SMG_UNIFORM
 * eight multipliers, and their shifts as bytes. At its end, if SMG_UNIFORM, all channels' multiplier and shift. An
 * instance also defines what smg_four_bit_requantize.h needs. */
#include "smg_expand.h"
#include "smg_few_bytes.h"
#include "smg_four_bit_requantize.h"
#include "smg_kernels.h"
#include "smg_small.h"

smg_fully_connected_kernel SMG_FUNCTION;

enum { SMG_CHUNK_STEPS = SMG_CHUNK / 2 };

#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)
#include "smg_naked.h"

/* clang-format off */
/* Four channels of a step: T in the last of four sums, x in r2. */
#define SMG_QUAD(w, a0, a1, a2, total)                           \
    "smlad " total ", r2, " w ", " total "\n"                    \
    "and lr, " w ", #0x000f000f\n" "smlad " a0 ", r2, lr, " a0 "\n" \
    "and lr, " w ", #0x00f000f0\n" "smlad " a1 ", r2, lr, " a1 "\n" \
    "and lr, " w ", #0x0f000f00\n" "smlad " a2 ", r2, lr, " a2 "\n"
#define SMG_STEP(n)                   \
    "ldr r2, [r0, #4 * " #n "]\n"     \
    "ldr r3, [r1, #8 * " #n "]\n"     \
    "ldr r12, [r1, #8 * " #n " + 4]\n" SMG_QUAD("r3", "r4", "r5", "r6", "r7") SMG_QUAD("r12", "r8", "r9", "r10", "r11")
#define SMG_START(a0, a1, a2, total)                             \
    "lsl " a1 ", " a0 ", #4\n" "lsl " a2 ", " a0 ", #8\n"        \
    "add " total ", " a0 ", " a1 "\n" "add " total ", " total ", " a2 "\n"
#define SMG_APART(a0, a1, a2, total)                             \
    "sub " total ", " total ", " a0 "\n" "sub " total ", " total ", " a1 "\n" "sub " total ", " total ", " a2 "\n" \
    "asr " a1 ", " a1 ", #4\n" "asr " a2 ", " a2 ", #8\n" "asr " total ", " total ", #12\n"

/* totals[i] += its factor times its sum, or two of them at once if all factors are 1. */
#define SMG_SCALED(i, acc)                                            \
    "ldr r2, [r3, #4 * " #i "]\n" "ubfx r12, r0, #4 * " #i ", #4\n"   \
    "mla r2, " acc ", r12, r2\n" "str r2, [r3, #4 * " #i "]\n"
#define SMG_PLAIN(i, first, second)                                   \
    "ldr r2, [r3, #4 * " #i "]\n" "ldr r12, [r3, #4 * " #i " + 4]\n"  \
    "add r2, r2, " first "\n" "add r12, r12, " second "\n"            \
    "str r2, [r3, #4 * " #i "]\n" "str r12, [r3, #4 * " #i " + 4]\n"

/* Adds a chunk's products, steps words of x, to eight totals. start: -8 times the sum of x. s0: the end of x. */
SMG_NAKED void smg_four_bit_eight(const uint32_t *x, const uint32_t *w, int32_t steps, int32_t *totals /* (8) */,
                                  int32_t start) {
    __asm__ volatile(
        "push {r4-r11, lr}\n"
        "ldr r4, [sp, #36]\n"
        "add r12, r0, r2, lsl #2\n"
        "vmov s0, r12\n"
        "vmov s1, r3\n"
        "mov r8, r4\n"
        SMG_START("r4", "r5", "r6", "r7")
        "mov r9, r5\n" "mov r10, r6\n" "mov r11, r7\n"
        "lsls r2, r2, #29\n" /* the third bit: an odd number of fours */
        "beq 1f\n"
        "subs r0, #16\n"
        "subs r1, #32\n"
        "b.w 2f\n"
        ".p2align 2\n"
        "1:\n" SMG_STEP(0) SMG_STEP(1) SMG_STEP(2) SMG_STEP(3)
        "2:\n" SMG_STEP(4) SMG_STEP(5) SMG_STEP(6) SMG_STEP(7)
        "adds r0, #32\n"
        "vmov r2, s0\n"
        "adds r1, #64\n"
        "cmp r0, r2\n"
        "bne.w 1b\n"
        SMG_APART("r4", "r5", "r6", "r7")
        SMG_APART("r8", "r9", "r10", "r11")
        "vmov r3, s1\n"
#if SMG_GROUP
        "ldr r0, [r1]\n"
        SMG_SCALED(0, "r4") SMG_SCALED(1, "r5") SMG_SCALED(2, "r6") SMG_SCALED(3, "r7")
        SMG_SCALED(4, "r8") SMG_SCALED(5, "r9") SMG_SCALED(6, "r10") SMG_SCALED(7, "r11")
#else
        SMG_PLAIN(0, "r4", "r5") SMG_PLAIN(2, "r6", "r7") SMG_PLAIN(4, "r8", "r9") SMG_PLAIN(6, "r10", "r11")
#endif
        "pop {r4-r11, pc}\n");
}
/* clang-format on */
#else
/* The meaning of the assembly above. */
SMG_INLINE void smg_four_bit_eight(const uint32_t *x, const uint32_t *w, int32_t steps, int32_t *totals,
                                   int32_t start) {
    const uint32_t first = (uint32_t)start, factors = SMG_GROUP ? w[2 * steps] : 0x11111111U;
    for (int32_t quad = 0; quad < 8; quad += 4) {
        uint32_t a[4] = {first, first << 4, first << 8, first * 273U};
        for (int32_t s = 0; s < steps; s++) {
            const uint32_t word = w[2 * s + quad / 4];
            for (int32_t i = 0; i < 3; i++) {
                a[i] = (uint32_t)smg_smlad(x[s], word & 0x000f000fU << (4 * i), (int32_t)a[i]);
            }
            a[3] = (uint32_t)smg_smlad(x[s], word, (int32_t)a[3]);
        }
        a[3] -= a[0] + a[1] + a[2];
        for (int32_t i = 0; i < 4; i++) {
            const uint32_t factor = factors >> (4 * (quad + i)) & 15U, sum = (uint32_t)((int32_t)a[i] >> (4 * i));
            totals[quad + i] = (int32_t)((uint32_t)totals[quad + i] + sum * factor);
        }
    }
}
#endif

/* A row as lanes, zeros up to a multiple of eight, and -8 times the sum of each chunk. */
SMG_FEW_BYTES static __attribute__((noinline)) void smg_four_bit_expand(uint32_t *lanes, int32_t *starts,
                                                                        const int8_t *x, int32_t in_c, int32_t steps) {
    smg_expand(lanes, 2, 1, x, in_c);
    if ((in_c + 3) / 4 % 2) lanes[steps - 1] = lanes[steps - 2] = 0; /* not before: x may lie there */
    for (int32_t s = 0; s < steps; s += SMG_CHUNK_STEPS) {
        const int32_t end = steps - s < SMG_CHUNK_STEPS ? steps : s + SMG_CHUNK_STEPS;
        int32_t sum = 0;
        for (int32_t i = s; i < end; i += 2) {
            sum = smg_smlad(lanes[i], 0x00010001U, smg_smlad(lanes[i + 1], 0x00010001U, sum));
        }
        *starts++ = sum * -8;
    }
}

/* Eight outputs' accumulators; biases (8) are what follows their weights. */
SMG_INLINE void smg_four_bit_totals(const uint32_t *lanes, const int32_t *starts, const uint32_t *w, int32_t steps,
                                    const int32_t *biases, int32_t *totals /* (8) */) {
    for (int32_t i = 0; i < 8; i++) totals[i] = biases[i];
    SMG_ROLLED
    for (int32_t s = 0; s < steps; s += SMG_CHUNK_STEPS) {
        const int32_t run = steps - s < SMG_CHUNK_STEPS ? steps - s : SMG_CHUNK_STEPS;
        smg_four_bit_eight(lanes + s, w, run, totals, *starts++);
        w += 2 * run + SMG_GROUP;
    }
}

/* b: the stream. scratch: a row's lanes and its chunks' starts. A row is read before its outputs are written; scratch
 * may lie over rows already read. */
void SMG_FUNCTION(const smg_fully_connected_params *p, const int8_t *x /* (rows, in_c) */, const int8_t *w,
                  const int32_t *b, int8_t *y /* (rows, out_c) */, void *scratch) {
    const int32_t steps = (p->in_c + 7) / 8 * 4, chunks = (steps + SMG_CHUNK_STEPS - 1) / SMG_CHUNK_STEPS;
    const int32_t weights = 2 * steps + SMG_GROUP * chunks, block = weights + (SMG_UNIFORM ? 8 : 18);
    const int32_t out_c = p->out_c, offset = p->out_offset;
    const int32_t *const common = b + (out_c + 7) / 8 * block;
    uint32_t *const lanes = scratch;
    int32_t *const starts = (int32_t *)(lanes + steps);
    (void)w;
    for (int32_t r = 0; r < p->rows; r++, x += p->in_c) {
        const int32_t *from = b;
        smg_four_bit_expand(lanes, starts, x, p->in_c, steps);
        for (int32_t left = out_c; left > 0; left -= 8, from += block) {
            const int32_t *const c = from + weights, *const mult = SMG_UNIFORM ? common : c + 8;
            const int8_t *const shift = (const int8_t *)(mult + (SMG_UNIFORM ? 1 : 8));
            int32_t totals[8];
            smg_four_bit_totals(lanes, starts, (const uint32_t *)from, steps, c, totals);
            const int32_t count = left < 8 ? left : 8;
            SMG_ROLLED
            for (int32_t i = 0; i < count; i++) {
                const int32_t at = SMG_UNIFORM ? 0 : i;
                *y++ = smg_four_bit_output(totals[i], mult[at], shift[at], offset);
            }
        }
    }
}
