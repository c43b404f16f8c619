/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_kernels.h"
#include "smg_memory.h"

smg_pad_s16_kernel smg_pad_s16_scalar;

/* True if position o of the padded dimension d lies in the input. */
SMG_INLINE int inside(const smg_pad_params *p, int32_t d, int32_t o) {
    return o >= p->before[d] && o < p->before[d] + p->in_dims[d];
}

/* count elements of one value; the empty asm keeps compilers from calling a library. */
SMG_INLINE int16_t *fill(int16_t *to, int32_t value, int32_t count) {
    for (; count > 0; count--) {
        *to++ = (int16_t)value;
        __asm__("" ::: "memory");
    }
    return to;
}

/* Any shape, any core: output rows along the last dimension, each padding or padding, input, padding. */
void smg_pad_s16_scalar(const smg_pad_params *p, const int16_t *x /* in_dims */, int16_t *y /* out_dims */,
                        void *scratch) {
    (void)scratch;
    const int32_t row = p->in_dims[3], out_row = p->out_dims[3], after = out_row - p->before[3] - row;
    for (int32_t i = 0; i < p->out_dims[0]; i++) {
        for (int32_t j = 0; j < p->out_dims[1]; j++) {
            for (int32_t k = 0; k < p->out_dims[2]; k++) {
                if (!inside(p, 0, i) || !inside(p, 1, j) || !inside(p, 2, k)) {
                    y = fill(y, p->value, out_row);
                    continue;
                }
                y = fill(y, p->value, p->before[3]);
                smg_copy((int8_t *)y, (const int8_t *)x, 2 * row);
                y = fill(y + row, p->value, after);
                x += row; /* output order visits the input's rows in their order */
            }
        }
    }
}
