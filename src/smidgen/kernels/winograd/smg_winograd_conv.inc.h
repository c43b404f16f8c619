/* SPDX-License-Identifier: Apache-2.0 */
/* 3x3 convolution with stride 1 by integer Winograd F(4x4, 3x3) or F(2x2, 3x3), SMG_TILE 4 or 2, exact modulo 2^32
 * (winograd/transform.py has the matrices). The instance's constants are the shape; SMG_BLOCK tiles are multiplied at a
 * time, SMG_ROUND times that (0: once) by each weight.
 *
 * A unit is SMG_BAND rows of SMG_GROUP tiles (0: all of a row). Of each unit V is made once; then, for two output
 * channels at a time, each round of its tiles is multiplied and finished. So a unit reads all of its input before it
 * writes. scratch: V; then strip, and where it was the sums M; a row of zero points; with SMG_GROUP the row above the
 * next row of tiles and the strip's columns left of the next unit, as they were before they may have been overwritten;
 * with SMG_EDGES one tile of outputs. geometry.py counts the same bytes. */
#ifndef SMG_WINOGRAD_CONV_INC_H
#define SMG_WINOGRAD_CONV_INC_H
#include "smg_winograd.inc.h"
#if SMG_TILE == 4
#include "smg_winograd4_input.inc.h"
#include "smg_winograd4_output.inc.h"
#else
#include "smg_winograd2_input.inc.h"
#include "smg_winograd2_output.inc.h"
#endif
#include "smg_winograd_products.inc.h"

#if SMG_GROUP /* groups are for little memory: less stack, and 0.2 % slower */
#define SMG_PART SMG_COLD
#else
#define SMG_PART SMG_INLINE
#endif

/* A unit: its first tile, tiles across and down, and the parts of scratch. */
typedef struct {
    const smg_conv2d_params *p;
    int32_t row, column, columns, rows, across, down; /* columns and rows of tiles in all; of this unit */
    uint32_t *v, *strip, *left;
    int8_t *zeros, *above, *edge;
} smg_unit;

SMG_INLINE int32_t smg_least(int32_t a, int32_t b) { return a < b ? a : b; }

/* The strip's words of columns of pixels that are all the zero point: B' of a constant is 0 but for its second value.
 */
SMG_COLD void smg_pad_columns(uint32_t *strip, int32_t count, int32_t in_offset) {
    const uint32_t second = SMG_SECOND_OF(-in_offset);
    for (; count > 0; count--, strip += SMG_STRIP_WORDS) {
        for (int32_t i = 0; i < SMG_STRIP_WORDS; i++) strip[i] = i % SMG_SIDE == 1 ? second : 0;
    }
}

/* Where the rows of pixels of tile row ``row`` begin, from the unit's first column on; zeros outside of the image. */
SMG_INLINE smg_rows smg_rows_of(const smg_unit *unit, const int8_t *x, int32_t row) {
    smg_rows rows;
    for (int32_t i = 0; i < SMG_SIDE; i++) {
        const int32_t iy = SMG_TILE * row - unit->p->pad_t + i;
        const int32_t at = SMG_TILE * unit->column * SMG_IN_C;
        rows.row[i] = iy < 0 || iy >= unit->p->in_h ? unit->zeros : x + iy * unit->p->in_w * SMG_IN_C + at;
#if SMG_GROUP
        if (i == 0) rows.row[0] = unit->above + at;
#endif
    }
    return rows;
}

#if SMG_GROUP
SMG_COLD void smg_copy_words(uint32_t *to, const uint32_t *from, int32_t count) {
    smg_copy((int8_t *)to, (const int8_t *)from, 4 * count);
}
#endif

/* Tiles first .. end - 1 of a unit from four channels of a strip; rounds are far from each other. */
SMG_INLINE void smg_tiles_of_row(const uint32_t *strip, uint32_t *v, int32_t first, int32_t end) {
    for (int32_t to; first < end; strip += SMG_TILE * SMG_STRIP_WORDS * (to - first), first = to) {
        const int32_t round = first / SMG_ROUND_TILES, before = first % SMG_ROUND_TILES;
        uint32_t *at = v + round * SMG_ROUND_WORDS + before / SMG_BLOCK * SMG_BLOCK_STEP + first % SMG_BLOCK;
        to = SMG_ROUND ? smg_least(end, (round + 1) * SMG_ROUND_TILES) : end;
        smg_tiles(strip, at, first, to);
        smg_tiles(strip + SMG_SIDE, at + SMG_BLOCK, first, to);
    }
}

/* V of one row of tiles, of which ``first`` precede it in the unit. */
SMG_PART void smg_transform_row(const smg_unit *unit, const int8_t *x, int32_t row, int32_t first) {
    const smg_conv2d_params *p = unit->p;
    const smg_rows rows = smg_rows_of(unit, x, row);
    const int32_t before = p->pad_l * SMG_STRIP_WORDS, total = SMG_TILE * unit->across + 2, end = first + unit->across;
    const int32_t inside = smg_least(total - p->pad_l, p->in_w - SMG_TILE * unit->column);
    uint32_t *v = unit->v, *strip = unit->strip;
    smg_pad_columns(strip, p->pad_l, p->in_offset); /* once: columns of padding are the same for all channels */
    smg_pad_columns(strip + before + SMG_STRIP_WORDS * inside, total - p->pad_l - inside, p->in_offset);
    for (int32_t channel = 0; channel < SMG_IN_C; channel += 4, v += 2 * SMG_BLOCK) {
#if SMG_GROUP
        uint32_t *left = unit->left + channel / 4 * before;
        if (unit->column > 0) smg_copy_words(strip, left, before);
#endif
        smg_columns(&rows, channel, strip + before, inside);
        smg_tiles_of_row(strip, v, first, end);
#if SMG_GROUP
        smg_copy_words(left, strip + SMG_TILE * SMG_STRIP_WORDS * unit->across, before);
#endif
    }
}

#if SMG_EDGES
/* One tile that reaches beyond the output: computed whole, and what lies inside copied. */
SMG_COLD void smg_finish_edge(const smg_unit *unit, uint32_t *m, int8_t *y, const smg_winograd_channel *channel,
                              int32_t row, int32_t column) {
    const int32_t height = smg_least(SMG_TILE, unit->p->out_h - SMG_TILE * row);
    const int32_t width = smg_least(SMG_TILE, unit->p->out_w - SMG_TILE * column);
    smg_edge_outputs(m, unit->edge, channel, 1);
    for (int32_t i = 0; i < height; i++) {
        for (int32_t k = 0; k < width; k++) y[i * SMG_OUT_PITCH + k * SMG_OUT_C] = unit->edge[SMG_TILE * i + k];
    }
}
#endif

/* Neighbouring tiles of one row, of one channel or two; tiles at (row, column) of the image from tile row and column
 * on. Returns how many were finished: all, or as many as lie inside of the output, or one that does not. */
SMG_INLINE int32_t smg_finish(const smg_unit *unit, uint32_t *m, int8_t *y, const smg_winograd_channel *channel,
                              int32_t channels, int32_t row, int32_t column, int32_t tiles) {
    int8_t *to = y + SMG_TILE * (row * SMG_OUT_PITCH + column * SMG_OUT_C);
#if SMG_EDGES
    const int32_t whole = SMG_TILE * (row + 1) <= unit->p->out_h ? unit->p->out_w / SMG_TILE - column : 0;
    if (whole < 1) {
        smg_finish_edge(unit, m, to, channel, row, column);
        if (channels > 1) smg_finish_edge(unit, m + SMG_CHANNEL_STEP, to + 1, channel + 1, row, column);
        return 1;
    }
    tiles = smg_least(tiles, whole);
#else
    (void)unit;
#endif
    smg_outputs(m, to, channel, tiles);
    if (channels > 1) smg_outputs(m + SMG_CHANNEL_STEP, to + 1, channel + 1, tiles);
    return tiles;
}

/* All outputs of a unit whose V is made. */
SMG_PART void smg_multiply(const smg_unit *unit, const uint32_t *u, const smg_winograd_channel *channels, int8_t *y) {
    for (int32_t o = 0; o < SMG_OUT_C; o += 2, u += SMG_POSITIONS * SMG_IN_C, channels += 2, y += 2) {
        const uint32_t *v = unit->v;
        int32_t row = 0, column = 0;
        for (int32_t left = unit->across * unit->down; left > 0; left -= SMG_ROUND_TILES, v += SMG_ROUND_WORDS) {
            uint32_t *m = unit->strip;
            smg_products(v, u, m);
            for (int32_t count = smg_least(SMG_ROUND_TILES, left), done; count > 0; count -= done) {
                done = smg_finish(unit, m, y, channels, smg_least(2, SMG_OUT_C - o), unit->row + row,
                                  unit->column + column, smg_least(count, unit->across - column));
                m += SMG_TILE_STEP * done;
                column += done;
                if (column == unit->across) column = 0, row++;
            }
        }
    }
}

#if SMG_GROUP
/* Keeps the row of pixels above the next row of tiles, under this unit's outputs. */
SMG_INLINE void smg_keep_above(const smg_unit *unit, const int8_t *x) {
    const int32_t iy = SMG_TILE * (unit->row + 1) - unit->p->pad_t, at = SMG_TILE * unit->column * SMG_IN_C;
    if (iy >= unit->p->in_h) return;
    smg_copy(unit->above + at, x + iy * unit->p->in_w * SMG_IN_C + at,
             smg_least(SMG_TILE * unit->across, unit->p->in_w - SMG_TILE * unit->column) * SMG_IN_C);
}
#endif

/* count bytes of the input's zero point. */
SMG_COLD void smg_fill_zeros(const smg_unit *unit, int8_t *to, int32_t count) {
    smg_fill(to, (int8_t)-unit->p->in_offset, count);
}

/* One image. */
SMG_INLINE void smg_winograd_image(smg_unit *unit, const int8_t *x /* (in_h, in_w, in_c) */, const uint32_t *u,
                                   const smg_winograd_channel *channels, int8_t *y /* (out_h, out_w, out_c) */) {
#if SMG_GROUP
    smg_fill_zeros(unit, unit->above, unit->p->in_w * SMG_IN_C);
#endif
    for (unit->row = 0; unit->row < unit->rows; unit->row += SMG_BAND) {
        unit->down = smg_least(SMG_BAND, unit->rows - unit->row);
        for (unit->column = 0; unit->column < unit->columns; unit->column += unit->across) {
            unit->across = SMG_GROUP ? smg_least(SMG_GROUP, unit->columns - unit->column) : unit->columns;
            for (int32_t i = 0; i < unit->down; i++) smg_transform_row(unit, x, unit->row + i, i * unit->across);
#if SMG_GROUP
            smg_keep_above(unit, x);
#endif
            smg_multiply(unit, u, channels, y);
        }
    }
}

/* All images. scratch as above; u: (out_c / 2, positions, in_c / 2, 2) words, out_c rounded up to even. */
SMG_INLINE void smg_winograd(const smg_conv2d_params *p, const int8_t *x, const uint32_t *u,
                             const smg_winograd_channel *channels, int8_t *y, uint32_t *scratch) {
    const int32_t columns = (p->out_w + SMG_TILE - 1) / SMG_TILE,
                  group = SMG_GROUP ? smg_least(SMG_GROUP, columns) : columns;
    const int32_t rounds = (SMG_BAND * group + SMG_ROUND_TILES - 1) / SMG_ROUND_TILES,
                  strip = SMG_STRIP_WORDS * (SMG_TILE * group + 2);
    const int32_t sums = 2 * SMG_ROUND_TILES * SMG_POSITIONS;
    smg_unit unit = {
        .p = p, .columns = columns, .rows = (p->out_h + SMG_TILE - 1) / SMG_TILE, .across = group, .v = scratch};
    const int32_t zeros = smg_least(p->in_w, SMG_TILE * group + 2 - p->pad_l) * SMG_IN_C;
    unit.strip = scratch + rounds * SMG_ROUND_WORDS;
    unit.zeros = (int8_t *)(unit.strip + (strip > sums ? strip : sums));
    unit.above = unit.zeros + zeros;
    unit.left = (uint32_t *)(void *)(unit.above + (SMG_GROUP ? p->in_w * SMG_IN_C : 0));
    unit.edge = (int8_t *)(unit.left + (SMG_GROUP ? SMG_IN_C / 4 * p->pad_l * SMG_STRIP_WORDS : 0));
    smg_fill_zeros(&unit, unit.zeros, zeros);
    for (int32_t n = 0; n < p->batch; n++) {
        smg_winograd_image(&unit, x, u, channels, y);
        x += p->in_h * p->in_w * SMG_IN_C;
        y += p->out_h * SMG_OUT_PITCH;
    }
}
#endif
