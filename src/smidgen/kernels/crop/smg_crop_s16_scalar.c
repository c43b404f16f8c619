/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_crop.inc.h"

smg_crop_s16_kernel smg_crop_s16_scalar;

/* Any core: in the order of the result, so each byte is written once. */
void smg_crop_s16_scalar(const smg_crop_params *p, const int16_t *x, int16_t *y, void *scratch) {
    (void)scratch;
    smg_crop(p, (const int8_t *)x, (int8_t *)y);
}
