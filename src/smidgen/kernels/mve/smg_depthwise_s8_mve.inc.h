/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise convolution of any filter, stride, padding and dilation, sixteen channels at a time. Products are summed
 * in 16 bits over at most SMG_CHUNK taps of a row of the filter, so few that no sum leaves them (depthwise_any.py).
 * Pixels outside, channels inside; windows that reach beyond the input are copied, with the zero point around. */
#include "smg_kernels.h"
#include "smg_mve_sums.inc.h"

smg_depthwise_kernel SMG_FUNCTION;

#define SMG_BLOCK_WORDS (SMG_K_ROWS * SMG_K_COLUMNS * 4 + 48)

/* Sixteen channels of a tap. */
SMG_INLINE int8x16_t smg_taps(const int8_t *x, int32_t c) {
    if (SMG_CHANNELS % 16 == 0) return vldrbq_s8(x);
    return vldrbq_z_s8(x, vctp8q((uint32_t)(SMG_CHANNELS - c)));
}

SMG_INLINE void smg_widen(int32x4_t *sums, int16x8_t even, int16x8_t odd) {
    sums[0] = vaddq_s32(sums[0], vmovlbq_s16(even));
    sums[1] = vaddq_s32(sums[1], vmovltq_s16(even));
    sums[2] = vaddq_s32(sums[2], vmovlbq_s16(odd));
    sums[3] = vaddq_s32(sums[3], vmovltq_s16(odd));
}

/* All channels of a pixel whose window's rows and columns lie so many bytes apart. */
static __attribute__((noinline)) void smg_pixel(const int8_t *x, int32_t row, int32_t column, const int32_t *b,
                                                int8_t *y) {
    for (int32_t c = 0; c < SMG_CHANNELS; c += 16, b += SMG_BLOCK_WORDS) {
        const int8_t *w = (const int8_t *)b;
        const int32_t *table = b + SMG_K_ROWS * SMG_K_COLUMNS * 4;
        int32x4_t sums[4];
        for (int i = 0; i < 4; i++) sums[i] = vldrwq_s32(table + 4 * i);
#pragma GCC unroll 1
        for (int32_t ky = 0; ky < SMG_K_ROWS; ky++) {
            const int8_t *at = x + ky * row + c;
#pragma GCC unroll 1
            for (int32_t chunk = 0; chunk < SMG_K_COLUMNS / SMG_CHUNK; chunk++) {
                int16x8_t even = vmullbq_int_s8(smg_taps(at, c), vldrbq_s8(w));
                int16x8_t odd = vmulltq_int_s8(smg_taps(at, c), vldrbq_s8(w));
                at += column;
                w += 16;
#pragma GCC unroll 16
                for (int32_t i = 1; i < SMG_CHUNK; i++, at += column, w += 16) {
                    even = vaddq_s16(even, vmullbq_int_s8(smg_taps(at, c), vldrbq_s8(w)));
                    odd = vaddq_s16(odd, vmulltq_int_s8(smg_taps(at, c), vldrbq_s8(w)));
                }
                smg_widen(sums, even, odd);
            }
            if (SMG_K_COLUMNS % SMG_CHUNK != 0) {
                int16x8_t even = vdupq_n_s16(0), odd = even;
#pragma GCC unroll 16
                for (int32_t i = 0; i < SMG_K_COLUMNS % SMG_CHUNK; i++, at += column, w += 16) {
                    even = vaddq_s16(even, vmullbq_int_s8(smg_taps(at, c), vldrbq_s8(w)));
                    odd = vaddq_s16(odd, vmulltq_int_s8(smg_taps(at, c), vldrbq_s8(w)));
                }
                smg_widen(sums, even, odd);
            }
        }
        for (int i = 0; i < 4; i++) {
            sums[i] = smg_scaled(sums[i], vldrwq_s32(table + 16 + 4 * i), vldrwq_s32(table + 32 + 4 * i));
        }
        const int8x16_t out = smg_sixteen(smg_every_second(sums[0], sums[1]), smg_every_second(sums[2], sums[3]));
        if (SMG_CHANNELS % 16 == 0) {
            vstrbq_s8(y + c, out);
        } else {
            vstrbq_p_s8(y + c, out, vctp8q((uint32_t)(SMG_CHANNELS - c)));
        }
    }
}

SMG_INLINE void smg_copy_channels(int8_t *to, const int8_t *from, int8_t zero) {
    for (int32_t c = 0; c < SMG_CHANNELS; c += 16) {
        const mve_pred16_t some = vctp8q((uint32_t)(SMG_CHANNELS - c));
        vstrbq_p_s8(to + c, from ? vldrbq_z_s8(from + c, some) : vdupq_n_s8(zero), some);
    }
}

/* A window (k_h, k_w, c) with what lies beside the input. */
static __attribute__((noinline)) void smg_copy_window(const smg_depthwise_params *p, const int8_t *x, int32_t y0,
                                                      int32_t x0, int8_t *to) {
    for (int32_t ky = 0, iy = y0; ky < p->k_h; ky++, iy += p->dilation_h) {
        for (int32_t kx = 0, ix = x0; kx < p->k_w; kx++, ix += p->dilation_w, to += SMG_CHANNELS) {
            const int inside = iy >= 0 && iy < p->in_h && ix >= 0 && ix < p->in_w;
            smg_copy_channels(to, inside ? x + (iy * p->in_w + ix) * SMG_CHANNELS : 0, (int8_t)-p->in_offset);
        }
    }
}

/* b: of sixteen channels each the weights by tap, then biases, multipliers, shifts. scratch: one window. */
void SMG_FUNCTION(const smg_depthwise_params *p, const int8_t *x /* (batch, in_h, in_w, c) */, const int8_t *w,
                  const int32_t *b, int8_t *y /* (batch, out_h, out_w, c) */, void *scratch) {
    const int32_t high = (p->k_h - 1) * p->dilation_h, wide = (p->k_w - 1) * p->dilation_w;
    const int32_t down = p->dilation_h * p->in_w * SMG_CHANNELS, right = p->dilation_w * SMG_CHANNELS;
    (void)w;
    for (int32_t n = 0; n < p->batch; n++, x += p->in_h * p->in_w * SMG_CHANNELS) {
        for (int32_t oy = 0, iy = -p->pad_t; oy < p->out_h; oy++, iy += p->stride_h) {
            for (int32_t ox = 0, ix = -p->pad_l; ox < p->out_w; ox++, ix += p->stride_w, y += SMG_CHANNELS) {
                if (iy >= 0 && iy + high < p->in_h && ix >= 0 && ix + wide < p->in_w) {
                    smg_pixel(x + (iy * p->in_w + ix) * SMG_CHANNELS, down, SMG_TURNED ? down : right, b, y);
                } else {
                    smg_copy_window(p, x, iy, ix, scratch);
                    smg_pixel(scratch, p->k_w * SMG_CHANNELS, SMG_CHANNELS, b, y);
                }
            }
        }
    }
}
