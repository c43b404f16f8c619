/* SPDX-License-Identifier: Apache-2.0 */
/* The outputs of layers whose input, output or both are int16: one rounding, ties to even. */
#ifndef SMG_FOUR_BIT_OUTPUT_S16_H
#define SMG_FOUR_BIT_OUTPUT_S16_H
#include "smg_elements.h"

SMG_INLINE SMG_INT(SMG_OUT_BITS)
    output_of(SMG_INT(SMG_SUM_BITS) acc, int32_t mult, int32_t shift, int32_t offset, int32_t lo, int32_t hi) {
    return (SMG_INT(SMG_OUT_BITS))smg_finish(SMG_FOR(smg_requantize, SMG_SUM_BITS)(acc, mult, shift), offset, lo, hi);
}
#endif
