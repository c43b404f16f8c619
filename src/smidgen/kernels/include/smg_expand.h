/* SPDX-License-Identifier: Apache-2.0 */
/* int8 to int16 lanes, in the order in which SXTB16 takes weights apart: bytes 0, 2 then 1, 3 of each group of four. */
#ifndef SMG_EXPAND_H
#define SMG_EXPAND_H
#include "smg_dsp.h"
#include "smg_memory.h"

/* The even lanes to to[0], the odd ones to to[odd], for each group of four bytes; step words from group to group.
 * Lanes past count in the last group are zero. */
SMG_INLINE void smg_expand(uint32_t *to, int32_t step, int32_t odd, const int8_t *bytes, int32_t count) {
    uint32_t last = 0;
    for (; count >= 4; count -= 4, bytes += 4, to += step) {
        const uint32_t v = smg_load32(bytes);
        to[0] = smg_sxtb16(v);
        to[odd] = smg_sxtb16_odd(v);
    }
    if (count == 0) return;
    for (int32_t i = count - 1; i >= 0; i--) last = last << 8 | (uint8_t)bytes[i];
    to[0] = smg_sxtb16(last);
    to[odd] = smg_sxtb16_odd(last);
}
#endif
