/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise 3x3, stride 1. Four channels at a time their rows become column words in scratch, a strip of SMG_PAIRS pairs
 * of output rows at once, and each channel of the strip is computed with its weights in registers. A strip holds every
 * row that is still needed, so y may be x. */
#define SMG_ROW_BYTES ((SMG_OUT_W + 2) * 4)
#define SMG_PLANE_BYTES ((SMG_PAIRS + 1) * SMG_ROW_BYTES)
#include "smg_depthwise_3x3s1_strip.inc.h"

smg_depthwise_kernel SMG_FUNCTION;

/* The padding columns of all rows of words: they stay as they are. */
static void smg_depthwise_margins(const smg_depthwise_params *p, char *planes) {
    const uint32_t pads = ((uint32_t)-p->in_offset & 0xffffU) * 0x00010001U;
    const int32_t right = SMG_OUT_W + 2 - p->pad_l - SMG_IN_W;
    for (int32_t k = 0; k <= SMG_PAIRS; k++, planes += SMG_ROW_BYTES) {
        smg_depthwise_fill(planes, pads, p->pad_l);
        smg_depthwise_fill(planes + 4 * (p->pad_l + SMG_IN_W), pads, right);
    }
}

/* The last row of words of a strip is the first of the next. */
static void smg_depthwise_carry(char *planes) {
    for (int32_t c = 0; c < SMG_GROUP; c++, planes += SMG_PLANE_BYTES) {
        uint32_t *to = (uint32_t *)(void *)planes;
        const uint32_t *from = to + SMG_PAIRS * (SMG_ROW_BYTES / 4);
        for (int32_t i = 0; i < SMG_OUT_W + 2; i++) to[i] = from[i];
    }
}

/* Channels first .. SMG_GROUP - 1 of the group at x (in_h, in_w, SMG_CHANNELS); y: the group's outputs. */
static void smg_depthwise_group(const smg_depthwise_params *p, const int8_t *x, const int32_t *packed, int8_t *y,
                                char *planes, int32_t first) {
    char *inside = planes + 4 * p->pad_l;
    smg_depthwise_rows(p, inside, x, -p->pad_t, 1);
    for (int32_t row = 0; row < p->out_h; row += 2 * SMG_PAIRS) {
        const int32_t left = p->out_h - row, rows = left < 2 * SMG_PAIRS ? left : 2 * SMG_PAIRS;
        smg_depthwise_rows(p, inside + SMG_ROW_BYTES, x, row + 2 - p->pad_t, (rows + 1) >> 1);
        smg_depthwise_strip(planes + first * SMG_PLANE_BYTES, y + row * SMG_OUT_ROW_BYTES + first,
                            packed + first * SMG_PACKED_WORDS, rows, SMG_GROUP - first);
        if (left > 2 * SMG_PAIRS) smg_depthwise_carry(planes);
    }
}

/* x (batch, in_h, SMG_IN_W, SMG_CHANNELS), packed (channels, SMG_PACKED_WORDS). The last channels, less than four, go
 * first, with those before them, whose bytes are then still inputs. */
void SMG_FUNCTION(const smg_depthwise_params *p, const int8_t *x, const int8_t *w, const int32_t *packed, int8_t *y,
                  void *scratch) {
    (void)w;
    char *planes = scratch;
    smg_depthwise_margins(p, planes);
    for (int32_t n = 0; n < p->batch; n++) {
        int32_t end = SMG_CHANNELS;
        for (int32_t c = SMG_CHANNELS - SMG_GROUP, first = SMG_GROUP - (SMG_CHANNELS % SMG_GROUP); end > 0;
             c = end - SMG_GROUP, first = 0) {
            if (first == SMG_GROUP) first = 0;
            smg_depthwise_group(p, x + c, packed + c * SMG_PACKED_WORDS, y + c, planes, first);
            end -= SMG_GROUP - first;
        }
        x += p->in_h * SMG_IN_ROW_BYTES;
        y += p->out_h * SMG_OUT_ROW_BYTES;
    }
}
