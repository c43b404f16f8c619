/* SPDX-License-Identifier: Apache-2.0 */
/* Transposes of elements of the type SMG_ELEMENT, which the file that includes this defines. */
#include "smg_kernels.h"
#include "smg_requantize.h"

/* d, s: (6) sizes of the output's dimensions and the input's strides along them; y is written in memory order. */
SMG_INLINE void transpose(const int32_t *d, const int32_t *s, const SMG_ELEMENT *x, SMG_ELEMENT *y) {
    for (int32_t i0 = 0; i0 < d[0]; i0++) {
        for (int32_t i1 = 0; i1 < d[1]; i1++) {
            for (int32_t i2 = 0; i2 < d[2]; i2++) {
                for (int32_t i3 = 0; i3 < d[3]; i3++) {
                    for (int32_t i4 = 0; i4 < d[4]; i4++) {
                        const SMG_ELEMENT *row = x + i0 * s[0] + i1 * s[1] + i2 * s[2] + i3 * s[3] + i4 * s[4];
                        for (int32_t i5 = 0; i5 < d[5]; i5++) *y++ = row[i5 * s[5]];
                    }
                }
            }
        }
    }
}
