/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise convolution on the planes of a convolution: a channel reads one plane. w (out_c, k_h * k_w). */
#define SMG_PARAMS smg_depthwise_params
#include "smg_planes.inc.h"

SMG_INLINE vint32m8_t smg_plane_step(vint32m8_t sums, const int16_t *x, int32_t w, size_t vl) {
    return __riscv_vwmacc_vx_i32m8(sums, (int16_t)w, __riscv_vle16_v_i16m4(x, vl), vl);
}

/* The sums of one channel: nine taps keep their places in registers. */
SMG_INLINE vint32m8_t smg_plane_sums(const int16_t *x, const int8_t *w, const int32_t *starts, int32_t taps,
                                     int32_t bias, size_t vl) {
    vint32m8_t sums = __riscv_vmv_v_x_i32m8(bias, vl);
    for (int32_t t = 0; t < taps; t++) {
        sums = smg_plane_step(sums, (const int16_t *)((const int8_t *)x + starts[t]), w[t], vl);
    }
    return sums;
}

/* All channels of up to vl pixels. */
SMG_INLINE void smg_plane_lanes(const smg_depthwise_params *p, int32_t taps, int32_t plane, const int16_t *x,
                                const int32_t *starts, const int8_t *w, const int32_t *b, int8_t *y, size_t vl) {
    const smg_rvv_range range = {p->out_offset, p->act_min, p->act_max};
    int32_t same = p->multiplier;
    for (int32_t c = p->out_c; c > 0; c--, w += taps, b += SMG_RVV_RECORD, y++) {
        const vint32m8_t sums = smg_plane_sums(x, w, starts, taps, b[0], vl);
        __riscv_vsse8_v_i8m2(y, p->out_c, smg_rvv_outputs(sums, b, range, vl), vl);
        if (--same == 0) {
            same = p->multiplier;
            x += plane;
        }
    }
}

/* All channels of `lanes` pixels. */
SMG_INLINE void smg_lanes(const smg_depthwise_params *p, const smg_planes *g, const int16_t *x, int32_t lanes,
                          const int8_t *w, const int32_t *b, int8_t *y) {
    const int32_t taps = b[2], *starts = b + SMG_PLANES_HEAD, *records = starts + taps;
    for (size_t vl; lanes > 0; lanes -= (int32_t)vl, x += vl, y += (int32_t)vl * p->out_c) {
        vl = __riscv_vsetvl_e16m4((size_t)lanes);
        if (taps == 9) {
            smg_plane_lanes(p, 9, g->plane, x, starts, w, records, y, vl);
        } else {
            smg_plane_lanes(p, taps, g->plane, x, starts, w, records, y, vl);
        }
    }
}

smg_depthwise_kernel SMG_FUNCTION;

void SMG_FUNCTION(const smg_depthwise_params *p, const int8_t *x, const int8_t *w, const int32_t *b, int8_t *y,
                  void *scratch) {
    const int32_t rows = b[0], split = b[1], row_bytes = p->out_w * p->out_c;
    const smg_planes g = smg_planes_of(p, rows, split);
    int16_t *planes = scratch;
    int8_t *cropped = (int8_t *)(planes + g.plane * p->in_c);
    smg_plane_fill(planes, g.plane * p->in_c, -p->in_offset);
    for (int32_t n = 0; n < p->batch; n++, x += p->in_h * p->in_w * p->in_c) {
        for (int32_t oy = 0; oy < p->out_h; oy += rows) {
            const int32_t count = smg_least(rows, p->out_h - oy),
                          by_rows = smg_planes_by_rows(count, g.pitch, p->out_w);
            const int32_t lanes = by_rows ? p->out_w : (count - 1) * g.pitch + p->out_w;
            int8_t *out = by_rows || g.pitch == p->out_w ? y : cropped;
            smg_planes_fill(p, &g, planes, x, oy * p->stride_h - p->pad_t);
            for (int32_t r = 0; r < (by_rows ? count : 1); r++) {
                smg_lanes(p, &g, planes + r * g.pitch, lanes, w, b, out + r * row_bytes);
            }
            if (out != y) {
                smg_planes_crop(y, cropped, count, row_bytes, g.pitch * p->out_c);
            }
            y += count * row_bytes;
        }
    }
}
