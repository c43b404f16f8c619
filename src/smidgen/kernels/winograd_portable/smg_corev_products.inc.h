/* SPDX-License-Identifier: Apache-2.0 */
/* The products on CORE-V, in place of smg_portable_products.inc.h: a word of two inputs by a word of two weights, sums
 * modulo 2^32 (cv.sdotsp.h). Four tiles by four channels: 24 instructions for 32 products. The stream's weights lie as
 * (products, SMG_DEPTH / 2, SMG_CHANNELS, 2), and sums start from zero. */
#ifndef SMG_PORTABLE_PRODUCTS_INC_H
#define SMG_PORTABLE_PRODUCTS_INC_H
#include "smg_naked.h"
#include "smg_portable_winograd.inc.h"
#include "smg_xcv.h"

#if SMG_TILES != 4 || SMG_CHANNELS != 4 || SMG_PAIRED != 0 || SMG_IN_C % 4 != 0
#error "blocks of another size"
#endif

#if SMG_XCV
/* clang-format off */
#define SMG_TILE_BYTES "2*" SMG_XCV_TEXT(SMG_IN_C)
#define SMG_FOUR(op, w, a, b, c, d)                                                      \
    op " " a ", t0, " w "\n" op " " b ", t1, " w "\n" op " " c ", t2, " w "\n" op " " d ", t3, " w "\n"
#define SMG_TWO_INPUTS(op)                                                               \
    "cv.lw t4, (a1), 4\n"                                                                \
    "cv.lw t5, (a1), 4\n"                                                                \
    "cv.lw t0, (a0), 4\n"                                                                \
    "lw t1, (" SMG_TILE_BYTES "-4)(a0)\n"                                                \
    "lw t2, (2*" SMG_TILE_BYTES "-4)(a0)\n"                                              \
    "lw t3, (3*" SMG_TILE_BYTES "-4)(a0)\n"                                              \
    SMG_FOUR(op, "t4", "s0", "s1", "s2", "s3")                                           \
    "cv.lw t4, (a1), 4\n"                                                                \
    SMG_FOUR(op, "t5", "s4", "s5", "s6", "s7")                                           \
    "cv.lw t5, (a1), 4\n"                                                                \
    SMG_FOUR(op, "t4", "s8", "s9", "s10", "s11")                                         \
    SMG_FOUR(op, "t5", "a4", "a5", "a6", "a7")
#define SMG_FOUR_SUMS(a, b, c, d)                                                        \
    "cv.sw " a ", (a2), 4\n" "cv.sw " b ", (a2), 4\n" "cv.sw " c ", (a2), 4\n" "cv.sw " d ", (a2), 4\n"

/* All sums of a block: v its transformed inputs, u the stream behind its channels' constants. */
__attribute__((aligned(4))) SMG_NAKED void smg_products(const smg_word *v, const smg_word *u, uint32_t *m) {
    __asm__ volatile(
        ".option push\n"
        ".option norvc\n"
        "addi sp, sp, -64\n"
        "sw s0, 0(sp)\n" "sw s1, 4(sp)\n" "sw s2, 8(sp)\n" "sw s3, 12(sp)\n" "sw s4, 16(sp)\n" "sw s5, 20(sp)\n"
        "sw s6, 24(sp)\n" "sw s7, 28(sp)\n" "sw s8, 32(sp)\n" "sw s9, 36(sp)\n" "sw s10, 40(sp)\n" "sw s11, 44(sp)\n"
        "lla t0, 1f\n"
        "lla t1, 2f\n"
        "li t2, " SMG_XCV_TEXT(SMG_SIDE) "*" SMG_XCV_TEXT(SMG_SIDE) "\n"
        ".insn i 0x2b, 4, x3, t0, 0\n"  /* cv.start 1 */
        ".insn i 0x2b, 4, x7, t1, 0\n"  /* cv.end 1 */
        ".insn i 0x2b, 4, x11, t2, 0\n" /* cv.count 1 */
        "1:\n"
        SMG_TWO_INPUTS("cv.dotsp.h")
        ".insn i 0x2b, 4, x12, x25, " SMG_XCV_TEXT(SMG_IN_C) "/2-1\n" /* cv.setupi 0 */
        SMG_TWO_INPUTS("cv.sdotsp.h")
        "addi a0, a0, 3*" SMG_TILE_BYTES "\n"
        SMG_FOUR_SUMS("s0", "s4", "s8", "a4")
        SMG_FOUR_SUMS("s1", "s5", "s9", "a5")
        SMG_FOUR_SUMS("s2", "s6", "s10", "a6")
        SMG_FOUR_SUMS("s3", "s7", "s11", "a7")
        "2:\n"
        "lw s0, 0(sp)\n" "lw s1, 4(sp)\n" "lw s2, 8(sp)\n" "lw s3, 12(sp)\n" "lw s4, 16(sp)\n" "lw s5, 20(sp)\n"
        "lw s6, 24(sp)\n" "lw s7, 28(sp)\n" "lw s8, 32(sp)\n" "lw s9, 36(sp)\n" "lw s10, 40(sp)\n" "lw s11, 44(sp)\n"
        "addi sp, sp, 64\n"
        "ret\n"
        ".option pop\n");
}
/* clang-format on */
#else

/* The meaning of the assembly above. */
SMG_COLD void smg_products(const smg_word *v, const smg_word *u, uint32_t *m) {
    for (int32_t sum = 0; sum < SMG_ALL_SUMS; sum++, m += SMG_SUM_STEP, v += SMG_PRODUCT_WORDS) {
        for (int32_t t = 0; t < SMG_TILES; t++) {
            for (int32_t c = 0; c < SMG_CHANNELS; c++) {
                uint32_t total = 0;
                for (int32_t k = 0; k < SMG_TILE_WORDS; k++) {
                    const int32_t x = (int32_t)v[t * SMG_TILE_WORDS + k], w = (int32_t)u[k * SMG_CHANNELS + c];
                    total += (uint32_t)((int16_t)(x & 0xffff) * (int16_t)(w & 0xffff));
                    total += (uint32_t)((x >> 16) * (w >> 16));
                }
                m[t * SMG_CHANNELS + c] = total;
            }
        }
        u += SMG_TILE_WORDS * SMG_CHANNELS;
    }
}
#endif
#endif
