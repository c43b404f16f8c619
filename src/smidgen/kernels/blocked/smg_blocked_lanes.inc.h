/* SPDX-License-Identifier: Apache-2.0 */
/* Products of SMG_VALUES bytes with SMG_WORDS words that hold two numbers each, 2^16 * second + first. Of the byte of
 * value v and input k, SMG_VALUE_AT(v, k) is the place. */
#ifndef SMG_BLOCKED_LANES_INC_H
#define SMG_BLOCKED_LANES_INC_H
#include "smg_requantize.h"
#include "smg_whole.h"
#include <stdint.h>

#define SMG_LANE_START (1U << 15) /* so that an arithmetic shift by 16 leaves the second sum, whatever the first */

/* lanes, or where they begin, plus products of SMG_UNROLL inputs. */
SMG_INLINE void smg_lanes_step(int begin, uint32_t lanes[SMG_VALUES][SMG_WORDS], const int8_t *from,
                               const int32_t *words) {
    SMG_WHOLE
    for (int32_t k = 0; k < SMG_UNROLL; k++) {
        int32_t values[SMG_VALUES], word = words[k * SMG_WORDS];
        SMG_HERE(word);
        SMG_WHOLE
        for (int32_t v = 0; v < SMG_VALUES; v++) {
            values[v] = from[SMG_VALUE_AT(v, k)];
            SMG_HERE(values[v]);
        }
        SMG_WHOLE
        for (int32_t i = 0; i < SMG_WORDS; i++) {
            int32_t next = 0; /* loaded before the products that precede its own: cores stall on a late load */
            if (i + 1 < SMG_WORDS) {
                next = words[k * SMG_WORDS + i + 1];
                SMG_HERE(next);
            }
            SMG_WHOLE
            for (int32_t v = 0; v < SMG_VALUES; v++) {
                const uint32_t sum = begin && k == 0 ? SMG_LANE_START : lanes[v][i];
                lanes[v][i] = sum + (uint32_t)values[v] * (uint32_t)word;
                SMG_HERE(lanes[v][i]);
            }
            word = next;
        }
    }
}

/* A chunk's sums to the totals: the second numbers' and the whole words'. */
SMG_INLINE void smg_lanes_end(uint32_t lanes[SMG_VALUES][SMG_WORDS], uint32_t second[SMG_VALUES][SMG_WORDS],
                              uint32_t both[SMG_VALUES][SMG_WORDS]) {
    SMG_WHOLE
    for (int32_t v = 0; v < SMG_VALUES; v++) {
        SMG_WHOLE
        for (int32_t i = 0; i < SMG_WORDS; i++) {
            second[v][i] += (uint32_t)((int32_t)lanes[v][i] >> 16);
            both[v][i] += lanes[v][i];
        }
    }
}
#endif
