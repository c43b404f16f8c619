/* SPDX-License-Identifier: Apache-2.0 */
/* TFLite's int8 softmax by arm_softmax_s8. */
#include "smg_cmsis_nn.inc.h"
#include "smg_kernels.h"

smg_softmax_kernel smg_softmax_s8_cmsis_nn;

void smg_softmax_s8_cmsis_nn(const smg_softmax_params *p, const int8_t *x, int8_t *y, void *scratch) {
    (void)scratch;
    arm_softmax_s8(x, p->rows, p->depth, p->mult, p->shift, p->diff_min, y);
}
