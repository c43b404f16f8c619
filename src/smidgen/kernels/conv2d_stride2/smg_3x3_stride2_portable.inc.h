/* SPDX-License-Identifier: Apache-2.0 */
/* What smg_3x3_stride2_m4.inc.h computes, in plain C. */

/* A row or column of five samples, step words apart: d0 - d2, d1, d2, d4 - d2, d3. */
SMG_INLINE void smg_transform_five(const uint32_t *d, int32_t step, uint32_t *to) {
    const uint32_t d2 = d[2 * step];
    const uint32_t values[3] = {d2, d[0], d[4 * step]};
    to[0] = smg_lanes(smg_lane(values[1], 0) - smg_lane(d2, 0), smg_lane(values[1], 1) - smg_lane(d2, 1));
    to[1] = d[step];
    to[2] = d2;
    to[3] = smg_lanes(smg_lane(values[2], 0) - smg_lane(d2, 0), smg_lane(values[2], 1) - smg_lane(d2, 1));
    to[4] = d[3 * step];
}

SMG_INLINE void smg_transform_columns(const int8_t *const rows[5], uint32_t *work, int32_t count) {
    for (int32_t i = 0; i < count; i++, work += 5) {
        uint32_t even[5], odd[5];
        for (int32_t k = 0; k < 5; k++) {
            const uint32_t v = smg_load32(rows[k] + i * SMG_IN_C);
            even[k] = smg_sxtb16(v);
            odd[k] = smg_sxtb16_odd(v);
        }
        smg_transform_five(even, 1, work);
        smg_transform_five(odd, 1, work + SMG_HALF_WORDS);
    }
}

SMG_INLINE void smg_transform_tiles(const uint32_t *work, uint32_t *tiles) {
    static const uint8_t place[5][5] = {
        {0, 1, 16, 4, 5}, {2, 3, 17, 6, 7}, {18, 19, 24, 20, 21}, {8, 9, 22, 12, 13}, {10, 11, 23, 14, 15}};
    for (int32_t t = 0; t < 8; t++) { /* four tiles of two channels, four of the next two */
        const int32_t row = t / SMG_TILES_X, column = t % SMG_TILES_X * 4;
        for (int32_t i = 0; i < 5; i++) {
            uint32_t values[5];
            smg_transform_five(work + (row * SMG_COLUMNS + column) * 5 + i, 5, values);
            for (int32_t j = 0; j < 5; j++) tiles[place[i][j] * SMG_BLOCK_STEPS * 4 + t] = values[j];
        }
    }
}

/* The nine accumulators of one tile and channel, doubled. */
SMG_INLINE void smg_tile_sums(const uint32_t *tile, const int32_t *w, int32_t start, uint32_t sums[9]) {
    static const uint8_t blocks[9] = {4, 4, 4, 4, 2, 2, 2, 2, 1};
    for (int32_t i = 0; i < 9; i++) {
        int32_t sum = i == 8 ? start : 0;
        for (int32_t k = 0; k < blocks[i] * SMG_BLOCK_STEPS; k++, tile += 4, w += 2) {
            sum = smg_smlad(*tile, (uint32_t)*w, sum);
        }
        sums[i] = (uint32_t)sum;
    }
}

/* Two channels of four tiles from their accumulators (9, 4 tiles, 2 channels). */
SMG_INLINE void smg_group_outputs(const int32_t *pair, const uint32_t *sums, int8_t *y, int32_t pitch) {
    for (int32_t i = 0; i < 8; i++) {
        const int32_t t = i / 2, c = i % 2;
        int8_t *to = y + t / SMG_TILES_X * 2 * pitch + t % SMG_TILES_X * 2 * SMG_OUT_C + c;
        const int32_t *k = pair + 4 * c;
        uint32_t a[9];
        for (int32_t s = 0; s < 9; s++) a[s] = sums[8 * s + i];
        to[0] = smg_requantize_fast((int32_t)(a[0] + a[4] + a[5] + a[8]), k[1], k[2], k[3]);
        to[SMG_OUT_C] = smg_requantize_fast((int32_t)(a[1] + a[4] + a[6] + a[8]), k[1], k[2], k[3]);
        to[pitch] = smg_requantize_fast((int32_t)(a[2] + a[5] + a[7] + a[8]), k[1], k[2], k[3]);
        to[pitch + SMG_OUT_C] = smg_requantize_fast((int32_t)(a[3] + a[6] + a[7] + a[8]), k[1], k[2], k[3]);
    }
}

/* The accumulators of two channels of count groups of four tiles. */
SMG_INLINE void smg_group_products(const uint32_t *tiles, const int32_t *pair, uint32_t *sums, int32_t count) {
    for (; count > 0; count--, tiles += SMG_TILE_WORDS, sums += SMG_SUM_WORDS) {
        for (int32_t i = 0; i < 8; i++) {
            uint32_t a[9];
            smg_tile_sums(tiles + i / 2, pair + 8 + i % 2, pair[4 * (i % 2)], a);
            for (int32_t s = 0; s < 9; s++) sums[8 * s + i] = a[s];
        }
    }
}

#if !SMG_GROUPS
SMG_INLINE void smg_tile_pair(const uint32_t *tiles, const int32_t *pair, uint32_t *work, int8_t *y, int32_t pitch) {
    smg_group_products(tiles, pair, work, 1);
    smg_group_outputs(pair, work, y, pitch);
}
#endif
