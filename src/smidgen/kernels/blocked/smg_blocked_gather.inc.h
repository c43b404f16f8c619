/* SPDX-License-Identifier: Apache-2.0 */
/* The inputs of an output pixel as one row of bytes, the zero point where the window leaves the image. */
#ifndef SMG_BLOCKED_GATHER_INC_H
#define SMG_BLOCKED_GATHER_INC_H
#include "smg_kernels.h"
#include "smg_requantize.h"
#include "smg_small.h"
#include <stdint.h>

/* Bytes one by one: words need not be aligned. */
SMG_INLINE int8_t *smg_blocked_copy(int8_t *to, const int8_t *from, int32_t count) {
    SMG_ROLLED
    for (; count >= 4; count -= 4, to += 4, from += 4) {
        const int8_t a = from[0], b = from[1], c = from[2], d = from[3];
        to[0] = a;
        to[1] = b;
        to[2] = c;
        to[3] = d;
        __asm__("" ::: "memory"); /* else compilers call memcpy */
    }
    SMG_ROLLED
    for (; count > 0; count--) {
        *to++ = *from++;
        __asm__("" ::: "memory");
    }
    return to;
}

SMG_INLINE int8_t *smg_blocked_fill(int8_t *to, int8_t value, int32_t count) {
    SMG_ROLLED
    for (; count > 0; count--) {
        *to++ = value;
        __asm__("" ::: "memory");
    }
    return to;
}

/* One row of the window that begins at column x0 of a row of the image. */
SMG_INLINE int8_t *smg_blocked_window_row(const smg_conv2d_params *p, const int8_t *x /* (in_w, in_c) */, int32_t x0,
                                          int8_t *to, int8_t zero_point) {
    if (p->dilation_w == 1 && x0 >= 0 && x0 + p->k_w <= p->in_w)
        return smg_blocked_copy(to, x + x0 * p->in_c, p->k_w * p->in_c);
    SMG_ROLLED
    for (int32_t kx = 0; kx < p->k_w; kx++) {
        const int32_t ix = x0 + kx * p->dilation_w;
        to = ix < 0 || ix >= p->in_w ? smg_blocked_fill(to, zero_point, p->in_c)
                                     : smg_blocked_copy(to, x + ix * p->in_c, p->in_c);
    }
    return to;
}

/* The window of output pixel (oy, ox). */
__attribute__((noinline)) static void smg_blocked_window(const smg_conv2d_params *p,
                                                         const int8_t *x /* (in_h, in_w, in_c) */, int32_t oy,
                                                         int32_t ox, int8_t *to /* (k_h, k_w, in_c) */) {
    const int8_t zero_point = (int8_t)-p->in_offset;
    SMG_ROLLED
    for (int32_t ky = 0; ky < p->k_h; ky++) {
        const int32_t iy = oy * p->stride_h - p->pad_t + ky * p->dilation_h;
        to = iy < 0 || iy >= p->in_h ? smg_blocked_fill(to, zero_point, p->k_w * p->in_c)
                                     : smg_blocked_window_row(p, x + iy * p->in_w * p->in_c,
                                                              ox * p->stride_w - p->pad_l, to, zero_point);
    }
}
#endif
