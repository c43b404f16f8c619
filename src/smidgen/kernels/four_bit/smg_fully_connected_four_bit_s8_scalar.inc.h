/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_four_bit_output_s8.h"

#include "smg_four_bit_rows.inc.h"

smg_fully_connected_kernel SMG_FUNCTION;

/* Any shape, any core. */
void SMG_FUNCTION(const smg_fully_connected_params *p, const int8_t *x, const int8_t *w, const int32_t *b, int8_t *y,
                  void *scratch) {
    four_bit_rows(p, x, w, b, y, scratch);
}
