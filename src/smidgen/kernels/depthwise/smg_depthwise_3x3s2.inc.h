/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise 3x3, stride 2, straight from the image: two output rows at a time, channel by channel. A column of five
 * bytes becomes a = (r0, r1), l = r2, b = (r3, r4), which the upper output takes as a . w01 + l * w2 and the lower one
 * as l * w0 + b . w12; even columns serve two outputs. Rows outside of the image are their own kinds of code.
 *
 * SMG_UNITS_A_CALL is for how many pairs of rows a channel is computed before the next one. */
#ifndef SMG_DEPTHWISE_3X3S2_INC_H
#define SMG_DEPTHWISE_3X3S2_INC_H
#include "smg_depthwise_assembly.inc.h"

smg_depthwise_kernel SMG_FUNCTION;

#define SMG_IN_ROW_BYTES (SMG_IN_W * SMG_CHANNELS)
#define SMG_OUT_ROW_BYTES (SMG_OUT_W * SMG_CHANNELS)
#define SMG_PACKED_WORDS 10 /* a channel: weights (0, 1) and (1, 2) of each column, bias, mult, addend, shift */

/* Units of two output rows, the last of one if their number is odd. What is special of one: its first row lies above
 * the image, its last one below, it is a single row. */
#define SMG_TOP 1
#define SMG_BOTTOM 2
#define SMG_SINGLE 4
#define SMG_UNITS ((SMG_OUT_H + 1) / 2)
#define SMG_KIND_OF_LAST                                                      \
    ((SMG_OUT_H % 2) * SMG_SINGLE + (SMG_UNITS == 1 && SMG_PAD_T) * SMG_TOP + \
     (2 * SMG_OUT_H - SMG_PAD_T >= SMG_IN_H) * SMG_BOTTOM)
#define SMG_KIND_OF_FIRST (SMG_UNITS == 1 ? 0 : SMG_PAD_T * SMG_TOP) /* the only one counts as last */
#define SMG_PLAIN_FROM (SMG_KIND_OF_FIRST != 0)
#define SMG_PLAIN_UNITS (SMG_UNITS - SMG_PLAIN_FROM - (SMG_KIND_OF_LAST != 0))

#if SMG_DEPTHWISE_ASSEMBLY
#define SMG_RIGHT_PAD (2 * SMG_OUT_W - SMG_PAD_L >= SMG_IN_W) /* the last output's third column lies outside */
#define SMG_DOUBLES ((SMG_OUT_W - 1) / 2)                     /* of outputs, before the last one or two */

/* Registers: r0 the first column, r3 .. r8 weights; \\up and \\lo accumulators, \\f0 .. \\f4 a column. s0 .. s3: bias,
 * mult, addend, shift; s4: one pixel before the output; s5: end of the loop; s6: units left; s7: two zero points. */
#define SMG_ASM_S2_LOADS(kind)                                                                  \
    ".macro ROW f, base, index, offset\n"                                                       \
    ".if ((" kind ") & 1) && (\\index) == 0\nvmov \\f, s7\n"                                    \
    ".elseif ((" kind ") & 6) == 2 && (\\index) == 4\nvmov \\f, s7\n"                           \
    ".elseif ((" kind ") & 6) == 6 && (\\index) == 2\nvmov \\f, s7\n"                           \
    ".else\nldrsb \\f, [\\base, #\\offset]\n.endif\n"                                           \
    ".endm\n"                                                                                   \
    ".macro NEAR f, index, offset\n"                                                            \
    "ROW \\f, r0, \\index, \\offset+(\\index-((" kind ")&1))*smg_row\n"                         \
    ".endm\n"                                                                                   \
    ".macro COLUMN offset, f0, f1, f2, f3, f4\n"                                                \
    ".if 4 * smg_row + 6 * smg_c < 4096\n"                                                      \
    "NEAR \\f0, 0, \\offset\nNEAR \\f1, 1, \\offset\nNEAR \\f2, 2, \\offset\n"                  \
    ".if !((" kind ") & 4)\nNEAR \\f3, 3, \\offset\nNEAR \\f4, 4, \\offset\n.endif\n"           \
    ".else\n"                                                                                   \
    "movw \\f4, #smg_row\n"                                                                     \
    ".if (" kind ") & 1\nmov \\f1, r0\n.else\nadd \\f1, r0, \\f4\n.endif\n"                     \
    "add \\f2, \\f1, \\f4\n"                                                                    \
    ".if !((" kind ") & 4)\nadd \\f3, \\f2, \\f4\nadd \\f4, \\f3, \\f4\n.endif\n"               \
    "ROW \\f0, r0, 0, \\offset\nROW \\f1, \\f1, 1, \\offset\nROW \\f2, \\f2, 2, \\offset\n"     \
    ".if !((" kind ") & 4)\nROW \\f3, \\f3, 3, \\offset\nROW \\f4, \\f4, 4, \\offset\n.endif\n" \
    ".endif\n"                                                                                  \
    "pkhbt \\f0, \\f0, \\f1, lsl #16\n"                                                         \
    ".if !((" kind ") & 4)\npkhbt \\f3, \\f3, \\f4, lsl #16\n.endif\n"                          \
    ".endm\n"

#define SMG_ASM_S2_PRODUCTS(kind)                                     \
    ".macro PRODUCTS up, lo, f0, f2, f3, w01, w12\n"                  \
    "smlad \\up, \\f0, \\w01, \\up\n"                                 \
    ".if !((" kind ") & 4)\nsmlabb \\lo, \\f2, \\w01, \\lo\n.endif\n" \
    "smlabt \\up, \\f2, \\w12, \\up\n"                                \
    ".if !((" kind ") & 4)\nsmlad \\lo, \\f3, \\w12, \\lo\n.endif\n"  \
    ".endm\n"                                                         \
    ".macro START up, lo, f0, f2, f3\n"                               \
    "vmov \\lo, s0\n"                                                 \
    "smlad \\up, \\f0, r3, \\lo\n"                                    \
    ".if !((" kind ") & 4)\nsmlabb \\lo, \\f2, r3, \\lo\n.endif\n"    \
    "smlabt \\up, \\f2, r6, \\up\n"                                   \
    ".if !((" kind ") & 4)\nsmlad \\lo, \\f3, r6, \\lo\n.endif\n"     \
    ".endm\n"

/* STORE up, lo, f0, f2, f3, at: the outputs ``at`` pixels after s4; then s4 moves if they are the last ones. */
#define SMG_ASM_S2_STORE(kind)                                                                                         \
    ".macro STORE up, lo, f0, f2, f3, at, last\n"                                                                      \
    "vmov \\f0, \\f2, s1, s2\n" SMG_ASM_HIGH_BY(                                                                       \
        "\\up", "\\f0", "\\f2",                                                                                        \
        "\\f3") ".if !((" kind                                                                                         \
                ") & 4)\n" SMG_ASM_HIGH_BY("\\lo", "\\f0", "\\f2", "\\f3") ".endif\n" SMG_ASM_SHIFT_IN(                \
                    "\\f0") "vmov \\f3, s4\n" SMG_ASM_SHIFT_BY("\\up",                                                 \
                                                               "\\f0") ".if !((" kind                                  \
                                                                       ") & 4)\n" SMG_ASM_SHIFT_BY(                    \
                                                                           "\\lo",                                     \
                                                                           "\\f0") ".endif\n"                          \
                                                                                   ".if !((" kind ") & 4)\n"           \
                                                                                   ".if smg_out_row + 2 * smg_c < "    \
                                                                                   "4096\nstrb \\lo, [\\f3, #\\at * "  \
                                                                                   "smg_c + smg_out_row]\n"            \
                                                                                   ".else\nADDI \\f2, \\f3, "          \
                                                                                   "smg_out_row\nstrb \\up, [\\f3, "   \
                                                                                   "#\\at * smg_c]\nstrb \\lo, "       \
                                                                                   "[\\f2, #\\at * smg_c]\n"           \
                                                                                   ".endif\n.endif\n"                  \
                                                                                   ".if \\last && \\at * smg_c < "     \
                                                                                   "256\nstrb \\up, [\\f3, #\\at * "   \
                                                                                   "smg_c]!\n"                         \
                                                                                   ".else\nstrb \\up, [\\f3, #\\at * " \
                                                                                   "smg_c]\n"                          \
                                                                                   ".if \\last\nADDI \\f3, \\f3, "     \
                                                                                   "\\at*smg_c\n.endif\n.endif\n"      \
                                                                                   ".if \\last\nvmov s4, "             \
                                                                                   "\\f3\n.endif\n"                    \
                                                                                   ".endm\n"

#define SMG_ASM_S2_OUTPUT                                              \
    ".macro OUTPUT at, up, lo, f0, f1, f2, f3, f4\n"                   \
    "COLUMN (2*\\at-1-smg_left)*smg_c, \\f0, \\f1, \\f2, \\f3, \\f4\n" \
    "PRODUCTS \\up, \\lo, \\f0, \\f2, \\f3, r4, r7\n"                  \
    "COLUMN (2*\\at-smg_left)*smg_c, \\f0, \\f1, \\f2, \\f3, \\f4\n"   \
    "PRODUCTS \\up, \\lo, \\f0, \\f2, \\f3, r5, r8\n"                  \
    "START \\f1, \\f4, \\f0, \\f2, \\f3\n"                             \
    "STORE \\up, \\lo, \\f0, \\f2, \\f3, \\at, \\at-1\n"               \
    ".endm\n"                                                          \
    ".macro LAST at, up, lo, f0, f1, f2, f3, f4\n"                     \
    "COLUMN (2*\\at-1-smg_left)*smg_c, \\f0, \\f1, \\f2, \\f3, \\f4\n" \
    "PRODUCTS \\up, \\lo, \\f0, \\f2, \\f3, r4, r7\n"                  \
    ".if smg_right\n"                                                  \
    "vmov \\f0, s7\n"                                                  \
    "PRODUCTS \\up, \\lo, \\f0, \\f0, \\f0, r5, r8\n"                  \
    ".else\n"                                                          \
    "COLUMN (2*\\at-smg_left)*smg_c, \\f0, \\f1, \\f2, \\f3, \\f4\n"   \
    "PRODUCTS \\up, \\lo, \\f0, \\f2, \\f3, r5, r8\n"                  \
    ".endif\n"                                                         \
    "STORE \\up, \\lo, \\f0, \\f2, \\f3, \\at, 1\n"                    \
    ".endm\n"

#define SMG_ASM_S2_MACROS(kind)                                                                                     \
    ".set smg_c, " SMG_TEXT(SMG_CHANNELS) "\n.set smg_row, " SMG_TEXT(                                              \
        SMG_IN_ROW_BYTES) "\n"                                                                                      \
                          ".set smg_out_row, " SMG_TEXT(SMG_OUT_ROW_BYTES) "\n.set smg_left, " SMG_TEXT(            \
                              SMG_PAD_L) "\n"                                                                       \
                                         ".set smg_doubles, " SMG_TEXT(SMG_DOUBLES) "\n.set smg_right, (" SMG_TEXT( \
                                             SMG_RIGHT_PAD) ") & 1\n" SMG_ASM_ADDI                                  \
                                         SMG_ASM_S2_LOADS(kind) SMG_ASM_S2_PRODUCTS(kind) SMG_ASM_S2_STORE(kind)    \
                                             SMG_ASM_S2_OUTPUT

/* All outputs of one unit; r0 moves by 4 * SMG_DOUBLES pixels. */
#define SMG_ASM_S2_UNIT                                                                                              \
    ".if smg_left\nvmov r9, s7\nSTART r1, r2, r9, r9, r9\n"                                                          \
    ".else\nCOLUMN 0, r9, r1, r11, r12, r2\nSTART r1, r2, r9, r11, r12\n.endif\n"                                    \
    ".if " SMG_TEXT(SMG_DOUBLES) "\n"                                                                                \
                                 "ADDI r9, r0, 4*smg_doubles*smg_c\nvmov s5, r9\n"                                   \
                                 "3:\n"                                                                              \
                                 "OUTPUT 1, r1, r2, r9, r10, r11, r12, lr\n"                                         \
                                 "OUTPUT 2, r10, lr, r9, r1, r11, r12, r2\n"                                         \
                                 "vmov r9, s5\n"                                                                     \
                                 "ADDI r0, r0, 4*smg_c\n"                                                            \
                                 "cmp r0, r9\n"                                                                      \
                                 "bne 3b\n"                                                                          \
                                 ".endif\n"                                                                          \
                                 ".if (" SMG_TEXT(SMG_OUT_W) ") & 1\nLAST 1, r1, r2, r9, r10, r11, r12, lr\n"        \
                                                             ".else\nOUTPUT 1, r1, r2, r9, r10, r11, r12, lr\nLAST " \
                                                             "2, r10, lr, r9, r1, r11, r12, r2\n.endif\n"

/* ``units`` units of ``channels`` channels: x at the first row that is inside, y at the first output. */
#define SMG_DEFINE_UNITS(name, kind)                                                                                \
    __attribute__((naked, noinline)) static void name(                                                              \
        const int8_t *x __attribute__((unused)), int8_t *y __attribute__((unused)),                                 \
        const int32_t *packed __attribute__((unused)), int32_t units __attribute__((unused)),                       \
        uint32_t pads __attribute__((unused))) {                                                                    \
        __asm__(SMG_ASM_S2_MACROS(kind) "push {r4-r11, lr}\n"                                                       \
                                        "ldr r4, [sp, #36]\n"                                                       \
                                        "movw r5, #" SMG_TEXT(                                                      \
                                            SMG_CHANNELS) "\n"                                                      \
                                                          "sub r1, r1, r5\n"                                        \
                                                          "vmov s7, r4\n"                                           \
                                                          "vmov s8, r5\n"                                           \
                                                          "vmov s9, r3\n"                                           \
                                                          "vmov s10, r0\n"                                          \
                                                          "vmov s11, r1\n"                                          \
                                                          "mov r12, r2\n"                                           \
                                                          "1:\n"                                                    \
                                                          "ldm r12!, {r3-r8}\n"                                     \
                                                          "vldmia r12!, {s0-s3}\n"                                  \
                                                          "vmov s12, r12\n"                                         \
                                                          "vmov s4, r1\n"                                           \
                                                          "vmov r9, s9\n"                                           \
                                                          "2:\n"                                                    \
                                                          "vmov s6, r9\n" SMG_ASM_S2_UNIT ".if !((" kind ") & 7)\n" \
                                                          "vmov r1, s4\n"                                           \
                                                          "vmov r9, s6\n"                                           \
                                                          "ADDI r0, r0, 4*(smg_row-smg_doubles*smg_c)\n"            \
                                                          "ADDI r1, r1, smg_out_row\n"                              \
                                                          "subs r9, r9, #1\n"                                       \
                                                          "vmov s4, r1\n"                                           \
                                                          "bne 2b\n"                                                \
                                                          ".endif\n"                                                \
                                                          "vmov r0, s10\n"                                          \
                                                          "vmov r1, s11\n"                                          \
                                                          "vmov r2, s8\n"                                           \
                                                          "vmov r12, s12\n"                                         \
                                                          "adds r0, r0, #1\n"                                       \
                                                          "adds r1, r1, #1\n"                                       \
                                                          "vmov s10, r0\n"                                          \
                                                          "vmov s11, r1\n"                                          \
                                                          "subs r2, r2, #1\n"                                       \
                                                          "vmov s8, r2\n"                                           \
                                                          "bne 1b\n"                                                \
                                                          "pop {r4-r11, pc}\n"                                      \
                                                          ".purgem ADDI\n.purgem ROW\n.purgem NEAR\n.purgem "       \
                                                          "COLUMN\n.purgem PRODUCTS\n.purgem START\n"               \
                                                          ".purgem STORE\n.purgem OUTPUT\n.purgem LAST\n");         \
    }
#if SMG_PLAIN_UNITS > 0
SMG_DEFINE_UNITS(smg_depthwise_plain, "0")
#endif
#if SMG_KIND_OF_FIRST
SMG_DEFINE_UNITS(smg_depthwise_first, "1")
#endif
#if SMG_KIND_OF_LAST == 1
SMG_DEFINE_UNITS(smg_depthwise_last, "1")
#elif SMG_KIND_OF_LAST == 2
SMG_DEFINE_UNITS(smg_depthwise_last, "2")
#elif SMG_KIND_OF_LAST == 3
SMG_DEFINE_UNITS(smg_depthwise_last, "3")
#elif SMG_KIND_OF_LAST == 4
SMG_DEFINE_UNITS(smg_depthwise_last, "4")
#elif SMG_KIND_OF_LAST == 5
SMG_DEFINE_UNITS(smg_depthwise_last, "5")
#elif SMG_KIND_OF_LAST == 6
SMG_DEFINE_UNITS(smg_depthwise_last, "6")
#elif SMG_KIND_OF_LAST == 7
SMG_DEFINE_UNITS(smg_depthwise_last, "7")
#endif
#endif

#if !SMG_DEPTHWISE_ASSEMBLY
SMG_INLINE int32_t smg_depthwise_at(const int8_t *x, int32_t row, int32_t column, int32_t pad) {
    const int32_t inside = row >= 0 && row < SMG_IN_H && column >= 0 && column < SMG_IN_W;
    return inside ? x[(row * SMG_IN_W + column) * SMG_CHANNELS] : pad;
}
/* One output of the channel whose first byte x is. */
static int8_t smg_depthwise_output(const int8_t *x, const int32_t *packed, int32_t row, int32_t column, int32_t pad) {
    int32_t acc = packed[6];
    for (int32_t i = 0; i < 3; i++) {
        const int32_t at = 2 * column - SMG_PAD_L + i, top = 2 * row - SMG_PAD_T;
        const uint32_t upper = smg_lanes(smg_depthwise_at(x, top, at, pad), smg_depthwise_at(x, top + 1, at, pad));
        const uint32_t third = smg_lanes(smg_depthwise_at(x, top + 2, at, pad), 0);
        acc = smg_smlad(third, (uint32_t)packed[3 + i] >> 16, smg_smlad(upper, (uint32_t)packed[i], acc));
    }
    return smg_requantize_fast(acc, packed[7], packed[8], packed[9]);
}
#endif

/* One image. */
#if SMG_DEPTHWISE_ASSEMBLY
SMG_SMALL static void smg_depthwise_units(const int8_t *x, const int32_t *packed, int8_t *y, int32_t pad) {
    const uint32_t pads = smg_both(pad);
#if SMG_KIND_OF_FIRST
    smg_depthwise_first(x, y, packed, 1, pads);
#endif
#if SMG_PLAIN_UNITS > 0
    for (int32_t u = SMG_PLAIN_FROM; u < SMG_PLAIN_FROM + SMG_PLAIN_UNITS; u += SMG_UNITS_A_CALL) {
        const int32_t left = SMG_PLAIN_FROM + SMG_PLAIN_UNITS - u;
        smg_depthwise_plain(x + (4 * u - SMG_PAD_T) * SMG_IN_ROW_BYTES, y + 2 * u * SMG_OUT_ROW_BYTES, packed,
                            left < SMG_UNITS_A_CALL ? left : SMG_UNITS_A_CALL, pads);
    }
#endif
#if SMG_KIND_OF_LAST
    smg_depthwise_last(x + (SMG_UNITS == 1 ? 0 : 4 * (SMG_UNITS - 1) - SMG_PAD_T) * SMG_IN_ROW_BYTES,
                       y + 2 * (SMG_UNITS - 1) * SMG_OUT_ROW_BYTES, packed, 1, pads);
#endif
}
#else
SMG_SMALL static void smg_depthwise_units(const int8_t *x, const int32_t *packed, int8_t *y, int32_t pad) {
    for (int32_t first = 0; first < SMG_OUT_H; first += 2) {
        const int32_t end = first + 2 < SMG_OUT_H ? first + 2 : SMG_OUT_H;
        for (int32_t c = 0; c < SMG_CHANNELS; c++) {
            for (int32_t column = 0; column < SMG_OUT_W; column++) {
                int8_t out[2];
                for (int32_t row = first; row < end; row++) {
                    out[row - first] = smg_depthwise_output(x + c, packed + c * SMG_PACKED_WORDS, row, column, pad);
                }
                for (int32_t row = first; row < end; row++) {
                    y[(row * SMG_OUT_W + column) * SMG_CHANNELS + c] = out[row - first];
                }
            }
        }
    }
}
#endif

/* x (batch, SMG_IN_H, SMG_IN_W, SMG_CHANNELS), packed (SMG_CHANNELS, SMG_PACKED_WORDS). */
void SMG_FUNCTION(const smg_depthwise_params *p, const int8_t *x, const int8_t *w, const int32_t *packed, int8_t *y,
                  void *scratch) {
    (void)w;
    (void)scratch;
    for (int32_t n = 0; n < p->batch; n++) {
        smg_depthwise_units(x, packed, y, -p->in_offset);
        x += SMG_IN_H * SMG_IN_ROW_BYTES;
        y += SMG_OUT_H * SMG_OUT_ROW_BYTES;
    }
}
#endif
