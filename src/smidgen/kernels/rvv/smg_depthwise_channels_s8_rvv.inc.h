/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise convolution with channels as lanes, a band of output rows at a time from a padded int16 copy of its input.
 *
 * A segment is what follows each other in memory, inputs and outputs alike: with stride 1 a row of pixels, else the
 * channels of one pixel. Two segments are done together, each vector of weights serving both: two rows one below the
 * other, or two pixels in a row. Weights and records repeat every `period` lanes.
 *
 * w (k_h * k_w, period). b: { rows of a band, period, taps, 0 }, where the taps begin in the copy, in bytes (taps),
 * then columns of bias, left shift, multiplier, right shift, each (period). */
#include "smg_kernels.h"
#include "smg_rvv.h"
#include "smg_small.h"

#define SMG_HEAD 4

typedef struct {
    const int32_t *starts, *columns;
    const int8_t *w;
    int32_t taps, period, x_step, y_step; /* steps: elements, bytes between segments */
    smg_rvv_range range;
} smg_segments;

SMG_INLINE int32_t smg_least(int32_t a, int32_t b) { return a < b ? a : b; }

SMG_INLINE int16_t *smg_fill16(int16_t *to, int32_t count, int32_t value) {
    for (size_t vl; count > 0; count -= (int32_t)vl, to += vl) {
        vl = __riscv_vsetvl_e16m8((size_t)count);
        __riscv_vse16_v_i16m8(to, __riscv_vmv_v_x_i16m8((int16_t)value, vl), vl);
    }
    return to;
}

SMG_INLINE int16_t *smg_expand16(int16_t *to, const int8_t *from, int32_t count) {
    for (size_t vl; count > 0; count -= (int32_t)vl, to += vl, from += vl) {
        vl = __riscv_vsetvl_e16m8((size_t)count);
        __riscv_vse16_v_i16m8(to, __riscv_vsext_vf2_i16m8(__riscv_vle8_v_i8m4(from, vl), vl), vl);
    }
    return to;
}

/* vl lanes of `count` segments; at: the first one's place within the period. */
SMG_INLINE void smg_segments_block(int32_t count, const smg_segments *s, const int16_t *x, int32_t at, int8_t *y,
                                   size_t vl) {
    vint32m8_t a0 = __riscv_vle32_v_i32m8(s->columns + at, vl), a1 = a0;
    const int8_t *w = s->w + at;
    SMG_ROLLED
    for (int32_t t = 0; t < s->taps; t++, w += s->period) {
        const int16_t *from = (const int16_t *)((const int8_t *)x + s->starts[t]);
        const vint16m4_t v = __riscv_vsext_vf2_i16m4(__riscv_vle8_v_i8m2(w, vl), vl);
        a0 = __riscv_vwmacc_vv_i32m8(a0, v, __riscv_vle16_v_i16m4(from, vl), vl);
        if (count > 1) {
            a1 = __riscv_vwmacc_vv_i32m8(a1, v, __riscv_vle16_v_i16m4(from + s->x_step, vl), vl);
        }
    }
    const vuint16m4_t shifts = smg_rvv_scale(count, &a0, &a1, &a1, s->columns + at, s->period, vl);
    __riscv_vse8_v_i8m2(y, smg_rvv_scaled_outputs(a0, shifts, s->range, vl), vl);
    if (count > 1) {
        __riscv_vse8_v_i8m2(y + s->y_step, smg_rvv_scaled_outputs(a1, shifts, s->range, vl), vl);
    }
}

/* `count` whole segments of `lanes`. */
SMG_INLINE void smg_segments_strips(int32_t count, const smg_segments *s, const int16_t *x, int32_t lanes, int8_t *y) {
    int32_t at = 0;
    for (size_t vl; lanes > 0; lanes -= (int32_t)vl, x += vl, y += vl) {
        vl = __riscv_vsetvl_e16m4((size_t)smg_least(lanes, s->period - at));
        smg_segments_block(count, s, x, at, y, vl);
        at += (int32_t)vl;
        at = at == s->period ? 0 : at;
    }
}

SMG_INLINE void smg_segments_all(const smg_segments *s, int32_t segments, const int16_t *x, int32_t lanes, int8_t *y) {
    for (; segments >= 2; segments -= 2, x += 2 * s->x_step, y += 2 * s->y_step) {
        smg_segments_strips(2, s, x, lanes, y);
    }
    if (segments > 0) {
        smg_segments_strips(1, s, x, lanes, y);
    }
}

/* Rows of the input, from `top` on, with their padding. x (in_h, in_w, in_c). */
SMG_INLINE void smg_padded_copy(const smg_depthwise_params *p, int16_t *to, const int8_t *x, int32_t top, int32_t rows,
                                int32_t columns) {
    const int32_t inside = smg_least(p->in_w, columns - p->pad_l), right = columns - p->pad_l - inside;
    for (int32_t r = top; r < top + rows; r++) {
        if (r < 0 || r >= p->in_h) {
            to = smg_fill16(to, columns * p->in_c, -p->in_offset);
        } else {
            to = smg_fill16(to, p->pad_l * p->in_c, -p->in_offset);
            to = smg_expand16(to, x + r * p->in_w * p->in_c, inside * p->in_c);
            to = smg_fill16(to, right * p->in_c, -p->in_offset);
        }
    }
}

smg_depthwise_kernel SMG_FUNCTION;

void SMG_FUNCTION(const smg_depthwise_params *p, const int8_t *x, const int8_t *w, const int32_t *b, int8_t *y,
                  void *scratch) {
    const int32_t rows = b[0], period = b[1], taps = b[2], row_bytes = p->out_w * p->out_c;
    const int32_t columns = (p->out_w - 1) * p->stride_w + (p->k_w - 1) * p->dilation_w + 1, pitch = columns * p->in_c;
    const int32_t *starts = b + SMG_HEAD;
    const smg_rvv_range range = {p->out_offset, p->act_min, p->act_max};
    const int32_t by_rows = p->stride_w == 1;
    const smg_segments s = {starts,
                            starts + taps,
                            w,
                            taps,
                            period,
                            by_rows ? p->stride_h * pitch : p->stride_w * p->in_c,
                            by_rows ? row_bytes : p->out_c,
                            range};
    for (int32_t n = 0; n < p->batch; n++, x += p->in_h * p->in_w * p->in_c) {
        for (int32_t oy = 0; oy < p->out_h; oy += rows) {
            const int32_t count = smg_least(rows, p->out_h - oy);
            const int32_t rows_in = (count - 1) * p->stride_h + (p->k_h - 1) * p->dilation_h + 1;
            smg_padded_copy(p, scratch, x, oy * p->stride_h - p->pad_t, rows_in, columns);
            const int16_t *from = scratch;
            for (int32_t r = 0; r < (by_rows ? 1 : count); r++) {
                smg_segments_all(&s, by_rows ? count : p->out_w, from, by_rows ? row_bytes : p->out_c,
                                 y + r * row_bytes);
                from += p->stride_h * pitch;
            }
            y += count * row_bytes;
        }
    }
}
