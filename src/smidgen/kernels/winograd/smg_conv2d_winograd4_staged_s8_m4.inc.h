/* SPDX-License-Identifier: Apache-2.0 */
#define SMG_TILE 4
#include "smg_winograd_conv.inc.h"
#include "smg_winograd_weights.inc.h"

smg_conv2d_kernel SMG_FUNCTION;

/* int8 weights, transformed into the start of scratch: less flash, and none of it in the loops. */
void SMG_FUNCTION(const smg_conv2d_params *p, const int8_t *x, const int8_t *w, const int32_t *b, int8_t *y,
                  void *scratch) {
    uint32_t *u = scratch;
    smg_transform_weights(w, u);
    smg_winograd(p, x, u, (const smg_winograd_channel *)(const void *)b, y,
                 u + (SMG_OUT_C + SMG_OUT_C % 2) / 2 * SMG_POSITIONS * SMG_IN_C);
}
