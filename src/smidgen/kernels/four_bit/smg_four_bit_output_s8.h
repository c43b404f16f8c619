/* SPDX-License-Identifier: Apache-2.0 */
/* The outputs of int8 layers. An instance defines SMG_EVEN_TIES: 1 for one rounding, ties to even. */
#ifndef SMG_FOUR_BIT_OUTPUT_S8_H
#define SMG_FOUR_BIT_OUTPUT_S8_H
#include "smg_requantize.h"

#define SMG_IN_BITS 8
#define SMG_OUT_BITS 8
#define SMG_SUM_BITS 32

SMG_INLINE int8_t output_of(int32_t acc, int32_t mult, int32_t shift, int32_t offset, int32_t lo, int32_t hi) {
    return smg_output((smg_rounding)SMG_EVEN_TIES, acc, mult, shift, offset, lo, hi);
}
#endif
