/* SPDX-License-Identifier: Apache-2.0 */
/* w: groups of three output channels, the last of what is left; of a group (k_h, k_w, in_c, channels). */
#define SMG_PARAMS smg_conv2d_params
#include "smg_planes.inc.h"

/* What a block of lanes reads. */
typedef struct {
    const int16_t *x;
    const int32_t *starts; /* of runs */
    int32_t runs, length, plane;
} smg_planes_steps;

/* `count` channels of up to vl pixels. */
SMG_INLINE void smg_planes_block(int32_t count, const smg_conv2d_params *p, const smg_planes_steps *s, const int8_t *w,
                                 const int32_t *b, int8_t *y, size_t vl) {
    vint32m8_t a0 = __riscv_vmv_v_x_i32m8(b[0], vl), a1 = a0, a2 = a0;
    if (count > 1) {
        a1 = __riscv_vmv_v_x_i32m8(b[SMG_RVV_RECORD], vl);
    }
    if (count > 2) {
        a2 = __riscv_vmv_v_x_i32m8(b[2 * SMG_RVV_RECORD], vl);
    }
#define SMG_STEP(i)                                                      \
    do {                                                                 \
        const vint16m4_t v = __riscv_vle16_v_i16m4(x, vl);               \
        a0 = __riscv_vwmacc_vx_i32m8(a0, w[(i) * count], v, vl);         \
        if (count > 1) {                                                 \
            a1 = __riscv_vwmacc_vx_i32m8(a1, w[(i) * count + 1], v, vl); \
        }                                                                \
        if (count > 2) {                                                 \
            a2 = __riscv_vwmacc_vx_i32m8(a2, w[(i) * count + 2], v, vl); \
        }                                                                \
    } while (0)
#define SMG_PLANE(i) \
    SMG_STEP(i);     \
    x += s->plane
#define SMG_START(i)                                                           \
    do {                                                                       \
        const int16_t *x = (const int16_t *)((const int8_t *)s->x + start[i]); \
        SMG_STEP(i);                                                           \
    } while (0)
    const int32_t *start = s->starts, *const end = start + s->runs;
    if (s->length == 1) {
        for (; end - start >= 8; start += 8, w += 8 * count) {
            SMG_START(0);
            SMG_START(1);
            SMG_START(2);
            SMG_START(3);
            SMG_START(4);
            SMG_START(5);
            SMG_START(6);
            SMG_START(7);
        }
        for (; start < end; start++, w += count) {
            SMG_START(0);
        }
    }
    for (; start < end; start++) {
        const int16_t *x = (const int16_t *)((const int8_t *)s->x + *start);
        int32_t c = s->length;
        for (; c >= 8; c -= 8, w += 8 * count) {
            SMG_PLANE(0);
            SMG_PLANE(1);
            SMG_PLANE(2);
            SMG_PLANE(3);
            SMG_PLANE(4);
            SMG_PLANE(5);
            SMG_PLANE(6);
            SMG_PLANE(7);
        }
        for (; c > 0; c--, w += count) {
            SMG_PLANE(0);
        }
    }
#undef SMG_START
#undef SMG_PLANE
#undef SMG_STEP
    const smg_rvv_range range = {p->out_offset, p->act_min, p->act_max};
    const ptrdiff_t step = p->out_c;
    __riscv_vsse8_v_i8m2(y, step, smg_rvv_outputs(a0, b, range, vl), vl);
    if (count > 1) {
        __riscv_vsse8_v_i8m2(y + 1, step, smg_rvv_outputs(a1, b + SMG_RVV_RECORD, range, vl), vl);
    }
    if (count > 2) {
        __riscv_vsse8_v_i8m2(y + 2, step, smg_rvv_outputs(a2, b + 2 * SMG_RVV_RECORD, range, vl), vl);
    }
}

/* All channels of up to vl pixels. */
SMG_INLINE void smg_planes_lanes(const smg_conv2d_params *p, const smg_planes_steps *s, const int8_t *w,
                                 const int32_t *b, int8_t *y, size_t vl) {
    const int32_t window = p->k_h * p->k_w * p->in_c;
    int32_t left = p->out_c;
    for (; left >= 3; left -= 3, w += 3 * window, b += 3 * SMG_RVV_RECORD, y += 3) {
        smg_planes_block(3, p, s, w, b, y, vl);
    }
    if (left == 2) {
        smg_planes_block(2, p, s, w, b, y, vl);
    } else if (left == 1) {
        smg_planes_block(1, p, s, w, b, y, vl);
    }
}

/* All channels of `lanes` pixels. */
SMG_INLINE void smg_lanes(const smg_conv2d_params *p, const smg_planes *g, const int16_t *x, int32_t lanes,
                          const int8_t *w, const int32_t *b, int8_t *y) {
    smg_planes_steps s = {x, b + SMG_PLANES_HEAD, b[2], b[3], g->plane};
    const int32_t *records = s.starts + s.runs;
    for (size_t vl; lanes > 0; lanes -= (int32_t)vl, s.x += vl, y += (int32_t)vl * p->out_c) {
        vl = __riscv_vsetvl_e16m4((size_t)lanes);
        smg_planes_lanes(p, &s, w, records, y, vl);
    }
}

smg_conv2d_kernel SMG_FUNCTION;

void SMG_FUNCTION(const smg_conv2d_params *p, const int8_t *x, const int8_t *w, const int32_t *b, int8_t *y,
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
