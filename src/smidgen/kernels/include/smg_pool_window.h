/* SPDX-License-Identifier: Apache-2.0 */
/* The part of a pooling window that lies inside the input, and what an average divides by. */
#ifndef SMG_POOL_WINDOW_H
#define SMG_POOL_WINDOW_H
#include "smg_kernels.h"
#include "smg_requantize.h"

/* Input positions first <= i < end that output position o covers along one dimension. */
typedef struct {
    int32_t first, end;
} smg_span;

SMG_INLINE smg_span smg_pool_span(int32_t o, int32_t stride, int32_t pad, int32_t kernel, int32_t size) {
    const int32_t start = o * stride - pad;
    const smg_span span = {start > 0 ? start : 0, start + kernel < size ? start + kernel : size};
    return span;
}

/* The index of the multiplier for a window with this many elements inside the input. */
SMG_INLINE int32_t smg_pool_divisor(const smg_avgpoolrne_params *p, int32_t count) {
    int32_t i = 0;
    while (i < p->divisors - 1 && count < p->divisor[i]) i++;
    return i;
}
#endif
