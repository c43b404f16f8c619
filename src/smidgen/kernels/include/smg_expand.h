/* SPDX-License-Identifier: Apache-2.0 */
/* int8 to int16 lanes, in the order in which SXTB16 takes weights apart: bytes 0, 2 then 1, 3 of each group of four. */
#ifndef SMG_EXPAND_H
#define SMG_EXPAND_H
#include "smg_dsp.h"
#include "smg_memory.h"

/* Two words at each to[i * step] from bytes[4 * i ..]; lanes past count are zero. */
SMG_INLINE void smg_expand(uint32_t *to, int32_t step, const int8_t *bytes, int32_t count) {
    for (; count >= 4; count -= 4, bytes += 4, to += step) {
        const uint32_t v = smg_load32(bytes);
        to[0] = smg_sxtb16(v);
        to[1] = smg_sxtb16_odd(v);
    }
    if (count > 0) {
        uint32_t v = 0;
        for (int32_t i = 0; i < count; i++) v |= (uint32_t)(uint8_t)bytes[i] << (8 * i);
        to[0] = smg_sxtb16(v);
        to[1] = smg_sxtb16_odd(v);
    }
}
#endif
