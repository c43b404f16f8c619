/* SPDX-License-Identifier: Apache-2.0 */
/* An output from its accumulator, from its channel's multiplier and shift. Instances define SMG_GENERAL, 1 where
 * smg_fast_requantize.h does not do: then the shift is to the left, or a negative one to the right. */
#ifndef SMG_FOUR_BIT_REQUANTIZE_H
#define SMG_FOUR_BIT_REQUANTIZE_H
#include "smg_dsp_requantize.h"
#include "smg_fast_requantize.h"

/* acc modulo 2^32, with its bias. */
SMG_INLINE int8_t smg_four_bit_output(int32_t acc, int32_t mult, int32_t shift, int32_t out_offset) {
#if SMG_GENERAL
    const smg_rounding rounding = SMG_ROUNDING_MODE == SMG_ROUND_EVEN ? SMG_EVEN : SMG_DOUBLE;
    const smg_channel channel = smg_rescale(rounding, 0, mult, shift);
    const int32_t v = rounding == SMG_EVEN ? smg_requantize_even(acc, channel) : smg_requantize_doubled(acc, channel);
    return (int8_t)smg_clamp(v + out_offset, SMG_ACT_MIN, SMG_ACT_MAX);
#else
    const int32_t addend = (int32_t)((uint32_t)(2 * out_offset + 1) << (shift - 1));
    return smg_requantize_fast((int32_t)((uint32_t)acc * 2U), mult, addend, shift);
#endif
}
#endif
