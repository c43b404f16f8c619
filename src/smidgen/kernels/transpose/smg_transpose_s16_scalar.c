/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_kernels.h"

smg_transpose_s16_kernel smg_transpose_s16_scalar;

/* Any permutation of up to six dimensions of two-byte elements, any core: outputs in memory order. */
void smg_transpose_s16_scalar(const smg_transpose_params *p, const int16_t *x, int16_t *y, void *scratch) {
    (void)scratch;
    const int32_t *d = p->dims, *s = p->in_strides; /* (6) of each */
    for (int32_t i0 = 0; i0 < d[0]; i0++) {
        for (int32_t i1 = 0; i1 < d[1]; i1++) {
            for (int32_t i2 = 0; i2 < d[2]; i2++) {
                for (int32_t i3 = 0; i3 < d[3]; i3++) {
                    for (int32_t i4 = 0; i4 < d[4]; i4++) {
                        const int16_t *row = x + i0 * s[0] + i1 * s[1] + i2 * s[2] + i3 * s[3] + i4 * s[4];
                        for (int32_t i5 = 0; i5 < d[5]; i5++) *y++ = row[i5 * s[5]];
                    }
                }
            }
        }
    }
}
