/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise 3x3, stride 1. Four channels at a time their rows become column words in scratch, a strip of SMG_PAIRS
 * pairs of output rows at once, and each channel of the strip is computed with its weights in registers. A strip holds
 * every row that is still needed, so y may be x. Row k of words holds rows 2k - SMG_PAD_T and 2k + 1 - SMG_PAD_T of x.
 */
#define SMG_ROW_BYTES ((SMG_OUT_W + 2) * 4)
#define SMG_PLANE_BYTES ((SMG_PAIRS + 1) * SMG_ROW_BYTES)
#include "smg_depthwise_3x3s1_strip.inc.h"

smg_depthwise_kernel SMG_FUNCTION;

#define SMG_ONE_STRIP (2 * SMG_PAIRS >= SMG_OUT_H)
#define SMG_LAST_WORDS ((SMG_OUT_H + 1) / 2)                             /* the last row of words */
#define SMG_LAST_IS_PADDING (2 * SMG_LAST_WORDS - SMG_PAD_T >= SMG_IN_H) /* then one strip fills it only once */

/* The padding columns of all rows of words: they stay as they are. */
SMG_SMALL static void smg_depthwise_margins(char *planes, uint32_t pad) {
    for (int32_t k = 0; k <= SMG_PAIRS; k++, planes += SMG_ROW_BYTES) {
        smg_depthwise_fill(planes, pad, SMG_PAD_L);
        smg_depthwise_fill(planes + 4 * (SMG_PAD_L + SMG_IN_W), pad, SMG_OUT_W + 2 - SMG_PAD_L - SMG_IN_W);
    }
    if (SMG_ONE_STRIP && SMG_LAST_IS_PADDING) smg_depthwise_fill(planes - SMG_ROW_BYTES, pad, SMG_OUT_W + 2);
}

/* The last row of words of a strip is the first of the next. */
SMG_INLINE void smg_depthwise_carry(char *planes) {
    for (int32_t c = 0; c < SMG_GROUP; c++, planes += SMG_PLANE_BYTES) {
        smg_copy_words(planes, planes + SMG_PAIRS * SMG_ROW_BYTES, SMG_OUT_W + 2);
    }
}

/* Rows ``first`` .. ``end`` - 1 of words, not all of which lie in x; planes: where row ``first`` goes. */
SMG_INLINE void smg_depthwise_words(char *planes, const int8_t *x, int32_t first, int32_t end, uint32_t pad) {
    const int32_t row = 2 * first - SMG_PAD_T, full = (SMG_IN_H - row) / 2;
    const int32_t count = end - first < full ? end - first : full;
    if (count > 0) smg_depthwise_pairs(planes, x + row * SMG_IN_ROW_BYTES, count);
    if (first + count < end) {
        planes += count * SMG_ROW_BYTES;
        if (row + 2 * count < SMG_IN_H) {
            smg_depthwise_upper(planes, x + (SMG_IN_H - 1) * SMG_IN_ROW_BYTES, pad);
        } else if (!SMG_ONE_STRIP) {
            smg_depthwise_fill(planes, pad, SMG_IN_W);
        }
    }
}

/* Channels first .. SMG_GROUP - 1 of the group at x (SMG_IN_H, SMG_IN_W, SMG_CHANNELS); y: the group's outputs. */
SMG_INLINE void smg_depthwise_group(const int8_t *x, const int32_t *packed, int8_t *y, char *planes, int32_t first,
                                    uint32_t pad) {
    char *inside = planes + 4 * SMG_PAD_L;
    if (SMG_PAD_T) {
        smg_depthwise_lower(inside, x, pad);
    } else {
        smg_depthwise_words(inside, x, 0, 1, pad);
    }
    for (int32_t row = 0; row < SMG_OUT_H; row += 2 * SMG_PAIRS) {
        const int32_t left = SMG_OUT_H - row, rows = left < 2 * SMG_PAIRS ? left : 2 * SMG_PAIRS;
        smg_depthwise_words(inside + SMG_ROW_BYTES, x, row / 2 + 1, (row + rows + 1) / 2 + 1, pad);
        smg_depthwise_strip(planes + first * SMG_PLANE_BYTES, y + row * SMG_OUT_ROW_BYTES + first,
                            packed + first * SMG_PACKED_WORDS, rows, SMG_GROUP - first);
        if (left > 2 * SMG_PAIRS) smg_depthwise_carry(planes);
    }
}

/* x (batch, SMG_IN_H, SMG_IN_W, SMG_CHANNELS), packed (SMG_CHANNELS, SMG_PACKED_WORDS). The last channels, less than
 * four, go first, with those before them, whose bytes are then still inputs. */
void SMG_FUNCTION(const smg_depthwise_params *p, const int8_t *x, const int8_t *w, const int32_t *packed, int8_t *y,
                  void *scratch) {
    (void)w;
    char *planes = scratch;
    const uint32_t pad = ((uint32_t)-p->in_offset & 0xffU) * 0x01010101U;
    smg_depthwise_margins(planes, pad);
    for (int32_t n = 0; n < p->batch; n++) {
        int32_t end = SMG_CHANNELS, first = (SMG_GROUP - SMG_CHANNELS % SMG_GROUP) % SMG_GROUP;
        while (end > 0) {
            const int32_t c = end - SMG_GROUP;
            smg_depthwise_group(x + c, packed + c * SMG_PACKED_WORDS, y + c, planes, first, pad);
            end = c + first;
            first = 0;
        }
        x += SMG_IN_H * SMG_IN_ROW_BYTES;
        y += SMG_OUT_H * SMG_OUT_ROW_BYTES;
    }
}
