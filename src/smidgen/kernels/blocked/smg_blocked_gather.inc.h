/* SPDX-License-Identifier: Apache-2.0 */
/* The inputs of an output pixel as one row of bytes, the zero point where the window leaves the image. An instance
 * fixes SMG_K_H, SMG_K_W and SMG_IN_C. Bytes are copied one by one: words need not be aligned. */
#ifndef SMG_BLOCKED_GATHER_INC_H
#define SMG_BLOCKED_GATHER_INC_H
#include "smg_kernels.h"
#include "smg_small.h"
#include "smg_whole.h"
#include <stdint.h>

#define SMG_ROW_BYTES (SMG_K_W * SMG_IN_C)
#if SMG_ROW_BYTES <= 32
#define SMG_COPIES SMG_WHOLE
#else
#define SMG_COPIES SMG_ROLLED
#endif

/* count is a constant. The empty asm keeps compilers from calling memcpy. */
SMG_INLINE int8_t *smg_blocked_copy(int8_t *to, const int8_t *from, int32_t count) {
    SMG_COPIES
    for (int32_t i = 0; i + 4 <= count; i += 4) {
        const int8_t a = from[i], b = from[i + 1], c = from[i + 2], d = from[i + 3];
        to[i] = a;
        to[i + 1] = b;
        to[i + 2] = c;
        to[i + 3] = d;
        __asm__("" ::: "memory");
    }
    SMG_WHOLE
    for (int32_t i = count & ~3; i < count; i++) to[i] = from[i];
    return to + count;
}

SMG_INLINE int8_t *smg_blocked_fill(int8_t *to, int8_t value, int32_t count) {
    SMG_ROLLED
    for (; count > 0; count--) {
        *to++ = value;
        __asm__("" ::: "memory");
    }
    return to;
}

/* One row of a window that is not inside the image from its first to its last byte. */
__attribute__((noinline)) static void smg_blocked_edge(const smg_conv2d_params *p, const int8_t *x /* (in_w, in_c) */,
                                                       int32_t x0, int8_t *to) {
    SMG_ROLLED
    for (int32_t kx = 0; kx < SMG_K_W; kx++, x0 += p->dilation_w) {
        to = x0 < 0 || x0 >= p->in_w ? smg_blocked_fill(to, (int8_t)-p->in_offset, SMG_IN_C)
                                     : smg_blocked_copy(to, x + x0 * SMG_IN_C, SMG_IN_C);
    }
}

/* The window of output pixel (oy, ox). */
__attribute__((noinline)) static void smg_blocked_window(const smg_conv2d_params *p,
                                                         const int8_t *image /* (in_h, in_w, in_c) */, int32_t oy,
                                                         int32_t ox, int8_t *to /* (k_h, k_w, in_c) */) {
    const int32_t x0 = ox * p->stride_w - p->pad_l;
    const int32_t inside = p->dilation_w == 1 && x0 >= 0 && x0 + SMG_K_W <= p->in_w;
    int32_t iy = oy * p->stride_h - p->pad_t;
    SMG_ROLLED
    for (int32_t ky = 0; ky < SMG_K_H; ky++, iy += p->dilation_h, to += SMG_ROW_BYTES) {
        const int8_t *row = image + iy * p->in_w * SMG_IN_C;
        if (iy < 0 || iy >= p->in_h) {
            smg_blocked_fill(to, (int8_t)-p->in_offset, SMG_ROW_BYTES);
        } else if (inside) {
            smg_blocked_copy(to, row + x0 * SMG_IN_C, SMG_ROW_BYTES);
        } else {
            smg_blocked_edge(p, row, x0, to);
        }
    }
}

/* The last rows become the first. */
SMG_INLINE void smg_blocked_keep(int8_t *rows, int32_t count) {
    const int32_t bytes = count * SMG_INPUTS;
    const int8_t *const last = rows + SMG_ROWS * SMG_INPUTS - bytes;
    SMG_ROLLED
    for (int32_t i = 0; i < bytes; i++) {
        rows[i] = last[i];
        __asm__("" ::: "memory");
    }
}

/* An output pixel and its image. */
typedef struct {
    const int8_t *image;
    int32_t oy, ox;
} smg_pixel;

SMG_INLINE smg_pixel smg_next_pixel(const smg_conv2d_params *p, smg_pixel at) {
    if (++at.ox < p->out_w) return at;
    at.ox = 0;
    if (++at.oy < p->out_h) return at;
    at.oy = 0;
    at.image += p->in_h * p->in_w * SMG_IN_C;
    return at;
}
#endif
