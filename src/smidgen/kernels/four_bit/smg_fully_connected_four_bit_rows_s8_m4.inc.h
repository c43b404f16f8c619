/* SPDX-License-Identifier: Apache-2.0 */
#define SMG_STRIP_PIXELS 16
#define SMG_STRIP_BYTES 8192
#include "smg_four_bit_block.inc.h"

smg_fully_connected_kernel SMG_FUNCTION;

/* Rows as the pixels of a 1x1 convolution. */
SMG_FEW_BYTES void SMG_FUNCTION(const smg_fully_connected_params *p, const int8_t *x, const int8_t *w, const int32_t *b,
                                int8_t *y, void *scratch) {
    const smg_conv2d_params rows = {
        .batch = 1,
        .in_h = 1,
        .in_w = p->rows,
        .in_c = p->in_c,
        .out_h = 1,
        .out_w = p->rows,
        .out_c = p->out_c,
        .k_h = 1,
        .k_w = 1,
        .stride_h = 1,
        .stride_w = 1,
        .dilation_h = 1,
        .dilation_w = 1,
        .pad_t = 0,
        .pad_l = 0,
        .groups = 1,
        .in_offset = p->in_offset,
        .out_offset = p->out_offset,
        .act_min = p->act_min,
        .act_max = p->act_max,
        .mult = 0,
        .shift = 0,
    };
    (void)w;
    smg_four_bit_conv2d(&rows, x, b, y, scratch);
}
