/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_four_bit_output_s8.h"

#include "smg_four_bit_conv2d.inc.h"

smg_conv2d_kernel SMG_FUNCTION;

/* Any shape, any core. */
void SMG_FUNCTION(const smg_conv2d_params *p, const int8_t *x, const int8_t *w, const int32_t *b, int8_t *y,
                  void *scratch) {
    four_bit_conv2d(p, x, w, b, y, scratch);
}
