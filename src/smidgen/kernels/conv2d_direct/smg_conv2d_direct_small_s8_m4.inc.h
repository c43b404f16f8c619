/* SPDX-License-Identifier: Apache-2.0 */
/* A direct convolution in little code, which layers share: only SMG_PIXEL_BYTES, SMG_NARROW and what
 * smg_fast_requantize.h needs are fixed. Weights as in smg_pixel_block.h, not wide, with steps of zeros after the last
 * until four divide their number: the inputs they meet may be anything, so the strip has four words more. */
#include "smg_fast_requantize.h"
#include "smg_kernels.h"
#include "smg_memory.h"

/* Words of a pixel of in_c channels; see smg_strip.h for their order. */
SMG_INLINE int32_t smg_pixel_words(int32_t in_c) { return in_c / 4 * 2 + (in_c % 4 == 3 ? 2 : in_c % 4 > 0); }

__attribute__((noinline)) static void smg_strip_row(const smg_conv2d_params *p, uint32_t *to, int32_t column,
                                                    const int8_t *from, int32_t count) {
    for (; count > 0; count--, to += column) {
        uint32_t *word = to;
        int32_t left = p->in_c;
        for (; left >= 4; left -= 4, from += 4, word += 2) {
            const uint32_t v = smg_load32(from);
            word[0] = smg_sxtb16(v);
            word[1] = smg_sxtb16_odd(v);
            __asm__("" ::: "memory"); /* else compilers unroll the loop */
        }
        if (left == 0) continue;
        word[0] = smg_low_halves((uint32_t)from[0], (uint32_t)from[left - 1]);
        if (left == 3) word[1] = (uint32_t)from[1];
        from += left;
    }
}

/* A row of outputs: pixels, bytes from a pixel's outputs to the next one's, bytes of a pair's weights. */
typedef struct {
    int32_t pixels, out_c, weights;
} smg_row;

#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)
#include "smg_direct_small_row.inc.h"
#else
#define SMG_SAVE_FPU_REGISTERS (void)0

/* Two channels of a row of pixels. */
SMG_INLINE void smg_small_row(const uint32_t *x, const int32_t *pair, int8_t *y, const smg_row *row) {
    for (int32_t i = 0; i < row->pixels; i++, x += SMG_PIXEL_BYTES / 4, y += row->out_c) {
        int32_t even = pair[0], both = pair[1];
        for (int32_t k = 0; k < row->weights / 4; k++) {
            const uint32_t v = (uint32_t)pair[8 + k];
            even = smg_smlad(x[k], smg_sxtb16(v), even);
            both = smg_smlad(x[k], v, both);
        }
        both = (int32_t)((uint32_t)both - (uint32_t)even) >> 7;
        y[0] = smg_requantize_fast((int32_t)((uint32_t)even << 1), pair[2], pair[3], pair[4]);
        y[1] = smg_requantize_fast(both, pair[5], pair[6], pair[7]);
    }
}
#endif

SMG_INLINE void smg_strip_outputs(const smg_conv2d_params *p, const uint32_t *strip, const int32_t *b, int8_t *y,
                                  int32_t pixels) {
    const int32_t steps = p->k_w * p->k_h * smg_pixel_words(p->in_c);
    const smg_row row = {pixels, p->out_c, (steps + 3) / 4 * 16};
    int32_t left = p->out_c;
    for (; left > 1; left -= 2, b += 8 + row.weights / 4, y += 2) smg_small_row(strip, b, y, &row);
    if (left > 0) smg_small_row(strip, b, y - 1, &row);
}
#include "smg_conv2d_direct_m4.inc.h"
