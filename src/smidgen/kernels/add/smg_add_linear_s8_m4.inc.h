/* SPDX-License-Identifier: Apache-2.0 */
/* y = (a_mult * a + b_mult * b + addend) >> SMG_SHIFT, clamped: see linear.py. An instance defines SMG_SHIFT,
 * SMG_ACT_MIN and SMG_ACT_MAX. */
#include "smg_asm_clamp.h"
#include "smg_kernels.h"
#include "smg_requantize.h"

smg_add_linear_kernel SMG_FUNCTION;

/* SMLAWB: sum + the upper 32 bits of mult times a byte in the upper half of a lane. */
SMG_INLINE int32_t add_product(int32_t sum, int32_t mult, int8_t v) {
    return sum + (int32_t)(((int64_t)mult * (v * 256)) >> 16);
}

SMG_INLINE int8_t add_one(const smg_add_linear_params *p, int8_t a, int8_t b) {
    const int32_t sum = add_product(add_product(p->addend, p->a_mult, a), p->b_mult, b);
    return (int8_t)smg_clamp(sum >> SMG_SHIFT, SMG_ACT_MIN, SMG_ACT_MAX);
}

#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)
#define ONE(t, lane, a, b, store)             \
    "smlaw" lane " " t ", r3, " a ", r5\n"    \
    "smlaw" lane " " t ", r4, " b ", " t "\n" \
    "ssat " t ", #8, " t ", asr #" SMG_TEXT(SMG_SHIFT) "\n" SMG_ASM_CLAMP(t) "strb " t ", [r2" store "\n"

/* Four elements of words a and b, which are lost; byte 0 is stored last. */
#define FOUR(a, b, s0, s1, s2, s3)                                                                           \
    "and r11, r6, " a ", lsl #8\n"                                                                           \
    "and r12, r6, " b ", lsl #8\n"                                                                           \
    "and " a ", " a ", r6\n"                                                                                 \
    "and " b ", " b ", r6\n" ONE("lr", "t", a, b, s3) ONE(a, "b", a, b, s1) ONE("lr", "t", "r11", "r12", s2) \
        ONE("r11", "b", "r11", "r12", s0)

/* Whole groups of eight: r0 a, r1 b, r2 y, r3 -> {a_mult, b_mult, addend, end of y}; at least one group. */
static __attribute__((naked, noinline)) void add_groups(const int8_t *a __attribute__((unused)),
                                                        const int8_t *b __attribute__((unused)),
                                                        int8_t *y __attribute__((unused)),
                                                        const int32_t *values __attribute__((unused))) {
    __asm__ volatile("push {r4-r11, lr}\n"
                     "ldm r3, {r3-r6}\n"
                     "vmov s0, r6\n"
                     "mov r6, #0xff00ff00\n"
                     ".p2align 2\n"
                     "1:\n"
                     "ldr r7, [r0], #4\n"
                     "ldr r8, [r0], #4\n"
                     "ldr r9, [r1], #4\n"
                     "ldr r10, [r1], #4\n" FOUR("r8", "r10", ", #4]", ", #5]", ", #6]", ", #7]")
                         FOUR("r7", "r9", "], #8", ", #1]", ", #2]", ", #3]") "vmov r12, s0\n"
                                                                              "cmp r2, r12\n"
                                                                              "bne 1b\n"
                                                                              "pop {r4-r11, pc}\n");
}
#endif

/* Equal shapes; y may be a or b. */
void SMG_FUNCTION(const smg_add_linear_params *p, const int8_t *a /* (count) */, const int8_t *b /* (count) */,
                  int8_t *y /* (count) */, void *scratch) {
    int32_t i = 0;
    (void)scratch;
#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)
    i = p->count & ~7;
    const int32_t values[4] = {p->a_mult, p->b_mult, p->addend, (int32_t)(intptr_t)(y + i)};
    if (i != 0) add_groups(a, b, y, values);
#endif
    for (; i < p->count; i++) y[i] = add_one(p, a[i], b[i]);
}
