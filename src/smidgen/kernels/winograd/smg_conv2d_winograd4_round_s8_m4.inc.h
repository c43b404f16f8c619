/* SPDX-License-Identifier: Apache-2.0 */
#define SMG_TILE 4
#include "smg_winograd_conv.inc.h"

smg_conv2d_kernel SMG_FUNCTION;

/* Weights transformed at compile time. */
void SMG_FUNCTION(const smg_conv2d_params *p, const int8_t *x, const int8_t *w, const int32_t *b, int8_t *y,
                  void *scratch) {
    smg_winograd(p, x, (const uint32_t *)(const void *)w, (const smg_winograd_channel *)(const void *)b, y, scratch);
}
