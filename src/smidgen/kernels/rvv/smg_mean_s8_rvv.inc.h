/* SPDX-License-Identifier: Apache-2.0 */
/* The multiplier holds the division. */
#include "smg_rvv_sums.inc.h"

smg_mean_kernel SMG_FUNCTION;

void SMG_FUNCTION(const smg_mean_params *p, const int8_t *x, int8_t *y, void *scratch) {
    const smg_rvv_range range = {p->out_offset, p->act_min, p->act_max};
    const int32_t least = SMG_ROUNDING_MODE == 2 ? 2 : 0, right = -p->shift > least ? -p->shift : least;
    const int32_t record[SMG_RVV_RECORD] = {0, right + p->shift, p->mult, right};
    (void)scratch;
    for (int32_t n = 0; n < p->outer; n++, x += p->reduced * p->inner, y += p->inner) {
        size_t vl;
        for (int32_t c = 0; c < p->inner; c += (int32_t)vl) {
            vl = __riscv_vsetvl_e16m4((size_t)(p->inner - c));
            const vint32m8_t none = __riscv_vmv_v_x_i32m8(p->in_offset * p->reduced, vl);
            const vint32m8_t sums = smg_rvv_sums(none, x + c, 1, p->reduced, p->inner, 0, vl);
            __riscv_vse8_v_i8m2(y + c, smg_rvv_outputs(sums, record, range, vl), vl);
        }
    }
}
