/* SPDX-License-Identifier: Apache-2.0 */
/* Fully connected layers: rows are pixels of a convolution with windows of one pixel. */
#include "smg_kernels.h"
#include "smg_mve_products.inc.h"
#include "smg_requantize.h"
#include <arm_mve.h>

smg_fully_connected_kernel SMG_FUNCTION;

/* b: see streams.py. scratch: the input with rows rounded up to whole vectors, unless they are that (SMG_DIRECT). */
void SMG_FUNCTION(const smg_fully_connected_params *p, const int8_t *x /* (rows, in_c) */, const int8_t *w,
                  const int32_t *b, int8_t *y /* (rows, out_c) */, void *scratch) {
    int32_t rows = p->rows;
    (void)w;
#if SMG_DIRECT
    (void)scratch;
#else
    int8_t *to = scratch;
    for (int32_t r = 0; r < rows; r++, to += SMG_WINDOW_STEP, x += SMG_IN_C) {
        for (int32_t c = 0; c < SMG_IN_C; c += 16) {
            vstrbq_s8(to + c, vldrbq_z_s8(x + c, vctp8q((uint32_t)(SMG_IN_C - c))));
        }
    }
    x = scratch;
#endif
#if SMG_PAIRS
    smg_mve_pixels(x, b, y, rows);
#else
    for (; rows > 0; rows--, x += SMG_WINDOW_STEP, y += SMG_OUT_C) smg_mve_pixel(x, b, y);
#endif
}
