/* SPDX-License-Identifier: Apache-2.0 */
/* The input transform on CORE-V, in place of smg_portable_input.inc.h: words of two signed int16, of raw input bytes.
 * Transformed they are at most 100 * 128. First down the columns of pixels, into a strip; then along each tile's rows.
 */
#ifndef SMG_PORTABLE_INPUT_INC_H
#define SMG_PORTABLE_INPUT_INC_H
#include "smg_portable_winograd.inc.h"
#include "smg_xcv_halves.h"

/* Where the rows of pixels of a row of tiles begin, as in smg_portable_input.inc.h. */
typedef struct {
    const int8_t *row[SMG_REACH];
} smg_rows;

/* B' of two channels. */
SMG_INLINE void smg_halves_line(const uint32_t *d, uint32_t *t) {
    const uint32_t odd = smg_sub_halves(d[3], d[1]), even = smg_sub_halves(d[4], d[2]);
    const uint32_t a = smg_sub_halves(d[4], smg_shift_halves(d[2], 2));
    const uint32_t b = smg_sub_halves(d[3], smg_shift_halves(d[1], 2));
    const uint32_t twice = smg_shift_halves(odd, 1);
    t[0] = smg_add_halves(smg_shift_halves(smg_sub_halves(d[0], d[2]), 2), even);
    t[1] = smg_add_halves(a, b);
    t[2] = smg_sub_halves(a, b);
    t[3] = smg_add_halves(even, twice);
    t[4] = smg_sub_halves(even, twice);
    t[5] = smg_sub_halves(smg_sub_halves(d[5], d[3]), smg_shift_halves(odd, 2));
}

/* count columns of pixels, four channels each, from byte ``at`` of the rows on. */
SMG_INLINE void smg_columns(const smg_rows *rows, int32_t at, int32_t channels, uint32_t *strip, int32_t count) {
    (void)channels;
    for (; count > 0; count--, at += SMG_IN_C, strip += SMG_STRIP_WORDS) {
        uint32_t even[SMG_REACH], odd[SMG_REACH], t[SMG_SIDE];
        SMG_UNROLLED
        for (int32_t i = 0; i < SMG_REACH; i++) {
#if SMG_IN_PITCH
            const int8_t *row = i > 0 && i < SMG_REACH - 1 ? rows->row[1] + (i - 1) * SMG_IN_PITCH : rows->row[i];
#else
            const int8_t *row = rows->row[i];
#endif
            const uint32_t four = *(const smg_word *)(const void *)(row + at);
            even[i] = smg_bytes_of_halves(smg_shift_halves(four, 8));
            odd[i] = smg_bytes_of_halves(four);
        }
        smg_halves_line(even, t);
        SMG_UNROLLED
        for (int32_t i = 0; i < SMG_SIDE; i++) strip[i] = t[i];
        smg_halves_line(odd, t);
        SMG_UNROLLED
        for (int32_t i = 0; i < SMG_SIDE; i++) strip[SMG_SIDE + i] = t[i];
    }
}

/* Columns of pixels that are all the zero point. */
SMG_COLD void smg_pad_columns(uint32_t *strip, int32_t count, int32_t zero_point) {
    uint32_t d[SMG_REACH];
    for (int32_t i = 0; i < SMG_REACH; i++) d[i] = (uint32_t)(uint16_t)zero_point * 0x10001U;
    for (; count > 0; count--, strip += SMG_STRIP_WORDS) {
        smg_halves_line(d, strip);
        smg_halves_line(d, strip + SMG_SIDE);
    }
}

/* Row ``row`` of one tile's two channels, from a strip's words on, to v, which moves past it. */
SMG_INLINE smg_word *smg_tile_row(const uint32_t *strip, smg_word *v, int32_t row) {
    uint32_t d[SMG_REACH], t[SMG_SIDE];
    SMG_UNROLLED
    for (int32_t j = 0; j < SMG_REACH; j++) d[j] = strip[SMG_STRIP_WORDS * j + row];
    smg_halves_line(d, t);
    SMG_UNROLLED
    for (int32_t j = 0; j < SMG_SIDE; j++) v = smg_put_word(v, t[j], 4 * SMG_PRODUCT_WORDS);
    return v;
}

/* Tiles first .. end - 1 of a unit, two channels each. */
SMG_INLINE void smg_tiles(const uint32_t *strip, smg_word *v, int32_t first, int32_t end) {
    for (int32_t tile = first; tile < end; tile++, strip += SMG_TILE * SMG_STRIDE * SMG_STRIP_WORDS) {
        smg_word *to = v + tile / SMG_TILES * SMG_BLOCK_WORDS + tile % SMG_TILES * SMG_TILE_WORDS;
        SMG_UNROLLED_ROWS
        for (int32_t i = 0; i < SMG_SIDE; i++) to = smg_tile_row(strip, to, i);
    }
}
#endif
