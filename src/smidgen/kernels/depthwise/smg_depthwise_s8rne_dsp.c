/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_depthwise_any_dsp.inc.h"

smg_depthwise_kernel smg_depthwise_s8rne_dsp;

/* Multiplier 1, at least four channels, any window; one rounding, ties to even. */
void smg_depthwise_s8rne_dsp(const smg_depthwise_params *p, const int8_t *x, const int8_t *w, const int32_t *b,
                             int8_t *y, void *scratch) {
    smg_depthwise_any_dsp(SMG_EVEN, p, x, w, b, y, scratch);
}
