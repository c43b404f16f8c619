/* SPDX-License-Identifier: Apache-2.0 */
/* 3x3 convolution by an integer transform, exact modulo 2^32, with nothing but 32-bit multiplication.
 *
 * A unit is SMG_BAND rows of tiles. Of each unit V is made once; then, for SMG_CHANNELS output channels at a time, each
 * block of SMG_TILES tiles is multiplied and finished. So a unit reads all of its input before it writes. scratch: V;
 * then strip, and where it was the sums M; a row of zero points. geometry.py counts the same bytes. */
#ifndef SMG_PORTABLE_CONV_INC_H
#define SMG_PORTABLE_CONV_INC_H
#include "smg_portable_input.inc.h"
#include "smg_portable_output.inc.h"
#include "smg_portable_products.inc.h"

/* A unit: its first row of tiles, tiles across and rows down, and the parts of scratch. */
typedef struct {
    const smg_conv2d_params *p;
    int32_t row, across, down;
    smg_word *v;
    uint32_t *strip;
    int8_t *zeros;
} smg_unit;

/* V of one row of tiles, of which ``first`` precede it in the unit. */
SMG_COLD void smg_transform_row(const smg_unit *unit, const int8_t *x, int32_t row, int32_t first) {
    const smg_conv2d_params *p = unit->p;
    const int32_t total = SMG_TILE * SMG_STRIDE * (unit->across - 1) + SMG_REACH;
    const int32_t inside = smg_least(total - p->pad_l, p->in_w), end = first + unit->across;
    uint32_t *strip = unit->strip, *image = strip + p->pad_l * SMG_STRIP_WORDS;
    smg_word *v = unit->v;
    smg_rows rows;
    for (int32_t i = 0; i < SMG_REACH; i++) {
        const int32_t iy = SMG_TILE * SMG_STRIDE * row - p->pad_t + i;
        rows.row[i] = iy < 0 || iy >= p->in_h ? unit->zeros : x + iy * p->in_w * SMG_IN_C;
    }
    smg_pad_columns(strip, p->pad_l, -p->in_offset); /* once: columns of padding are the same for all channels */
    smg_pad_columns(image + SMG_STRIP_WORDS * inside, total - p->pad_l - inside, -p->in_offset);
    for (int32_t channel = 0; channel < SMG_IN_C; channel += 4, v += 2) {
        if (SMG_IN_C % 4 && channel + 4 > SMG_IN_C) {
            smg_columns(&rows, channel, SMG_IN_C % 4, image, inside);
        } else {
            smg_columns(&rows, channel, 4, image, inside);
        }
        smg_tiles(strip, v, first, end);
        smg_tiles(strip + SMG_SIDE, v + 1, first, end);
    }
}

#if SMG_EDGES
/* One tile that reaches beyond the output: computed whole, and what lies inside copied. */
SMG_COLD void smg_finish_edge(const uint32_t *m, int8_t *y, const smg_word *constants, int32_t height, int32_t width) {
    int8_t tile[SMG_TILE * SMG_TILE];
    smg_edge_outputs(m, constants, tile, 1);
    for (int32_t i = 0; i < smg_least(height, SMG_TILE); i++) {
        for (int32_t k = 0; k < smg_least(width, SMG_TILE); k++) {
            y[i * SMG_OUT_PITCH + k * SMG_OUT_C] = tile[SMG_TILE * i + k];
        }
    }
}
#endif

/* One tile of all channels of a block. */
SMG_COLD void smg_finish(const smg_unit *unit, const uint32_t *m, int8_t *y, const smg_word *constants,
                         int32_t channels, int32_t row, int32_t column) {
    int8_t *to = y + SMG_TILE * (row * SMG_OUT_PITCH + column * SMG_OUT_C);
#if SMG_EDGES
    const int32_t height = unit->p->out_h - SMG_TILE * row, width = unit->p->out_w - SMG_TILE * column;
    if (height < SMG_TILE || width < SMG_TILE) {
        for (int32_t c = 0; c < channels; c++)
            smg_finish_edge(m + c, to + c, constants + c * SMG_CONSTANT_STEP, height, width);
        return;
    }
#else
    (void)unit;
#endif
    smg_outputs(m, constants, to, channels);
}

/* All outputs of a unit whose V is made. */
SMG_INLINE void smg_multiply(const smg_unit *unit, const smg_word *stream, int8_t *y) {
    for (int32_t o = 0; o < SMG_OUT_C; o += SMG_CHANNELS, stream += SMG_STREAM_WORDS, y += SMG_CHANNELS) {
        const smg_word *v = unit->v;
        int32_t row = unit->row, column = 0;
        for (int32_t left = unit->across * unit->down; left > 0; left -= SMG_TILES, v += SMG_BLOCK_WORDS) {
            smg_products(v, stream + SMG_FIRST_WORDS, unit->strip);
            for (int32_t tile = 0; tile < smg_least(SMG_TILES, left); tile++) {
                smg_finish(unit, unit->strip + SMG_CHANNELS * tile, y, stream, smg_least(SMG_CHANNELS, SMG_OUT_C - o),
                           row, column);
                if (++column == unit->across) column = 0, row++;
            }
        }
    }
}

/* All images. scratch as above; stream: (out_c / SMG_CHANNELS, SMG_STREAM_WORDS). */
SMG_INLINE void smg_convolve(const smg_conv2d_params *p, const int8_t *x, const smg_word *stream, int8_t *y,
                             smg_word *scratch) {
    const int32_t across = (p->out_w + SMG_TILE - 1) / SMG_TILE, rows = (p->out_h + SMG_TILE - 1) / SMG_TILE;
    const int32_t blocks = (smg_least(SMG_BAND, rows) * across + SMG_TILES - 1) / SMG_TILES;
    const int32_t strip = SMG_STRIP_WORDS * (SMG_TILE * SMG_STRIDE * (across - 1) + SMG_REACH);
    const int32_t sums = SMG_ALL_SUMS * SMG_SUM_STEP;
    smg_unit unit = {.p = p, .across = across, .v = scratch, .strip = (uint32_t *)scratch + blocks * SMG_BLOCK_WORDS};
    unit.zeros = (int8_t *)(unit.strip + (strip > sums ? strip : sums));
    smg_fill(unit.zeros, (int8_t)-p->in_offset, p->in_w * SMG_IN_C);
    for (int32_t n = 0; n < p->batch; n++) {
        for (unit.row = 0; unit.row < rows; unit.row += SMG_BAND) {
            unit.down = smg_least(SMG_BAND, rows - unit.row);
            for (int32_t i = 0; i < unit.down; i++) smg_transform_row(&unit, x, unit.row + i, i * across);
            smg_multiply(&unit, stream, y);
        }
        x += p->in_h * p->in_w * SMG_IN_C;
        y += p->out_h * SMG_OUT_PITCH;
    }
}
#endif
