/* SPDX-License-Identifier: Apache-2.0 */
/* The input transform. The two int16 of a word are carried as one integer high * 65536 + low, of which any linear map
 * is plain 32-bit arithmetic; both halves are right at the end because then low is in 0 .. 65535: inputs are raised by
 * 128, and values by SMG_OFFSET. First down the columns of pixels, into a strip; then along the rows of each tile. */
#ifndef SMG_PORTABLE_INPUT_INC_H
#define SMG_PORTABLE_INPUT_INC_H
#include "smg_portable_winograd.inc.h"

#define SMG_BOTH_OFFSETS (SMG_OFFSET * 0x10001U)

/* Where the rows of pixels of a row of tiles begin. With SMG_IN_PITCH all but the first and last are rows of the image,
 * that far apart, so that row[1] stands for them. */
typedef struct {
    const int8_t *row[SMG_REACH];
} smg_rows;

/* Of four channels, raised by 128: the first and third, the second and fourth. ``channels`` of them are there. */
SMG_INLINE void smg_expand(const int8_t *x, int32_t channels, uint32_t *even, uint32_t *odd) {
#if SMG_IN_C % 4
    const uint8_t *bytes = (const uint8_t *)x;
    uint32_t first = bytes[0], second = channels > 1 ? bytes[1] : 0;
    if (channels > 2) first += (uint32_t)bytes[2] << 16;
    if (channels > 3) second += (uint32_t)bytes[3] << 16;
    *even = first ^ 0x00800080U;
    *odd = second ^ 0x00800080U;
#else /* words are aligned */
    (void)channels;
    const uint32_t raised = *(const smg_word *)(const void *)x ^ 0x80808080U;
    *even = raised & 0x00ff00ffU;
    *odd = (raised >> 8) & 0x00ff00ffU;
#endif
}

/* count columns of pixels, ``channels`` of four channels each, from byte ``at`` of the rows on. */
SMG_INLINE void smg_columns(const smg_rows *rows, int32_t at, int32_t channels, uint32_t *strip, int32_t count) {
    for (; count > 0; count--, at += SMG_IN_C, strip += SMG_STRIP_WORDS) {
        uint32_t even[SMG_REACH], odd[SMG_REACH];
        SMG_UNROLLED
        for (int32_t i = 0; i < SMG_REACH; i++) {
#if SMG_IN_PITCH
            const int8_t *row = i > 0 && i < SMG_REACH - 1 ? rows->row[1] + (i - 1) * SMG_IN_PITCH : rows->row[i];
#else
            const int8_t *row = rows->row[i];
#endif
            smg_expand(row + at, channels, &even[i], &odd[i]);
        }
        smg_input_line(even, strip);
        smg_input_line(odd, strip + SMG_SIDE);
    }
}

/* Columns of pixels that are all the zero point. */
SMG_COLD void smg_pad_columns(uint32_t *strip, int32_t count, int32_t zero_point) {
    uint32_t d[SMG_REACH];
    for (int32_t i = 0; i < SMG_REACH; i++) d[i] = (uint32_t)(zero_point + 128) * 0x10001U;
    for (; count > 0; count--, strip += SMG_STRIP_WORDS) {
        smg_input_line(d, strip);
        smg_input_line(d, strip + SMG_SIDE);
    }
}

/* Row ``row`` of one tile's two channels, from a strip's words on. */
SMG_INLINE void smg_tile_row(const uint32_t *strip, smg_word *v, int32_t row) {
    uint32_t d[SMG_REACH], t[SMG_SIDE];
    SMG_UNROLLED
    for (int32_t j = 0; j < SMG_REACH; j++) d[j] = strip[SMG_STRIP_WORDS * j + row];
    smg_raise(d, SMG_BOTH_OFFSETS);
    smg_input_line(d, t);
    SMG_UNROLLED
    for (int32_t j = 0; j < SMG_SIDE; j++) v[smg_place(row, j) * SMG_PRODUCT_WORDS] = t[j];
}

/* Tiles first .. end - 1 of a unit, two channels each. */
SMG_INLINE void smg_tiles(const uint32_t *strip, smg_word *v, int32_t first, int32_t end) {
    for (int32_t tile = first; tile < end; tile++, strip += SMG_TILE * SMG_STRIDE * SMG_STRIP_WORDS) {
        smg_word *to = v + tile / SMG_TILES * SMG_BLOCK_WORDS + tile % SMG_TILES * SMG_TILE_WORDS;
        SMG_UNROLLED_ROWS
        for (int32_t i = 0; i < SMG_SIDE; i++) smg_tile_row(strip, to, i);
    }
}
#endif
