/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise of any window, rows at stride 1 or 2. Four channels at a time their rows become column words in scratch,
 * and eight outputs of one channel at once take every word of weights once: two rows of four positions, or one of
 * eight.
 *
 * A unit is what starts at one row of words: two output rows at stride 1, one at stride 2. Positions lie side by side;
 * where an image is one column wide, they are its units. y may be x: a strip holds every row that is still needed. */
#define SMG_PARITIES (3 - SMG_STRIDE_H) /* output rows of a unit */
#if SMG_PARITIES == 2
#define SMG_WORD_ROWS (SMG_K_H / 2 + 1) /* of the windows of a unit */
#define SMG_TAPS_EVEN (1 - SMG_K_H % 2) /* then the upper window has nothing in the last one */
#else
#define SMG_WORD_ROWS ((SMG_K_H + 1) / 2)
#define SMG_TAPS_EVEN 0
#endif
#define SMG_WINDOWS_W ((SMG_OUT_W - 1) * SMG_STRIDE_W + SMG_K_W)
#define SMG_INPUT_W (SMG_PAD_L + SMG_IN_W)
#if SMG_WINDOWS_W > SMG_INPUT_W
#define SMG_ROW_BYTES (4 * SMG_WINDOWS_W)
#else
#define SMG_ROW_BYTES (4 * SMG_INPUT_W)
#endif
#define SMG_PLANE_BYTES ((SMG_UNITS_A_STRIP + SMG_WORD_ROWS - 1) * SMG_ROW_BYTES)
#include "smg_depthwise_columns.inc.h"

smg_depthwise_kernel SMG_FUNCTION;

#define SMG_OUT_ROW_BYTES (SMG_OUT_W * SMG_CHANNELS)
#define SMG_UNITS ((SMG_OUT_H + SMG_PARITIES - 1) / SMG_PARITIES)
#define SMG_STEPS (SMG_WORD_ROWS * SMG_K_W)
#define SMG_PACKED_WORDS (4 + SMG_STEPS * SMG_PARITIES) /* a channel: bias, mult, addend, shift, weights */

#if SMG_DEPTHWISE_ASSEMBLY
#define SMG_AT_ONCE (8 / SMG_PARITIES) /* positions */
#if SMG_ROW_BYTES == 4 && SMG_OUT_W == 1
#define SMG_ONE_LINE 1
#define SMG_POSITIONS SMG_UNITS
#define SMG_POSITION_BYTES 4
#define SMG_OUT_POSITION (SMG_PARITIES * SMG_CHANNELS)
#define SMG_ODD_END (SMG_OUT_H % SMG_PARITIES) /* the last position has one output */
#else
#define SMG_ONE_LINE 0
#define SMG_POSITIONS SMG_OUT_W
#define SMG_POSITION_BYTES (4 * SMG_STRIDE_W)
#define SMG_OUT_POSITION SMG_CHANNELS
#define SMG_ODD_END 0
#endif
#define SMG_REST ((SMG_POSITIONS - SMG_ODD_END) % SMG_AT_ONCE + SMG_ODD_END) /* positions after the full blocks */
#define SMG_FULL_BLOCKS ((SMG_POSITIONS - SMG_ODD_END) / SMG_AT_ONCE)
#define SMG_LAST_OFFSET ((SMG_WORD_ROWS - 1) * SMG_ROW_BYTES + 4 * SMG_K_W + 8 * SMG_POSITION_BYTES)
#define SMG_UNROLLED (SMG_STEPS <= 16 && SMG_LAST_OFFSET < 4096)

/* r0: words, r1: weights, r3 .. r10: accumulators, r2, r11, r12 and lr: operands. s0 .. s3: bias, mult, addend, shift;
 * s4, s5: where the upper and lower outputs go. TAKE row, step, count: one word of weights, or two, by ``count``
 * positions;
 * ``first``: the accumulators are not there yet, the bias is in r10. */
#if SMG_PARITIES == 2
#define SMG_ASM_TAKE                                                       \
    ".macro TWO even, odd, data, row, from_even, from_odd\n"               \
    ".if (\\row) != (smg_rows-1) || !smg_taps_even\n"                      \
    "smlad \\even, \\data, r2, \\from_even\n.endif\n"                      \
    "smlad \\odd, \\data, lr, \\from_odd\n"                                \
    ".endm\n"                                                              \
    ".macro TAKE row, words, weights, count, b3, b4, b5, b6, b7, b8, b9\n" \
    "ldr r2, [r1, #\\weights]\n"                                           \
    "ldr lr, [r1, #\\weights+4]\n"                                         \
    "ldr r11, [r0, #\\words]\n"                                            \
    ".if \\count > 1\nldr r12, [r0, #\\words+smg_position]\n.endif\n"      \
    "TWO r3, r4, r11, \\row, \\b3, \\b4\n"                                 \
    ".if \\count > 1\nTWO r5, r6, r12, \\row, \\b5, \\b6\n.endif\n"        \
    ".if \\count > 2\nldr r11, [r0, #\\words+2*smg_position]\n.endif\n"    \
    ".if \\count > 3\nldr r12, [r0, #\\words+3*smg_position]\n.endif\n"    \
    ".if \\count > 2\nTWO r7, r8, r11, \\row, \\b7, \\b8\n.endif\n"        \
    ".if \\count > 3\nTWO r9, r10, r12, \\row, \\b9, r10\n.endif\n"        \
    ".endm\n"
#else
#define SMG_ASM_TAKE                                                       \
    ".macro TWO even, odd, data, row, from_even, from_odd\n.endm\n"        \
    ".macro TAKE row, words, weights, count, b3, b4, b5, b6, b7, b8, b9\n" \
    "ldr r2, [r1, #\\weights]\n"                                           \
    "ldr r11, [r0, #\\words]\n"                                            \
    ".if \\count > 1\nldr r12, [r0, #\\words+smg_position]\n.endif\n"      \
    ".if \\count > 2\nldr lr, [r0, #\\words+2*smg_position]\n.endif\n"     \
    "smlad r3, r11, r2, \\b3\n"                                            \
    ".if \\count > 1\nsmlad r4, r12, r2, \\b4\n.endif\n"                   \
    ".if \\count > 2\nsmlad r5, lr, r2, \\b5\n.endif\n"                    \
    ".if \\count > 3\nldr r11, [r0, #\\words+3*smg_position]\n.endif\n"    \
    ".if \\count > 4\nldr r12, [r0, #\\words+4*smg_position]\n.endif\n"    \
    ".if \\count > 5\nldr lr, [r0, #\\words+5*smg_position]\n.endif\n"     \
    ".if \\count > 3\nsmlad r6, r11, r2, \\b6\n.endif\n"                   \
    ".if \\count > 4\nsmlad r7, r12, r2, \\b7\n.endif\n"                   \
    ".if \\count > 5\nsmlad r8, lr, r2, \\b8\n.endif\n"                    \
    ".if \\count > 6\nldr r11, [r0, #\\words+6*smg_position]\n.endif\n"    \
    ".if \\count > 7\nldr r12, [r0, #\\words+7*smg_position]\n.endif\n"    \
    ".if \\count > 6\nsmlad r9, r11, r2, \\b9\n.endif\n"                   \
    ".if \\count > 7\nsmlad r10, r12, r2, r10\n.endif\n"                   \
    ".endm\n"
#endif

/* A window's words: all in line, or a row of them in a loop whose end is in s7. */
#if SMG_UNROLLED
#define SMG_ASM_WINDOW                                                                        \
    ".macro WINDOW count\n"                                                                   \
    "vmov r10, s0\n"                                                                          \
    "TAKE 0, 0, 0, \\count, r10, r10, r10, r10, r10, r10, r10\n"                              \
    ".set smg_step, 1\n"                                                                      \
    ".rept smg_rows*smg_columns-1\n"                                                          \
    ".set smg_at_row, smg_step/smg_columns\n"                                                 \
    ".set smg_at, smg_at_row*smg_row+4*(smg_step-smg_at_row*smg_columns)\n"                   \
    "TAKE smg_at_row, smg_at, 4*smg_parities*smg_step, \\count, r3, r4, r5, r6, r7, r8, r9\n" \
    ".set smg_step, smg_step+1\n"                                                             \
    ".endr\n"                                                                                 \
    ".endm\n"
#else
#define SMG_ASM_WINDOW                                                                            \
    ".macro WINDOW count\n"                                                                       \
    "vmov r10, s0\n"                                                                              \
    "ADDI r2, r1, smg_weights\n"                                                                  \
    "mov r3, r10\nmov r4, r10\nmov r5, r10\nmov r6, r10\nmov r7, r10\nmov r8, r10\nmov r9, r10\n" \
    "vmov s7, r2\n"                                                                               \
    "8:\n"                                                                                        \
    ".set smg_step, 0\n"                                                                          \
    ".rept smg_columns\n"                                                                         \
    "TAKE -1, 4*smg_step, 4*smg_parities*smg_step, \\count, r3, r4, r5, r6, r7, r8, r9\n"         \
    ".set smg_step, smg_step+1\n"                                                                 \
    ".endr\n"                                                                                     \
    "vmov r2, s7\n"                                                                               \
    "ADDI r1, r1, 4*smg_parities*smg_columns\n"                                                   \
    "ADDI r0, r0, smg_row\n"                                                                      \
    "cmp r1, r2\n"                                                                                \
    "bne 8b\n"                                                                                    \
    "SUBI r1, smg_weights\n"                                                                      \
    "SUBI r0, smg_rows*smg_row\n"                                                                 \
    ".endm\n"
#endif

#define SMG_ASM_FINISH                                                                                                \
    ".macro HIGH acc\n" SMG_ASM_HIGH_BY(                                                                              \
        "\\acc", "r11", "r12",                                                                                        \
        "r2") ".endm\n"                                                                                               \
              ".macro BYTE acc\n" SMG_ASM_SHIFT_BY(                                                                   \
                  "\\acc",                                                                                            \
                  "lr") ".endm\n"                                                                                     \
                        ".macro EACH what, outputs\n"                                                                 \
                        "\\what r3\n"                                                                                 \
                        ".if (\\outputs) > 1\n\\what r4\n.endif\n.if (\\outputs) > 2\n\\what r5\n.endif\n"            \
                        ".if (\\outputs) > 3\n\\what r6\n.endif\n.if (\\outputs) > 4\n\\what r7\n.endif\n"            \
                        ".if (\\outputs) > 5\n\\what r8\n.endif\n.if (\\outputs) > 6\n\\what r9\n.endif\n"            \
                        ".if (\\outputs) > 7\n\\what r10\n.endif\n"                                                   \
                        ".endm\n"                                                                                     \
                        ".macro PUT acc, at, count\n.if \\at < (\\count)\nstrb \\acc, [r2, #\\at*smg_out_position]\n" \
                        ".endif\n.endm\n"

#if SMG_PARITIES == 2
#define SMG_ASM_STORE                                                                  \
    ".macro STORE count, odd_end\n"                                                    \
    "vmov r2, s5\n"                                                                    \
    "EACH BYTE, 2*\\count\n"                                                           \
    "PUT r4, 0, \\count-\\odd_end\nPUT r6, 1, \\count-\\odd_end\n"                     \
    "PUT r8, 2, \\count-\\odd_end\nPUT r10, 3, \\count-\\odd_end\n"                    \
    "ADDI r2, r2, \\count*smg_out_position\n"                                          \
    "vmov s5, r2\n"                                                                    \
    "vmov r2, s4\n"                                                                    \
    "PUT r3, 0, \\count\nPUT r5, 1, \\count\nPUT r7, 2, \\count\nPUT r9, 3, \\count\n" \
    "ADDI r2, r2, \\count*smg_out_position\n"                                          \
    "vmov s4, r2\n"                                                                    \
    ".endm\n"
#else
#define SMG_ASM_STORE                                                                   \
    ".macro STORE count, odd_end\n"                                                     \
    "vmov r2, s4\n"                                                                     \
    "EACH BYTE, \\count\n"                                                              \
    "PUT r3, 0, \\count\nPUT r4, 1, \\count\nPUT r5, 2, \\count\nPUT r6, 3, \\count\n"  \
    "PUT r7, 4, \\count\nPUT r8, 5, \\count\nPUT r9, 6, \\count\nPUT r10, 7, \\count\n" \
    "ADDI r2, r2, \\count*smg_out_position\n"                                           \
    "vmov s4, r2\n"                                                                     \
    ".endm\n"
#endif

#define SMG_ASM_BLOCK                                                                                \
    ".macro BLOCK count, odd_end\n"                                                                  \
    "WINDOW \\count\n"                                                                               \
    "vmov r11, r12, s1, s2\n"                                                                        \
    "EACH HIGH, smg_parities*\\count\n" SMG_ASM_SHIFT_IN("lr") "STORE \\count, \\odd_end\n"          \
                                                               "ADDI r0, r0, \\count*smg_position\n" \
                                                               ".endm\n"

#define SMG_ASM_KXK_MACROS                                                                                                                                                                                   \
    ".set smg_rows, " SMG_TEXT(SMG_WORD_ROWS) "\n"                                                                                                                                                           \
                                              ".set smg_columns, " SMG_TEXT(SMG_K_W) "\n.set smg_parities, " SMG_TEXT(                                                                                       \
                                                  SMG_PARITIES) "\n"                                                                                                                                         \
                                                                ".set smg_taps_even, " SMG_TEXT(                                                                                                             \
                                                                    SMG_TAPS_EVEN) "\n"                                                                                                                      \
                                                                                   ".set smg_row, " SMG_TEXT(SMG_ROW_BYTES) "\n.set smg_position, " SMG_TEXT(                                                \
                                                                                       SMG_POSITION_BYTES) "\n"                                                                                              \
                                                                                                           ".set "                                                                                           \
                                                                                                           "smg_out_"                                                                                        \
                                                                                                           "position,"                                                                                       \
                                                                                                           " " SMG_TEXT(                                                                                     \
                                                                                                               SMG_OUT_POSITION) "\n"                                                                        \
                                                                                                                                 ".set smg_weights, 4*smg_rows*smg_columns*smg_parities\n"                   \
                                                                                                                                 ".set smg_blocks, " SMG_TEXT(SMG_FULL_BLOCKS) "\n.set smg_rest, " SMG_TEXT( \
                                                                                                                                     SMG_REST) "\n"                                                          \
                                                                                                                                               ".set smg_at_once, " SMG_TEXT(                                \
                                                                                                                                                   SMG_AT_ONCE) "\n" SMG_ASM_ADDI                            \
                                                                                                                                                   SMG_ASM_SUBI SMG_ASM_TAKE                                 \
                                                                                                                                                       SMG_ASM_WINDOW                                        \
                                                                                                                                                           SMG_ASM_FINISH                                    \
                                                                                                                                                               SMG_ASM_STORE                                 \
                                                                                                                                                                   SMG_ASM_BLOCK
/* ``lines`` lines of positions of ``channels`` neighbouring channels. ``lower``: from a line's upper outputs to its
 * lower ones; of the last line, which may be all there is, ``last``: 0 lets the upper outputs overwrite the lower ones.
 */
__attribute__((naked, noinline)) static void
smg_depthwise_lines(const char *planes __attribute__((unused)), int8_t *y __attribute__((unused)),
                    const int32_t *packed __attribute__((unused)), int32_t lines __attribute__((unused)),
                    int32_t channels __attribute__((unused)), int32_t lower __attribute__((unused)),
                    int32_t last __attribute__((unused))) {
    __asm__(SMG_ASM_KXK_MACROS
            "push {r4-r11, lr}\n"
            "vpush {s16}\n"
            "ldr r4, [sp, #40]\n"
            "ldr r5, [sp, #44]\n"
            "ldr r6, [sp, #48]\n"
            "vmov s8, r4\n"
            "vmov s14, r5\n"
            "vmov s15, r6\n"
            "vmov s9, r3\n"
            "vmov s10, r0\n"
            "vmov s11, r1\n"
            "mov r12, r2\n"
            "1:\n"
            "vldmia r12!, {s0-s3}\n"
            "mov r2, r1\n"
            "vmov r3, s9\n"
            "mov r1, r12\n"
            "vmov s13, r0\n"
            "2:\n" /* r0: words, r2: outputs, r3: lines left */
            "subs r3, r3, #1\n"
            "vmov r4, s14\n"
            "vmov s6, r3\n"
            "it eq\n"
            "vmoveq r4, s15\n"
            "vmov s4, r2\n"
            "vmov s12, r2\n"
            "add r4, r4, r2\n"
            "vmov s5, r4\n"
            ".if smg_blocks\n"
            "ADDI r2, r0, smg_blocks*smg_at_once*smg_position\n"
            "3:\n"
            "vmov s16, r2\n"
            "BLOCK smg_at_once, 0\n"
            "vmov r2, s16\n"
            "cmp r0, r2\n"
            "bne 3b\n"
            ".endif\n"
            ".if smg_rest\n"
            "BLOCK smg_rest, " SMG_TEXT(
                SMG_ODD_END) "\n"
                             ".endif\n"
                             "vmov r0, s13\n"
                             "vmov r2, s12\n"
                             "vmov r3, s6\n"
                             "ADDI r0, r0, smg_row\n"
                             "ADDI r2, r2, smg_parities*" SMG_TEXT(
                                 SMG_OUT_ROW_BYTES) "\n"
                                                    "vmov s13, r0\n"
                                                    "cmp r3, #0\n"
                                                    "bne 2b\n"
                                                    "vmov r0, s10\n"
                                                    "ADDI r12, r1, smg_weights\n"
                                                    "vmov r1, s11\n"
                                                    "vmov r2, s8\n"
                                                    "ADDI r0, r0, " SMG_IMMEDIATE(
                                                        SMG_PLANE_BYTES) "\n"
                                                                         "adds r1, r1, #1\n"
                                                                         "vmov s10, r0\n"
                                                                         "vmov s11, r1\n"
                                                                         "subs r2, r2, #1\n"
                                                                         "vmov s8, r2\n"
                                                                         "bne 1b\n"
                                                                         "vpop {s16}\n"
                                                                         "pop {r4-r11, pc}\n"
                                                                         ".purgem ADDI\n.purgem SUBI\n.purgem "
                                                                         "TWO\n.purgem TAKE\n.purgem WINDOW\n.purgem "
                                                                         "HIGH\n.purgem BYTE\n"
                                                                         ".purgem EACH\n.purgem PUT\n.purgem "
                                                                         "STORE\n.purgem BLOCK\n");
}

/* ``rows`` rows of outputs of ``channels`` channels. */
SMG_INLINE void smg_depthwise_strip(const char *planes, int8_t *y, const int32_t *packed, int32_t rows,
                                    int32_t channels) {
#if SMG_ONE_LINE
    smg_depthwise_lines(planes, y, packed, 1, channels, SMG_OUT_ROW_BYTES, SMG_OUT_ROW_BYTES);
    (void)rows;
#else
    smg_depthwise_lines(planes, y, packed, (rows + SMG_PARITIES - 1) / SMG_PARITIES, channels, SMG_OUT_ROW_BYTES,
                        rows % 2 == 0 ? SMG_OUT_ROW_BYTES : 0);
#endif
}
#else
/* One output: v the window's first word, w its weights, of the upper or of the lower output. */
SMG_INLINE int8_t smg_depthwise_output(const uint32_t *v, const int32_t *packed, int32_t parity) {
    int32_t acc = packed[0];
    for (int32_t i = 0; i < SMG_WORD_ROWS; i++) {
        for (int32_t j = 0; j < SMG_K_W; j++) {
            const int32_t w = packed[4 + (i * SMG_K_W + j) * SMG_PARITIES + parity];
            acc = smg_smlad(v[i * (SMG_ROW_BYTES / 4) + j], (uint32_t)w, acc);
        }
    }
    return smg_requantize_fast(acc, packed[1], packed[2], packed[3]);
}
static void smg_depthwise_strip(const char *planes, int8_t *y, const int32_t *packed, int32_t rows, int32_t channels) {
    for (int32_t c = 0; c < channels; c++, planes += SMG_PLANE_BYTES, packed += SMG_PACKED_WORDS) {
        for (int32_t row = 0; row < rows; row++) {
            const char *line = planes + row / SMG_PARITIES * SMG_ROW_BYTES;
            for (int32_t i = 0; i < SMG_OUT_W; i++) {
                y[c + (row * SMG_OUT_W + i) * SMG_CHANNELS] = smg_depthwise_output(
                    (const uint32_t *)(const void *)line + i * SMG_STRIDE_W, packed, row % SMG_PARITIES);
            }
        }
    }
}
#endif

/* With one strip, rows of words outside of the image are filled only once, as the columns beside it are. */
#define SMG_ONE_STRIP (SMG_UNITS_A_STRIP >= SMG_UNITS)
#define SMG_WORDS_IN_ALL (SMG_UNITS + SMG_WORD_ROWS - 1)
#define SMG_HAS_PADDING \
    (SMG_ROW_BYTES != 4 * SMG_IN_W || SMG_PAD_T > 0 || 2 * SMG_WORDS_IN_ALL - SMG_PAD_T > SMG_IN_H + 1)

/* Rows ``first`` .. ``end`` - 1 of words of the group at x; planes: where row ``first`` goes. */
SMG_SMALL static void smg_depthwise_words(char *planes, const int8_t *x, int32_t first, int32_t end, uint32_t pad) {
    while (first < end) {
        const int32_t row = 2 * first - SMG_PAD_T;
        int32_t count = 1;
        if (row >= 0 && row + 1 < SMG_IN_H) {
            count = (SMG_IN_H - row) >> 1;
            count = count < end - first ? count : end - first;
            smg_depthwise_pairs(planes, x + row * SMG_IN_ROW_BYTES, count);
        } else if (row == -1) {
            smg_depthwise_lower(planes, x, pad);
        } else if (row == SMG_IN_H - 1) {
            smg_depthwise_upper(planes, x + row * SMG_IN_ROW_BYTES, pad);
        } else if (!SMG_ONE_STRIP) {
            smg_depthwise_fill(planes, pad, SMG_IN_W);
        }
        planes += count * SMG_ROW_BYTES;
        first += count;
    }
}

/* Channels first .. SMG_GROUP - 1 of the group at x (SMG_IN_H, SMG_IN_W, SMG_CHANNELS); y: the group's outputs. */
SMG_INLINE void smg_depthwise_group(const int8_t *x, const int32_t *packed, int8_t *y, char *planes, int32_t first,
                                    uint32_t pad) {
    char *inside = planes + 4 * SMG_PAD_L;
    smg_depthwise_words(inside, x, 0, SMG_ONE_STRIP ? SMG_WORDS_IN_ALL : SMG_WORD_ROWS - 1, pad);
    for (int32_t unit = 0; unit < SMG_UNITS; unit += SMG_UNITS_A_STRIP) {
        const int32_t left = SMG_UNITS - unit, units = left < SMG_UNITS_A_STRIP ? left : SMG_UNITS_A_STRIP;
        const int32_t row = unit * SMG_PARITIES, most = units * SMG_PARITIES;
        if (!SMG_ONE_STRIP) {
            smg_depthwise_words(inside + (SMG_WORD_ROWS - 1) * SMG_ROW_BYTES, x, unit + SMG_WORD_ROWS - 1,
                                unit + units + SMG_WORD_ROWS - 1, pad);
        }
        smg_depthwise_strip(planes + first * SMG_PLANE_BYTES, y + row * SMG_OUT_ROW_BYTES + first,
                            packed + first * SMG_PACKED_WORDS, SMG_OUT_H - row < most ? SMG_OUT_H - row : most,
                            SMG_GROUP - first);
        if (left > SMG_UNITS_A_STRIP) {
            for (int32_t c = 0; c < SMG_GROUP; c++) {
                char *plane = planes + c * SMG_PLANE_BYTES;
                smg_copy_words(plane, plane + SMG_UNITS_A_STRIP * SMG_ROW_BYTES,
                               (SMG_WORD_ROWS - 1) * (SMG_ROW_BYTES / 4));
            }
        }
    }
}

/* x (batch, SMG_IN_H, SMG_IN_W, SMG_CHANNELS), packed (SMG_CHANNELS, SMG_PACKED_WORDS). The last channels, less than
 * four, go first, with those before them, whose bytes are then still inputs. */
void SMG_FUNCTION(const smg_depthwise_params *p, const int8_t *x, const int8_t *w, const int32_t *packed, int8_t *y,
                  void *scratch) {
    (void)w;
    char *planes = scratch;
    const uint32_t pad = ((uint32_t)-p->in_offset & 0xffU) * 0x01010101U;
    if (SMG_HAS_PADDING) smg_depthwise_fill(planes, pad, SMG_PLANE_BYTES / 4);
    for (int32_t n = 0; n < p->batch; n++) {
        int32_t end = SMG_CHANNELS, first = (SMG_GROUP - SMG_CHANNELS % SMG_GROUP) % SMG_GROUP;
        while (end > 0) {
            const int32_t c = end - SMG_GROUP;
            smg_depthwise_group(x + c, packed + c * SMG_PACKED_WORDS, y + c, planes, first, pad);
            end = c + first;
            first = 0;
        }
        x += SMG_IN_H * SMG_IN_ROW_BYTES;
        y += SMG_OUT_H * SMG_OUT_ROW_BYTES;
    }
}
