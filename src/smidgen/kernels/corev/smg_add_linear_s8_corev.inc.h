/* SPDX-License-Identifier: Apache-2.0 */
/* y = (a_mult * a + b_mult * b + addend) >> SMG_SHIFT, clamped, four elements at a time: see add/linear.py, here with
 * products of 32 bits. An instance defines SMG_SHIFT, SMG_ACT_MIN and SMG_ACT_MAX. */
#include "smg_kernels.h"
#include "smg_xcv.h"

smg_add_linear_kernel SMG_FUNCTION;

SMG_INLINE int8_t smg_add_one(const smg_add_linear_params *p, int8_t a, int8_t b) {
    const int32_t sum = p->a_mult * a + p->b_mult * b + p->addend;
    return (int8_t)smg_clamp(sum >> SMG_SHIFT, SMG_ACT_MIN, SMG_ACT_MAX);
}

#if SMG_XCV
/* clang-format off */
#if SMG_ACT_MIN > -128
#define SMG_LOW(y) "cv.max %[" y "], %[" y "], %[low]\n"
#define SMG_LOW_WORDS 4
#else
#define SMG_LOW(y) ""
#define SMG_LOW_WORDS 0
#endif
#if SMG_ACT_MAX < 127
#define SMG_HIGH(y) "cv.min %[" y "], %[" y "], %[high]\n"
#define SMG_HIGH_WORDS 4
#else
#define SMG_HIGH(y) ""
#define SMG_HIGH_WORDS 0
#endif
#define SMG_ONE(y)                                                       \
    "cv.lb %[" y "], (%[a]), 1\n"                                        \
    "cv.lb %[t], (%[b]), 1\n"                                            \
    "mul %[" y "], %[" y "], %[a_mult]\n"                                \
    "cv.mac %[" y "], %[t], %[b_mult]\n"                                 \
    "cv.addn %[" y "], %[" y "], %[addend], %[shift]\n"                  \
    "cv.clip %[" y "], %[" y "], 8\n" SMG_LOW(y) SMG_HIGH(y)

/* Whole groups of four, at least one. The hardware loop ends 28 words from where it is set up, and what clamps take. */
SMG_INLINE void smg_add_fours(const smg_add_linear_params *p, const int8_t *a, const int8_t *b, int8_t *y,
                              int32_t count) {
    int32_t y0, y1, y2, y3, t;
    __asm__ volatile(
        ".balign 4\n"
        ".option push\n"
        ".option norvc\n"
        ".insn i 0x2b, 4, x14, %[count], 28+%[clamps]\n" /* cv.setup 0 */
        SMG_ONE("y0") SMG_ONE("y1") SMG_ONE("y2") SMG_ONE("y3")
        "cv.packhi.b %[y0], %[y3], %[y2]\n"
        "cv.packlo.b %[y0], %[y1], %[y0]\n"
        "cv.sw %[y0], (%[y]), 4\n"
        ".option pop\n"
        : [y0] "=&r"(y0), [y1] "=&r"(y1), [y2] "=&r"(y2), [y3] "=&r"(y3), [t] "=&r"(t), [a] "+&r"(a), [b] "+&r"(b),
          [y] "+&r"(y)
        : [a_mult] "r"(p->a_mult), [b_mult] "r"(p->b_mult), [addend] "r"(p->addend), [shift] "i"(SMG_SHIFT),
          [low] "r"(SMG_ACT_MIN), [high] "r"(SMG_ACT_MAX), [count] "r"(count),
          [clamps] "i"(SMG_LOW_WORDS + SMG_HIGH_WORDS)
        : "memory");
}
/* clang-format on */
#endif

/* Equal shapes; y may be a or b. */
void SMG_FUNCTION(const smg_add_linear_params *p, const int8_t *a /* (count) */, const int8_t *b /* (count) */,
                  int8_t *y /* (count) */, void *scratch) {
    int32_t i = 0;
    (void)scratch;
#if SMG_XCV
    i = p->count & ~3;
    if (i > 0) smg_add_fours(p, a, b, y, i / 4);
#endif
    for (; i < p->count; i++) y[i] = smg_add_one(p, a[i], b[i]);
}
