/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of inputs that lie one behind the other, a block at a time. */
#ifndef SMG_BLOCKED_ALL_INC_H
#define SMG_BLOCKED_ALL_INC_H
#if defined(SMG_NIBBLES)
#include "smg_blocked_nibbles.inc.h"
#elif defined(SMG_PAIRS)
#include "smg_blocked_pairs.inc.h"
#elif defined(SMG_ROW_PAIRS)
#include "smg_blocked_row_pairs.inc.h"
#define SMG_WORD_BYTES (2 * SMG_ROWS * SMG_PADDED) /* of scratch that smg_blocked_rows takes */
#else
#include "smg_blocked_rows.inc.h"
#endif
#if !defined(SMG_WORD_BYTES)
#define SMG_WORD_BYTES 0
#endif

SMG_INLINE void smg_blocked_all(const int8_t *x, const int8_t *w, const int32_t *b, int8_t *y, int32_t rows,
                                int32_t out_c, void *scratch) {
    SMG_ROLLED
    for (int32_t r = 0; r < rows; r += SMG_ROWS) {
        const int32_t first = r > rows - SMG_ROWS ? rows - SMG_ROWS : r;
        smg_blocked_rows(x + first * SMG_INPUTS, w, b, y + first * out_c, out_c, scratch);
    }
}
#endif
