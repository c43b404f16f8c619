/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_pointwise_four_bit.inc.h"

smg_conv2d_kernel SMG_FUNCTION;

/* 1x1, stride 1; a block of pixels at a time, whose activation words take at most 2 KB. */
void SMG_FUNCTION(const smg_conv2d_params *p, const int8_t *x, const int8_t *w, const int32_t *b, int8_t *y,
                  void *scratch) {
    (void)w;
    smg_pointwise_four_bit(p, x, b, y, scratch);
}
