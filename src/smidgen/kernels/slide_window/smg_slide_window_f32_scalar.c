/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_slide_window.inc.h"

smg_slide_window_f32_kernel smg_slide_window_f32_scalar;

/* Any core: the frames that stay move to the front, the new one comes behind them. */
void smg_slide_window_f32_scalar(const smg_slide_window_params *p, const float *window, const float *x, float *y,
                                 void *scratch) {
    (void)scratch;
    smg_slide(p, (const int8_t *)window, (const int8_t *)x, (int8_t *)y);
}
