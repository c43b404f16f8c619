/* SPDX-License-Identifier: Apache-2.0 */
#define SMG_STRIP_PIXELS 64
#define SMG_STRIP_BYTES 24576
#include "smg_four_bit_block.inc.h"

smg_conv2d_kernel SMG_FUNCTION;

/* Any shape of one group. */
SMG_FEW_BYTES void SMG_FUNCTION(const smg_conv2d_params *p, const int8_t *x, const int8_t *w, const int32_t *b,
                                int8_t *y, void *scratch) {
    (void)w;
    smg_four_bit_conv2d(p, x, b, y, scratch);
}
