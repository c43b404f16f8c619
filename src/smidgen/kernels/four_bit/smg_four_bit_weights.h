/* SPDX-License-Identifier: Apache-2.0 */
/* Four-bit weights as the plain kernels read them: rows of two's complement nibbles, two a byte, the first one low;
 * each row starts at a byte. An instance defines SMG_GROUP: so many weights of a row share a factor; 0: there is none. */
#ifndef SMG_FOUR_BIT_WEIGHTS_H
#define SMG_FOUR_BIT_WEIGHTS_H
#include "smg_requantize.h"

/* A row of weights, and the factors of its groups. */
typedef struct {
    const int8_t *nibbles, *factors;
} smg_four_bit_row;

SMG_INLINE smg_four_bit_row smg_four_bit_row_at(const int8_t *w /* (rows, (row + 1) / 2), then (rows, groups) */,
                                                int32_t rows, int32_t row_weights, int32_t row) {
    const int32_t row_bytes = (row_weights + 1) / 2;
    const int32_t groups = SMG_GROUP ? (row_weights + SMG_GROUP - 1) / (SMG_GROUP + !SMG_GROUP) : 0;
    const smg_four_bit_row found = {w + row * row_bytes, w + rows * row_bytes + row * groups};
    return found;
}

SMG_INLINE int32_t smg_four_bit_weight(smg_four_bit_row row, int32_t k) {
    const int32_t byte = row.nibbles[k / 2], low = byte & 15;
    const int32_t weight = k % 2 ? byte >> 4 : low - (low & 8) * 2;
    return SMG_GROUP ? weight * row.factors[k / (SMG_GROUP + !SMG_GROUP)] : weight;
}
#endif
