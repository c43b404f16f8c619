/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise of windows that lie inside the image, four channels of one output at a time straight from the image: two
 * taps become words of one channel each, and the weights stream by. For few outputs of many channels. */
#include "smg_depthwise_assembly.inc.h"

smg_depthwise_kernel SMG_FUNCTION;

#define SMG_TAPS (SMG_K_H * SMG_K_W)
#define SMG_TAP_PAIRS ((SMG_TAPS + 1) / 2)
#define SMG_GROUP_WORDS                                                                          \
    (16 + 4 * SMG_TAP_PAIRS) /* four channels: biases, weights, then mult, addend, shift of each \
                              */

#if SMG_DEPTHWISE_ASSEMBLY
/* r0: the window's first tap, r1: parameters, r4 .. r7: accumulators. smg_base: how far r0 has moved from its tap. */
#define SMG_ASM_DIRECT_MACROS                                                             \
    ".macro LOAD d, at\n"                                                                 \
    ".if (\\at-smg_base) < 4096\nldr \\d, [r0, #\\at-smg_base]\n"                         \
    ".else\nADDI \\d, r0, (\\at-smg_base)\nldr \\d, [\\d]\n.endif\n"                      \
    ".endm\n"                                                                             \
    ".macro PAIR index\n"                                                                 \
    ".set smg_tap, 2*(\\index)\n"                                                         \
    ".set smg_first, ((smg_tap/smg_columns)*smg_down+(smg_tap%smg_columns)*smg_right)\n"  \
    ".if smg_tap+1 < smg_taps\n.set smg_tap, smg_tap+1\n.endif\n"                         \
    ".set smg_second, ((smg_tap/smg_columns)*smg_down+(smg_tap%smg_columns)*smg_right)\n" \
    ".if (smg_second-smg_base) > 4095 && smg_first > smg_base\n"                          \
    "ADDI r0, r0, (smg_first-smg_base)\n.set smg_base, smg_first\n.endif\n"               \
    "ldr r8, [r1, #16*(\\index)]\n"                                                       \
    "ldr r9, [r1, #16*(\\index)+4]\n"                                                     \
    "ldr r10, [r1, #16*(\\index)+8]\n"                                                    \
    "ldr r11, [r1, #16*(\\index)+12]\n"                                                   \
    "LOAD r12, smg_first\n"                                                               \
    "LOAD lr, smg_second\n"                                                               \
    "pkhbt r3, r12, lr, lsl #16\n"                                                        \
    "pkhtb lr, lr, r12, asr #16\n"                                                        \
    "sxtb16 r12, r3\n"                                                                    \
    "sxtb16 r3, r3, ror #8\n"                                                             \
    "smlad r4, r12, r8, r4\n"                                                             \
    "smlad r5, r3, r9, r5\n"                                                              \
    "sxtb16 r12, lr\n"                                                                    \
    "sxtb16 lr, lr, ror #8\n"                                                             \
    "smlad r6, r12, r10, r6\n"                                                            \
    "smlad r7, lr, r11, r7\n"                                                             \
    ".endm\n"                                                                             \
    ".macro OUTPUT acc\n"                                                                 \
    "ldm r1!, {r8, r9, r10}\n" SMG_ASM_HIGH_BY("\\acc", "r8", "r9", "r11") SMG_ASM_SHIFT_BY("\\acc", "r10") ".endm\n"

/* One output of 4 * ``groups`` channels: x its window's first tap. */
__attribute__((naked, noinline)) static void smg_depthwise_pixel(const int8_t *x __attribute__((unused)),
                                                                 int8_t *y __attribute__((unused)),
                                                                 const int32_t *packed __attribute__((unused)),
                                                                 int32_t groups __attribute__((unused))) {
    __asm__(".set smg_columns, " SMG_TEXT(SMG_K_W) "\n.set smg_taps, " SMG_TEXT(
        SMG_TAPS) "\n"
                  ".set smg_right, " SMG_TEXT(SMG_DILATION_W) "*" SMG_TEXT(
                      SMG_CHANNELS) "\n"
                                    ".set smg_down, " SMG_TEXT(SMG_DILATION_H) "*" SMG_TEXT(SMG_IN_W) "*" SMG_TEXT(
                                        SMG_CHANNELS) "\n"
                                                      ".set smg_base, 0\n" SMG_ASM_ADDI
                                                          SMG_ASM_SUBI SMG_ASM_DIRECT_MACROS "push {r4-r11, lr}\n"
                                                      "vmov s0, r1\n"
                                                      "mov r1, r2\n"
                                                      "vmov s1, r3\n"
                                                      "1:\n"
                                                      "ldm r1!, {r4-r7}\n"
                                                      ".set smg_pair, 0\n"
                                                      ".rept " SMG_TEXT(
                                                          SMG_TAP_PAIRS) "\n"
                                                                         "PAIR smg_pair\n"
                                                                         ".set smg_pair, smg_pair+1\n"
                                                                         ".endr\n"
                                                                         "ADDI r1, r1, 16*" SMG_TEXT(
                                                                             SMG_TAP_PAIRS) "\n"
                                                                                            "OUTPUT r4\n"
                                                                                            "OUTPUT r5\n"
                                                                                            "OUTPUT r6\n"
                                                                                            "OUTPUT r7\n"
                                                                                            "vmov r2, s0\n"
                                                                                            "vmov r3, s1\n"
                                                                                            ".if smg_base > 4\nSUBI "
                                                                                            "r0, "
                                                                                            "(smg_base-4)\n.else\nadd "
                                                                                            "r0, r0, "
                                                                                            "#4-smg_base\n.endif\n"
                                                                                            "strb r4, [r2], #1\n"
                                                                                            "strb r5, [r2], #1\n"
                                                                                            "strb r6, [r2], #1\n"
                                                                                            "strb r7, [r2], #1\n"
                                                                                            "subs r3, r3, #1\n"
                                                                                            "vmov s0, r2\n"
                                                                                            "vmov s1, r3\n"
                                                                                            "bne 1b\n"
                                                                                            "pop {r4-r11, pc}\n"
                                                                                            ".purgem ADDI\n.purgem "
                                                                                            "SUBI\n.purgem "
                                                                                            "LOAD\n.purgem "
                                                                                            "PAIR\n.purgem OUTPUT\n");
}
#else
static void smg_depthwise_pixel(const int8_t *x, int8_t *y, const int32_t *packed, int32_t groups) {
    for (int32_t g = 0; g < groups; g++, x += 4, y += 4, packed += SMG_GROUP_WORDS) {
        for (int32_t c = 0; c < 4; c++) {
            const int32_t *scale = packed + 4 + 4 * SMG_TAP_PAIRS + 3 * c;
            int32_t acc = packed[c];
            for (int32_t t = 0; t < SMG_TAPS; t++) {
                const int32_t row = t / SMG_K_W * SMG_DILATION_H, column = t % SMG_K_W * SMG_DILATION_W;
                const uint32_t w = (uint32_t)packed[4 + t / 2 * 4 + c] >> (t % 2 * 16);
                acc = smg_smlad((uint32_t)x[(row * SMG_IN_W + column) * SMG_CHANNELS + c] & 0xffffU, w & 0xffffU, acc);
            }
            y[c] = smg_requantize_fast(acc, scale[0], scale[1], scale[2]);
        }
    }
}
#endif

/* Pixel by pixel. x (batch, in_h, SMG_IN_W, SMG_CHANNELS), packed (groups of four channels, SMG_GROUP_WORDS). */
void SMG_FUNCTION(const smg_depthwise_params *p, const int8_t *x, const int8_t *w, const int32_t *packed, int8_t *y,
                  void *scratch) {
    (void)w;
    (void)scratch;
    for (int32_t n = 0; n < p->batch; n++, x += p->in_h * SMG_IN_W * SMG_CHANNELS) {
        for (int32_t row = 0; row < p->out_h; row++) {
            for (int32_t column = 0; column < p->out_w; column++, y += SMG_CHANNELS) {
                const int8_t *at = x + (row * p->stride_h * SMG_IN_W + column * p->stride_w) * SMG_CHANNELS;
                smg_depthwise_pixel(at, y, packed, SMG_CHANNELS / 4);
                if (SMG_CHANNELS % 4) {
                    smg_depthwise_pixel(at + SMG_CHANNELS - 4, y + SMG_CHANNELS - 4,
                                        packed + SMG_CHANNELS / 4 * SMG_GROUP_WORDS, 1);
                }
            }
        }
    }
}
