/* SPDX-License-Identifier: Apache-2.0 */
/* The body of the kernels that take a part of one dimension: bytes, whatever the elements are. */
#ifndef SMG_CROP_INC_H
#define SMG_CROP_INC_H
#include "smg_kernels.h"
#include "smg_memory.h"

/* x (outer, in_bytes), y (outer, out_bytes). In place too: what is written lies at or before what is read. */
SMG_INLINE void smg_crop(const smg_crop_params *p, const int8_t *x, int8_t *y) {
    x += p->start_bytes;
    for (int32_t i = 0; i < p->outer; i++, x += p->in_bytes, y += p->out_bytes) smg_copy(y, x, p->out_bytes);
}
#endif
