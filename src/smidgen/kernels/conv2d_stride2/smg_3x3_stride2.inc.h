/* SPDX-License-Identifier: Apache-2.0 */
/* 3x3 convolution with stride 2 and 25/36 of the products, for any padding and zero point.
 *
 * Two outputs of one dimension from samples d0 .. d4: y0 = d0 g0 + d1 g1 + d2 g2, y1 = d2 g0 + d3 g1 + d4 g2. The even
 * samples are a filter of two taps, for which Winograd's F(2, 2) needs three products instead of four; with the odd
 * samples' two there are five instead of six, and those that feed the same outputs share an accumulator:
 *   A0 = (d0 - d2) g0 + d1 g1, A1 = d2 (g0 + g2), A2 = (d4 - d2) g2 + d3 g1, y0 = A0 + A1, y1 = A1 + A2.
 * In two dimensions: 25 blocks of products for four outputs, into nine accumulators. All factors are 1 or -1, so sums
 * modulo 2^32 are right where the accumulator fits; weights are doubled int16, |w| <= 2 * 4 * 128.
 *
 * Four tiles of 2x2 outputs at a time: SMG_TILES_X of them (1, 2 or 4) beside each other. Their input is transformed
 * once for all channels; the last tiles of a row or column of tiles overlap those before them. An instance also
 * defines SMG_IN_C (a multiple of 4, at most 160), SMG_OUT_C and what smg_fast_requantize.h needs; who includes this
 * defines SMG_MOST_STEPS, steps in a turn of the loop over products. SMG_GROUPS: so many times four tiles are
 * multiplied for each pair of channels before the next pair (0: four tiles at a time). */
#include "smg_fast_requantize.h"
#include "smg_few_bytes.h"
#include "smg_kernels.h"
#include "smg_memory.h"

smg_conv2d_kernel SMG_FUNCTION;

#define SMG_TILES_Y (4 / SMG_TILES_X)
#define SMG_COLUMNS (4 * SMG_TILES_X + 1)                                /* of input under SMG_TILES_X tiles */
#define SMG_TURNS ((SMG_IN_C / 2 + SMG_MOST_STEPS - 1) / SMG_MOST_STEPS) /* of the loop over a block of products */
#define SMG_TURN_STEPS ((SMG_IN_C / 2 + SMG_TURNS - 1) / SMG_TURNS)      /* two channels each */
#define SMG_BLOCK_STEPS (SMG_TURNS * SMG_TURN_STEPS)
#define SMG_TILE_WORDS (25 * SMG_BLOCK_STEPS * 4)      /* (25, SMG_BLOCK_STEPS, 4 tiles) */
#define SMG_HALF_WORDS (SMG_TILES_Y * SMG_COLUMNS * 5) /* (SMG_TILES_Y, SMG_COLUMNS, 5) */
#define SMG_PAIR_WORDS (8 + 25 * SMG_BLOCK_STEPS * 2)  /* constants of two channels, then their weights */
#define SMG_SUM_WORDS (9 * 8)                          /* (9, 4 tiles, 2 channels) */
#define SMG_AT_ONCE (SMG_GROUPS ? SMG_GROUPS : 1)
#define SMG_SUMS (SMG_AT_ONCE * SMG_SUM_WORDS)
#define SMG_WORK_WORDS (2 * SMG_HALF_WORDS > SMG_SUMS ? 2 * SMG_HALF_WORDS : SMG_SUMS)

/* Order of the 25 blocks, so that accumulators take 4, 4, 4, 4, 2, 2, 2, 2 and 1 of them: A00 A02 A20 A22 A01 A10 A12
 * A21 A11. A row of a tile's transform is d0 - d2, d1, d2, d4 - d2, d3. */

#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)
#include "smg_3x3_stride2_m4.inc.h"
#else
#include "smg_3x3_stride2_portable.inc.h"
#endif

/* A constant that compilers do not see: they would unroll loops that are not hot. */
SMG_INLINE int32_t smg_hidden(int32_t value) {
    __asm__("" : "+r"(value));
    return value;
}

/* Where in the input a group of tiles lies: its first row and column. */
typedef struct {
    int32_t iy, ix;
} smg_corner;

/* The vertical transform of every column of zero points: 0, z, z, 0, z. */
SMG_FEW_BYTES __attribute__((noinline)) static void smg_blank_columns(uint32_t *to, uint32_t zeros, int32_t count) {
    for (; count > 0; count--, to += 5) {
        to[0] = to[3] = to[SMG_HALF_WORDS] = to[SMG_HALF_WORDS + 3] = 0;
        to[1] = to[2] = to[4] = to[SMG_HALF_WORDS + 1] = to[SMG_HALF_WORDS + 2] = to[SMG_HALF_WORDS + 4] = zeros;
    }
}

/* Four channels of a row of tiles, transformed vertically: rows beside the input come from blank. */
SMG_INLINE void smg_tile_row(const smg_conv2d_params *p, const int8_t *x /* (in_h, in_w, in_c), from channel q */,
                             smg_corner at, const int8_t *blank, uint32_t *work) {
    const int32_t before = smg_clamp(-at.ix, 0, SMG_COLUMNS);
    const int32_t inside = smg_clamp(p->in_w - at.ix - before, 0, SMG_COLUMNS - before);
    const int8_t *rows[5];
    if (inside == 0) return;
    for (int32_t k = 0; k < 5; k++) {
        const int32_t iy = at.iy + k;
        rows[k] = iy < 0 || iy >= p->in_h ? blank : x + (iy * p->in_w + at.ix + before) * SMG_IN_C;
    }
    smg_transform_columns(rows, work + before * 5, inside);
}

/* The columns beside the input of all rows of tiles. */
SMG_INLINE void smg_blank_sides(const smg_conv2d_params *p, int32_t ix, uint32_t zeros, uint32_t *work) {
    const int32_t before = smg_clamp(-ix, 0, SMG_COLUMNS);
    const int32_t inside = smg_clamp(p->in_w - ix - before, 0, SMG_COLUMNS - before);
    for (int32_t t = smg_hidden(SMG_TILES_Y); t > 0; t--, work += SMG_COLUMNS * 5) {
        smg_blank_columns(work, zeros, before);
        smg_blank_columns(work + (before + inside) * 5, zeros, SMG_COLUMNS - before - inside);
    }
}

/* Transforms the input of four tiles whose first output is (oy, ox). */
SMG_INLINE void smg_four_tiles(const smg_conv2d_params *p, const int8_t *x /* (in_h, in_w, in_c) */, uint32_t *tiles,
                               uint32_t *work, int32_t oy, int32_t ox) {
    const int8_t *blank = (const int8_t *)(work + SMG_WORK_WORDS);
    const uint32_t zeros = smg_low_halves((uint32_t)-p->in_offset, (uint32_t)-p->in_offset);
    const smg_corner at = {2 * oy - p->pad_t, 2 * ox - p->pad_l};
    smg_blank_sides(p, at.ix, zeros, work);
    const int32_t channels = smg_hidden(SMG_IN_C), rows = smg_hidden(SMG_TILES_Y);
    for (int32_t q = 0; q < channels; q += 4) {
        for (int32_t t = 0; t < rows; t++) {
            const smg_corner row = {at.iy + 4 * t, at.ix};
            smg_tile_row(p, x + q, row, blank, work + t * SMG_COLUMNS * 5);
        }
        smg_transform_tiles(work, tiles + q / 2 * 4);
    }
}

/* Two channels of all tiles that are transformed, count times four, whose outputs begin at y. */
SMG_INLINE void smg_finish_pair(const uint32_t *tiles, const int32_t *pair, uint32_t *work, int8_t *const *y,
                                int32_t at, int32_t count, int32_t pitch) {
#if SMG_GROUPS
    smg_group_products(tiles, pair, work, count);
    for (; count > 0; count--, work += SMG_SUM_WORDS) smg_group_outputs(pair, work, *y++ + at, pitch);
#else
    (void)count;
    smg_tile_pair(tiles, pair, work, *y + at, pitch);
#endif
}

/* All channels of the tiles that are transformed. */
SMG_INLINE void smg_finish_tiles(const uint32_t *tiles, const int32_t *b, uint32_t *work, int8_t *const *y,
                                 int32_t count, int32_t pitch) {
    const int32_t last = smg_hidden(SMG_OUT_C - SMG_OUT_C % 2);
    for (int32_t o = 0; o < last; o += 2, b += SMG_PAIR_WORDS) smg_finish_pair(tiles, b, work, y, o, count, pitch);
    if (SMG_OUT_C % 2) smg_finish_pair(tiles, b, work, y, SMG_OUT_C - 2, count, pitch);
}

/* One image: rows of tiles outside, tiles of a row inside, then pairs of channels. */
SMG_INLINE void smg_image(const smg_conv2d_params *p, const int8_t *x /* (in_h, in_w, in_c) */, const int32_t *b,
                          int8_t *y /* (out_h, out_w, out_c) */, uint32_t *scratch) {
    const int32_t last_y = p->out_h - 2 * SMG_TILES_Y, last_x = p->out_w - 2 * SMG_TILES_X;
    const int32_t pitch = p->out_w * SMG_OUT_C;
    uint32_t *work = scratch + SMG_AT_ONCE * SMG_TILE_WORDS;
    int8_t *to[SMG_AT_ONCE];
    int32_t count = 0;
    for (int32_t row = 0; row < p->out_h; row += 2 * SMG_TILES_Y) {
        const int32_t oy = row < last_y ? row : last_y;
        for (int32_t column = 0; column < p->out_w; column += 2 * SMG_TILES_X) {
            const int32_t ox = column < last_x ? column : last_x;
            smg_four_tiles(p, x, scratch + count * SMG_TILE_WORDS, work, oy, ox);
            to[count++] = y + oy * pitch + ox * SMG_OUT_C;
            if (count == SMG_AT_ONCE || (row >= last_y && column >= last_x)) {
                smg_finish_tiles(scratch, b, work, to, count, pitch);
                count = 0;
            }
        }
    }
}

/* All images. scratch: transformed tiles, a work area, a row of zero points. b (pairs): constants, then weights as
 * packed by kernels/conv2d_stride2. */
void SMG_FUNCTION(const smg_conv2d_params *p, const int8_t *x /* (batch, in_h, in_w, in_c) */, const int8_t *w,
                  const int32_t *b, int8_t *y /* (batch, out_h, out_w, out_c) */, void *scratch) {
    (void)w;
    smg_fill((int8_t *)((uint32_t *)scratch + SMG_AT_ONCE * SMG_TILE_WORDS + SMG_WORK_WORDS), (int8_t)-p->in_offset,
             SMG_COLUMNS * SMG_IN_C);
    for (int32_t n = 0; n < p->batch; n++) {
        smg_image(p, x, b, y, scratch);
        x += p->in_h * p->in_w * SMG_IN_C;
        y += p->out_h * p->out_w * SMG_OUT_C;
    }
}
