/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution of few input channels, one group: a group of output rows at a time, its input rows expanded once into
 * scratch; then for each pair of output channels all pixels of the group, with the pair's weights in FPU registers or,
 * if they are too many, copied behind the strip. Where a pixel's window starts in the middle of a word, another packing
 * of the same weights serves it: these columns are a second phase.
 *
 * Macros of an instance: SMG_K_H, SMG_STRIDE_H, SMG_DILATION_H; SMG_WORDS, SMG_VERTICAL,
 * SMG_STRIP_ROWS and SMG_PITCH, see the rows' file; SMG_PHASES 1 or 2; SMG_STRIP_WORDS of a row in all;
 * SMG_COLUMN_BYTES and SMG_PIXEL_BYTES from a phase's column to its next in strip and output; SMG_OUT_ROW_BYTES;
 * SMG_ROWS and SMG_TAIL_ROWS of a block, of which an image has SMG_FULL_BLOCKS and SMG_TAIL_BLOCKS, a group
 * SMG_GROUP_BLOCKS; SMG_SECOND the place of a pair's second channel; SMG_RESIDENT 1 if weights stay in registers;
 * SMG_IN_ROW_BYTES of which SMG_VALUES are read; SMG_HEAD 1 if the first goes into the upper half of a word. */
#include "smg_conv2d_few_channels_expand.inc.h"
#if SMG_VERTICAL
#include "smg_conv2d_few_channels_join.inc.h"
#endif
#include "smg_conv2d_few_channels_rows.inc.h"
#include "smg_kernels.h"
#include "smg_memory.h"

smg_conv2d_kernel SMG_FUNCTION;

/* count words of padding. The empty asm keeps compilers from unrolling what runs seldom. */
SMG_INLINE void smg_few_channels_pad(uint32_t *to, int32_t step, int32_t count, uint32_t zero) {
    for (; count > 0; count--, to += step) {
        *to = zero | zero << 16;
        __asm__("" ::: "memory");
    }
}

/* The strip's rows first .. first + rows - 1 of the input. Columns of padding are there already. */
SMG_INLINE void smg_few_channels_strip(const smg_conv2d_params *p, uint32_t *strip, const int8_t *x, int32_t first,
                                       int32_t rows, uint32_t zero) {
    const int32_t words = (SMG_HEAD + SMG_VALUES + 1) / 2;
    uint32_t *to = strip + p->pad_l * p->in_c / 2 * SMG_PITCH;
    const int32_t above = smg_clamp(-first, 0, rows), inside = smg_clamp(p->in_h - first, above, rows);
    for (int32_t row = 0; row < above; row++) smg_few_channels_pad(to + row, SMG_PITCH, words, zero);
    if (inside > above)
        smg_few_channels_expand(x + (first + above) * SMG_IN_ROW_BYTES, to + above, inside - above, zero);
    for (int32_t row = inside; row < rows; row++) smg_few_channels_pad(to + row, SMG_PITCH, words, zero);
}

/* Columns of a phase, and the words of its first window; joined values leave the first half of a window out. */
SMG_INLINE int32_t smg_few_channels_columns(const smg_conv2d_params *p, int32_t phase) {
    return (p->out_w - phase + SMG_PHASES - 1) / SMG_PHASES;
}
SMG_INLINE int32_t smg_few_channels_start(const smg_conv2d_params *p, int32_t phase) {
    return (p->stride_w * p->in_c * phase / 2 + SMG_VERTICAL * phase) * SMG_PITCH;
}

/* All channels of a group of full and tail blocks. */
SMG_INLINE void smg_few_channels_group(const smg_conv2d_params *p, uint32_t *strip, const uint32_t *packed, int8_t *y,
                                       int32_t full, int32_t tail) {
    for (int32_t c = 0; c < p->out_c; c += 2) { /* the last pair of an odd number overlaps the one before */
        int8_t *to = y + (c + 1 < p->out_c || c == 0 ? c : c - 1);
        for (int32_t phase = 0; phase < SMG_PHASES; phase++, packed += SMG_FEW_CHANNELS_PACKED) {
            const uint32_t *weights = packed;
#if !SMG_RESIDENT
            uint32_t *copy = strip + SMG_STRIP_WORDS * SMG_PITCH;
            weights = copy;
            smg_copy((int8_t *)copy, (const int8_t *)packed, 4 * SMG_FEW_CHANNELS_PACKED);
#endif
            smg_few_channels_rows(strip + smg_few_channels_start(p, phase), to + phase * p->out_c, weights,
                                  smg_few_channels_columns(p, phase) * SMG_COLUMN_BYTES, full, tail);
        }
    }
}

/* Blocks of a group: as many full ones as there are, and tail blocks in the place of missing ones. */
SMG_INLINE void smg_few_channels_image(const smg_conv2d_params *p, const int8_t *x, const uint32_t *packed, int8_t *y,
                                       uint32_t *strip, uint32_t zero) {
    int32_t full = SMG_FULL_BLOCKS, tail = SMG_TAIL_BLOCKS, first = -p->pad_t;
    while (full + tail > 0) {
        const int32_t now = full < SMG_GROUP_BLOCKS ? full : SMG_GROUP_BLOCKS;
        int32_t also = 0;
#if SMG_TAIL_ROWS
        also = smg_clamp((SMG_GROUP_BLOCKS - now) * SMG_ROWS / SMG_TAIL_ROWS, 0, tail);
#endif
        const int32_t rows = now * SMG_ROWS + also * SMG_TAIL_ROWS;
        const int32_t reach = (rows - 1) * SMG_STRIDE_H + (SMG_K_H - 1) * SMG_DILATION_H + 1;
        smg_few_channels_strip(p, strip, x, first, reach, zero);
#if SMG_VERTICAL
        for (int32_t phase = 0; phase < SMG_PHASES; phase++) {
            uint32_t *window = strip + smg_few_channels_start(p, phase);
            smg_few_channels_join(phase ? window - SMG_PITCH : window + SMG_WORDS * SMG_PITCH, window + SMG_STRIP_ROWS,
                                  smg_few_channels_columns(p, phase), phase);
        }
#endif
        smg_few_channels_group(p, strip, packed, y, now, also);
        full -= now;
        tail -= also;
        first += rows * SMG_STRIDE_H;
        y += rows * SMG_OUT_ROW_BYTES;
    }
}

/* b: (out_c / 2 rounded up, SMG_PHASES) of smg_few_channels_rows' packed; w is not used. scratch: the strip, and the
 * packed weights of a pair unless they are resident. */
void SMG_FUNCTION(const smg_conv2d_params *p, const int8_t *x, const int8_t *w, const int32_t *b, int8_t *y,
                  void *scratch) {
    const uint32_t zero = (uint32_t)(2 * (128 - p->in_offset));
    const int32_t left = p->pad_l * p->in_c / 2, right = left + (SMG_HEAD + SMG_VALUES + 1) / 2;
    uint32_t *strip = scratch;
    (void)w;
    smg_few_channels_registers();
    smg_few_channels_pad(strip, 1, left * SMG_PITCH, zero);
    smg_few_channels_pad(strip + right * SMG_PITCH, 1, (SMG_STRIP_WORDS - right) * SMG_PITCH, zero);
    for (int32_t n = 0; n < p->batch; n++) {
        smg_few_channels_image(p, x, (const uint32_t *)b, y, strip, zero);
        x += p->in_h * p->in_w * p->in_c;
        y += p->out_h * p->out_w * p->out_c;
    }
}
