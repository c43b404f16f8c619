/* SPDX-License-Identifier: Apache-2.0 */
/* The multiplier holds the division by the number of elements; channels as lanes. */
#define SMG_PARAMS smg_avgpoolrne_params
#include "smg_rvv_pool.inc.h"
#include "smg_rvv_sums.inc.h"

SMG_INLINE void smg_window(const SMG_PARAMS *p, const int8_t *x, int32_t height, int32_t width, int8_t *y) {
    const smg_rvv_range range = {p->out_offset, p->act_min, p->act_max};
    const int32_t count = height * width;
    int32_t i = 0;
    while (i < p->divisors - 1 && count < p->divisor[i]) {
        i++;
    }
    const int32_t right = -p->shift[i] > 2 ? -p->shift[i] : 2;
    const int32_t record[SMG_RVV_RECORD] = {0, right + p->shift[i], p->mult[i], right};
    size_t vl;
    for (int32_t c = 0; c < p->in_c; c += (int32_t)vl) {
        vl = __riscv_vsetvl_e16m4((size_t)(p->in_c - c));
        const vint32m8_t none = __riscv_vmv_v_x_i32m8(p->in_offset * count, vl);
        const vint32m8_t sums = smg_rvv_sums(none, x + c, height, width, p->in_c, p->in_w * p->in_c, vl);
        __riscv_vse8_v_i8m2(y + c, smg_rvv_outputs(sums, record, range, vl), vl);
    }
}

smg_avgpoolrne_kernel SMG_FUNCTION;

void SMG_FUNCTION(const smg_avgpoolrne_params *p, const int8_t *x, int8_t *y, void *scratch) {
    (void)scratch;
    smg_rvv_windows(p, x, y);
}
