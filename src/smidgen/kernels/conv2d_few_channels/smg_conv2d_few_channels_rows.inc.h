/* SPDX-License-Identifier: Apache-2.0 */
/* Two output channels of some rows of pixels: weights stationary or streamed, windows read from a strip of words.
 *
 * strip (words of a row, SMG_PITCH): word j of a row holds its values 2j and 2j + 1 as 2 * (x + 128), one in each half,
 * and the same word of SMG_STRIP_ROWS rows lies together. A pixel's window is SMG_WORDS such columns, its taps are the
 * rows tap * SMG_DILATION_H of them. A block is the n output pixels below each other in one column: if the stride is a
 * multiple of the dilation, pixel i + 1 reads at a tap what pixel i reads SMG_CLASSES taps further, so that a chain of
 * taps with one remainder modulo SMG_CLASSES loads one word a step.
 *
 * SMG_VERTICAL: each row of a window has an odd number of values. Those left over, one a row, are joined to words of
 * two rows each, see smg_conv2d_few_channels_join.inc.h, which follow the rows in the window's first column.
 *
 * packed: for each word column, each remainder and each tap of it one word; those of joined words; then
 * smg_few_channels_constants. A weight word has two values' weights of both channels, each half first + 256 * second.
 * SMLAD with the word as it is sums first + 256 * second modulo 2^32, SMLAD with its SXTB16 sums first; the record
 * proves that the difference, 256 times the second channel's doubled accumulator, fits 32 bits. */
#ifndef SMG_CONV2D_FEW_CHANNELS_ROWS_INC_H
#define SMG_CONV2D_FEW_CHANNELS_ROWS_INC_H
#include "smg_fast_requantize.h"
#include <stdint.h>

#define SMG_VERTICAL_TAPS ((SMG_K_H + 1) / 2)
#define SMG_FEW_CHANNELS_WEIGHTS (SMG_WORDS * SMG_K_H + SMG_VERTICAL * SMG_VERTICAL_TAPS)

/* How taps share words: by remainders modulo SMG_CLASSES, a step SMG_ADVANCE words further; else not at all. */
#if SMG_STRIDE_H % SMG_DILATION_H == 0
#define SMG_CLASSES (SMG_STRIDE_H / SMG_DILATION_H)
#define SMG_ADVANCE 1
#elif SMG_DILATION_H == 2 * SMG_STRIDE_H
#define SMG_CLASSES 1
#define SMG_ADVANCE 2
#else
#define SMG_CLASSES SMG_K_H
#define SMG_ADVANCE 1
#endif
/* The same for words of two rows, which are two rows apart. */
#if SMG_STRIDE_H % 2 == 0
#define SMG_VERTICAL_CLASSES (SMG_STRIDE_H / 2)
#define SMG_VERTICAL_ADVANCE 1
#elif SMG_STRIDE_H == 1
#define SMG_VERTICAL_CLASSES 1
#define SMG_VERTICAL_ADVANCE 2
#else
#define SMG_VERTICAL_CLASSES SMG_VERTICAL_TAPS
#define SMG_VERTICAL_ADVANCE 1
#endif

/* Behind the weights: what sums start from, twice the bias of the first channel and that plus 512 times the second's;
 * then mult, addend and shift of both channels. */
enum {
    SMG_START_BOTH = SMG_FEW_CHANNELS_WEIGHTS,
    SMG_START_FIRST,
    SMG_FIRST_CHANNEL,
    SMG_SECOND_CHANNEL = SMG_FIRST_CHANNEL + 3,
    SMG_FEW_CHANNELS_PACKED = SMG_SECOND_CHANNEL + 3
};

#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)
#include "smg_conv2d_few_channels_rows_m4.inc.h"
#else
SMG_INLINE void smg_few_channels_registers(void) {}

/* Twice the accumulators of a pixel: those of the first channel and those plus 256 times the second's. */
typedef struct {
    int32_t both, first;
} smg_few_channels_sums;

/* taps words of weights, those of one remainder after another, on words that are rows apart; returns those behind. */
SMG_INLINE const uint32_t *smg_few_channels_taps(const uint32_t *strip, const uint32_t *packed, int32_t taps,
                                                 int32_t rows, int32_t classes, smg_few_channels_sums *sums) {
    for (int32_t remainder = 0; remainder < classes; remainder++) {
        for (int32_t tap = remainder; tap < taps; tap += classes) {
            const uint32_t weights = *packed++, word = strip[tap * rows];
            sums->both = smg_smlad(word, weights, sums->both);
            sums->first = smg_smlad(word, smg_sxtb16(weights), sums->first);
        }
    }
    return packed;
}

/* Both output bytes of one pixel. */
SMG_INLINE void smg_few_channels_pixel(const uint32_t *strip, const uint32_t *packed, int8_t *y) {
    const int32_t *constants = (const int32_t *)packed;
    const int32_t *first = constants + SMG_FIRST_CHANNEL, *second = constants + SMG_SECOND_CHANNEL;
    smg_few_channels_sums sums = {constants[SMG_START_BOTH], constants[SMG_START_FIRST]};
    for (int32_t j = 0; j < SMG_WORDS; j++) {
        packed = smg_few_channels_taps(strip + j * SMG_PITCH, packed, SMG_K_H, SMG_DILATION_H, SMG_CLASSES, &sums);
    }
    if (SMG_VERTICAL) {
        smg_few_channels_taps(strip + SMG_STRIP_ROWS, packed, SMG_VERTICAL_TAPS, 2, SMG_VERTICAL_CLASSES, &sums);
    }
    const int32_t other = (int32_t)((uint32_t)sums.both - (uint32_t)sums.first) >> 8;
    y[0] = smg_requantize_fast(sums.first, first[0], first[1], first[2]);
    y[SMG_SECOND] = smg_requantize_fast(other, second[0], second[1], second[2]);
}

SMG_INLINE void smg_few_channels_rows(const uint32_t *strip, int8_t *y, const uint32_t *packed, int32_t columns,
                                      int32_t full, int32_t tail) {
    for (int32_t row = 0; row < full * SMG_ROWS + tail * SMG_TAIL_ROWS; row++) {
        int8_t *to = y + row * SMG_OUT_ROW_BYTES;
        for (int32_t column = 0; column < columns; column += SMG_COLUMN_BYTES, to += SMG_PIXEL_BYTES) {
            smg_few_channels_pixel(strip + column / 4 + row * SMG_STRIDE_H, packed, to);
        }
    }
}
#endif
#endif
