/* SPDX-License-Identifier: Apache-2.0 */
/* A direct convolution with its channels and window fixed by SMG_IN_C, SMG_OUT_C, SMG_K_H, SMG_K_W, SMG_STRIDE_W,
 * SMG_NARROW, SMG_WIDE and what smg_fast_requantize.h needs. */
#include "smg_kernels.h"
#include "smg_strip.h"

#define SMG_COLUMN_WORDS (SMG_K_H * SMG_PIXEL_WORDS)
#define SMG_STEPS (SMG_K_W * SMG_COLUMN_WORDS)
#define SMG_PIXEL_BYTES (4 * SMG_STRIDE_W * SMG_COLUMN_WORDS)
#include "smg_pixel_block.h"

SMG_INLINE void smg_strip_row(const smg_conv2d_params *p, uint32_t *to, int32_t column, const int8_t *from,
                              int32_t count) {
    (void)p;
    smg_expand_pixels(to, column, from, SMG_IN_C, count);
}

SMG_INLINE void smg_strip_outputs(const smg_conv2d_params *p, const uint32_t *strip, const int32_t *b, int8_t *y,
                                  int32_t pixels) {
    (void)p;
    smg_pixel_row_all(strip, b, y, pixels);
}
#include "smg_conv2d_direct_m4.inc.h"
