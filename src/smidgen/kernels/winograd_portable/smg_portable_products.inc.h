/* SPDX-License-Identifier: Apache-2.0 */
/* The products: for each sum SMG_TILES x SMG_CHANNELS inner products over its inputs and weights, modulo 2^32. A core's
 * own instructions may take this header's place: M and the layouts of V and of the stream are all that it shares. */
#ifndef SMG_PORTABLE_PRODUCTS_INC_H
#define SMG_PORTABLE_PRODUCTS_INC_H
#include "smg_portable_winograd.inc.h"

/* Channels of input a turn of the loop: much code does not pay. */
#define SMG_STEPS (SMG_DEPTH < 4 ? SMG_DEPTH : SMG_DEPTH % 8 ? 4 : 8)

/* Compilers would make many products before they add them, for which registers do not suffice. */
SMG_INLINE void smg_multiply_add(uint32_t *sum, uint32_t x, uint32_t w) {
#if defined(__riscv)
    uint32_t product;
    __asm__ volatile("mul %1, %2, %3\n\tadd %0, %0, %1" : "+r"(*sum), "=&r"(product) : "r"(x), "r"(w));
#else
    *sum += x * w;
    __asm__ volatile("" : "+r"(*sum));
#endif
}

/* Loads v before what follows, so that its first use need not wait. */
SMG_INLINE void smg_have(uint32_t v) { __asm__ volatile("" : : "r"(v)); }

/* sums += the products of inputs v with weights u, up to the inputs at end. */
SMG_INLINE void smg_multiply_steps(const smg_input *v, const smg_input *end, const smg_weight **weights,
                                   uint32_t *sums) {
    const smg_weight *u = *weights;
    do {
        SMG_UNROLLED
        for (int32_t k = 0; k < SMG_STEPS; k++) {
            __asm__ volatile("" ::: "memory"); /* no loads for later steps yet */
            uint32_t x[SMG_TILES];
            uint32_t w = (uint32_t)u[k * SMG_CHANNELS];
            smg_have(w);
            SMG_UNROLLED
            for (int32_t t = 0; t < SMG_TILES; t++) x[t] = v[t * SMG_PADDED_C + k];
            SMG_UNROLLED
            for (int32_t c = 0; c < SMG_CHANNELS; c++) {
                const uint32_t next = c + 1 < SMG_CHANNELS ? (uint32_t)u[k * SMG_CHANNELS + c + 1] : 0;
                if (c + 1 < SMG_CHANNELS) smg_have(next);
                SMG_UNROLLED
                for (int32_t t = 0; t < SMG_TILES; t++) smg_multiply_add(&sums[t * SMG_CHANNELS + c], x[t], w);
                w = next;
            }
        }
        v += SMG_STEPS;
        u += SMG_STEPS * SMG_CHANNELS;
    } while (v != end);
    *weights = u;
}

#if defined(__thumb__) && !defined(__thumb2__) && SMG_TILES == 2 && SMG_CHANNELS == 2
#define SMG_OF_TWO_BY_TWO 1
/* The same in ARMv6-M, whose compilers would spill: sums in high registers, which ADD reaches, and 14 instructions a
 * step. MULS loses an operand, so the first input is read twice. */
#define SMG_THUMB_STEP(k)                  \
    "ldr %[w1], [%[u], #4*" #k "]\n\t"     \
    "ldrh %[x0], [%[v], #2*" #k "]\n\t"    \
    "sxth %[w0], %[w1]\n\t"                \
    "asrs %[w1], %[w1], #16\n\t"           \
    "muls %[x0], %[w0]\n\t"                \
    "add %[s0], %[x0]\n\t"                 \
    "ldrh %[x0], [%[v], #2*" #k "]\n\t"    \
    "ldrh %[x1], [%[next], #2*" #k "]\n\t" \
    "muls %[x0], %[w1]\n\t"                \
    "add %[s1], %[x0]\n\t"                 \
    "muls %[w0], %[x1]\n\t"                \
    "add %[s2], %[w0]\n\t"                 \
    "muls %[w1], %[x1]\n\t"                \
    "add %[s3], %[w1]\n\t"
#if SMG_STEPS == 8
#define SMG_THUMB_STEPS \
    SMG_THUMB_STEP(0)   \
    SMG_THUMB_STEP(1)   \
    SMG_THUMB_STEP(2)   \
    SMG_THUMB_STEP(3)   \
    SMG_THUMB_STEP(4)   \
    SMG_THUMB_STEP(5) SMG_THUMB_STEP(6) SMG_THUMB_STEP(7) "adds %[u], #32\n\tadds %[v], #16\n\tadds %[next], #16\n\t"
#elif SMG_STEPS == 4
#define SMG_THUMB_STEPS \
    SMG_THUMB_STEP(0)   \
    SMG_THUMB_STEP(1) SMG_THUMB_STEP(2) SMG_THUMB_STEP(3) "adds %[u], #16\n\tadds %[v], #8\n\tadds %[next], #8\n\t"
#elif SMG_STEPS == 3
#define SMG_THUMB_STEPS \
    SMG_THUMB_STEP(0) SMG_THUMB_STEP(1) SMG_THUMB_STEP(2) "adds %[u], #12\n\tadds %[v], #6\n\tadds %[next], #6\n\t"
#else
#define SMG_THUMB_STEPS SMG_THUMB_STEP(0) "adds %[u], #4\n\tadds %[v], #2\n\tadds %[next], #2\n\t"
#endif
SMG_INLINE void smg_multiply_two_by_two(const smg_input *v, const smg_input *end, const smg_weight **weights,
                                        uint32_t *sums) {
    const smg_input *next = v + SMG_PADDED_C;
    const smg_weight *u = *weights;
    uint32_t x0, x1, w0, w1;
    __asm__ volatile(
        ".syntax unified\n" /* GCC takes its own for the older one */
        "1:\n\t" SMG_THUMB_STEPS "cmp %[v], %[end]\n\t"
        "bne 1b"
        : [v] "+l"(v), [next] "+l"(next), [u] "+l"(u), [s0] "+h"(sums[0]), [s1] "+h"(sums[1]), [s2] "+h"(sums[2]),
          [s3] "+h"(sums[3]), [x0] "=&l"(x0), [x1] "=&l"(x1), [w0] "=&l"(w0), [w1] "=&l"(w1)
        : [end] "h"(end)
        : "cc", "memory");
    *weights = u;
}
#else
#define SMG_OF_TWO_BY_TWO 0
#endif

/* The sum's products: of 1, 2 or 4 positions. */
SMG_INLINE int32_t smg_positions(int32_t sum) {
    return SMG_PAIRED ? smg_members(sum / SMG_SUMS) * smg_members(sum % SMG_SUMS) : 1;
}

/* All sums of a block: v its transformed inputs, u the stream behind its channels' constants. */
SMG_COLD void smg_products(const smg_word *v, const smg_word *u, uint32_t *m) {
    const smg_input *inputs = (const smg_input *)v;
    for (int32_t sum = 0; sum < SMG_ALL_SUMS; sum++, m += SMG_SUM_STEP) {
        uint32_t sums[SMG_TILES * SMG_CHANNELS];
        SMG_UNROLLED
        for (int32_t c = 0; c < SMG_CHANNELS; c++) {
            const uint32_t start = u[c];
            SMG_UNROLLED
            for (int32_t t = 0; t < SMG_TILES; t++) sums[t * SMG_CHANNELS + c] = start;
        }
        const smg_weight *weights = (const smg_weight *)(u + SMG_CHANNELS);
        for (int32_t left = smg_positions(sum); left > 0; left--, inputs += SMG_TILES * SMG_PADDED_C) {
#if SMG_OF_TWO_BY_TWO
            smg_multiply_two_by_two(inputs, inputs + SMG_DEPTH, &weights, sums);
#else
            smg_multiply_steps(inputs, inputs + SMG_DEPTH, &weights, sums);
#endif
        }
        u = (const smg_word *)weights;
        SMG_UNROLLED
        for (int32_t s = 0; s < SMG_TILES * SMG_CHANNELS; s++) m[s] = sums[s];
    }
}
#endif
