/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution with pixels as lanes, a band of output rows at a time.
 *
 * The band's input is spread into planes of int16: one a channel, within it one for each row modulo the stride and each
 * column variant, so that neighbouring outputs read neighbouring elements. Column variants are columns modulo the
 * stride (rows of a plane are then longer than rows of outputs, and the lanes between are dropped), or, `split`, one
 * for each column of the filter. A lane then adds w * x for every tap and channel: one vector of x serves three output
 * channels, whose sums stay in 24 registers.
 *
 * b: { rows of a band, split, runs, length }, where each run of `length` steps begins in the planes, in bytes (runs),
 * and a record a channel (smg_rvv.h). A run is a tap with its channels, or one of few channels, each a run. */
#include "smg_kernels.h"
#include "smg_rvv.h"
#include "smg_small.h"

typedef struct {
    int32_t rows_in;                 /* of the input that a band reads */
    int32_t phases, slots;           /* row modulo stride; rows of each */
    int32_t variants, column, pitch; /* of columns; input columns between two variants' first; elements of a row */
    int32_t variant, plane;          /* elements of a variant, of a plane */
} smg_planes;

SMG_INLINE int32_t smg_least(int32_t a, int32_t b) { return a < b ? a : b; }

/* Rows or columns modulo the stride that a filter reads. */
SMG_INLINE int32_t smg_plane_phases(int32_t size, int32_t stride, int32_t dilation) {
    return dilation == 1 ? smg_least(size, stride) : stride;
}

SMG_INLINE smg_planes smg_planes_of(const SMG_PARAMS *p, int32_t rows, int32_t split) {
    smg_planes g;
    g.rows_in = (rows - 1) * p->stride_h + (p->k_h - 1) * p->dilation_h + 1;
    g.phases = smg_plane_phases(p->k_h, p->stride_h, p->dilation_h);
    g.slots = (g.rows_in + p->stride_h - 1) / p->stride_h;
    g.variants = split ? p->k_w : smg_plane_phases(p->k_w, p->stride_w, p->dilation_w);
    g.column = split ? p->dilation_w : 1;
    g.pitch = p->out_w + (split ? 0 : (p->k_w - 1) * p->dilation_w / p->stride_w);
    g.variant = g.phases * g.slots * g.pitch;
    g.plane = g.variants * g.variant;
    return g;
}

SMG_INLINE void smg_plane_fill(int16_t *to, int32_t count, int32_t value) {
    for (size_t vl; count > 0; count -= (int32_t)vl, to += vl) {
        vl = __riscv_vsetvl_e16m8((size_t)count);
        __riscv_vse16_v_i16m8(to, __riscv_vmv_v_x_i16m8((int16_t)value, vl), vl);
    }
}

/* `count` pixels of every channel, `step` bytes apart. */
SMG_INLINE void smg_plane_spread(const SMG_PARAMS *p, const smg_planes *g, int16_t *to, const int8_t *from,
                                 int32_t count, ptrdiff_t step) {
    for (size_t vl; count > 0; count -= (int32_t)vl, to += vl, from += (ptrdiff_t)vl * step) {
        vl = __riscv_vsetvl_e16m8((size_t)count);
        int16_t *plane = to;
        const int8_t *const end = from + p->in_c;
        SMG_ROLLED
        for (const int8_t *x = from; x < end; x++, plane += g->plane) {
            __riscv_vse16_v_i16m8(plane, __riscv_vsext_vf2_i16m8(__riscv_vlse8_v_i8m4(x, step, vl), vl), vl);
        }
    }
}

/* One row of one column variant, whose first column is `start`: what lies inside the input. */
SMG_INLINE void smg_plane_row(const SMG_PARAMS *p, const smg_planes *g, int16_t *to, const int8_t *row, int32_t start) {
    const int32_t reach = p->in_w - start + p->stride_w - 1;
    const int32_t first = start < 0 ? (-start + p->stride_w - 1) / p->stride_w : 0;
    const int32_t end = reach > 0 ? smg_least(reach / p->stride_w, g->pitch) : 0;
    const int8_t *from = row + (start + first * p->stride_w) * p->in_c;
    smg_plane_spread(p, g, to + first, from, end - first, (ptrdiff_t)p->stride_w * p->in_c);
}

/* The planes of the band whose first input row is `top`. x (in_h, in_w, in_c). Columns beside the input hold zero
 * points already, as no band writes there. */
SMG_INLINE void smg_planes_fill(const SMG_PARAMS *p, const smg_planes *g, int16_t *planes, const int8_t *x,
                                int32_t top) {
    for (int32_t r = 0; r < g->rows_in; r++) {
        const int32_t phase = r % p->stride_h, iy = top + r;
        if (phase >= g->phases) {
            continue;
        }
        int16_t *to = planes + (phase * g->slots + r / p->stride_h) * g->pitch;
        for (int32_t v = 0; v < g->variants; v++, to += g->variant) {
            if (iy >= 0 && iy < p->in_h) {
                smg_plane_row(p, g, to, x + iy * p->in_w * p->in_c, v * g->column - p->pad_l);
            } else {
                for (int32_t c = 0; c < p->in_c; c++) {
                    smg_plane_fill(to + c * g->plane, g->pitch, -p->in_offset);
                }
            }
        }
    }
}

#define SMG_PLANES_HEAD 4

/* Whether vectors of a row each are no more than vectors over all rows, most of which go on into the next row. */
SMG_INLINE int32_t smg_planes_by_rows(int32_t rows, int32_t pitch, int32_t out_w) {
    const int32_t lanes = (int32_t)__riscv_vsetvlmax_e16m4();
    return rows * ((out_w + lanes - 1) / lanes) <= ((rows - 1) * pitch + out_w + lanes - 1) / lanes;
}

/* Rows of outputs out of rows of `pitch` pixels. */
SMG_INLINE void smg_planes_crop(int8_t *y, const int8_t *from, int32_t rows, int32_t nbytes, int32_t pitch_bytes) {
    for (int32_t r = 0; r < rows; r++) {
        smg_rvv_copy(y + r * nbytes, from + r * pitch_bytes, nbytes);
    }
}
