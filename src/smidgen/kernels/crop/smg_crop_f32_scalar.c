/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_crop.inc.h"

smg_crop_f32_kernel smg_crop_f32_scalar;

/* Any core: in the order of the result, so each byte is written once. */
void smg_crop_f32_scalar(const smg_crop_params *p, const float *x, float *y, void *scratch) {
    (void)scratch;
    smg_crop(p, (const int8_t *)x, (int8_t *)y);
}
