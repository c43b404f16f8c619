/* SPDX-License-Identifier: Apache-2.0 */
/* Four-bit weights as the plain kernels read them: rows of two's complement nibbles, two a byte, the first one low;
 * each row starts at a byte. After all rows, if SMG_GROUP, a byte of factor for each so many weights of a row. An
 * instance defines SMG_GROUP, 0 if there are none, SMG_IN_BITS, SMG_OUT_BITS and SMG_SUM_BITS (smg_elements.h). */
#ifndef SMG_FOUR_BIT_WEIGHTS_H
#define SMG_FOUR_BIT_WEIGHTS_H
#include "smg_elements.h"

typedef SMG_INT(SMG_IN_BITS) in_t;
typedef SMG_INT(SMG_OUT_BITS) out_t;
typedef SMG_INT(SMG_SUM_BITS) sum_t;

enum { SMG_GROUP_WEIGHTS = SMG_GROUP ? SMG_GROUP : 1 << 30 };

/* One of so many rows of count weights each to bytes. */
SMG_INLINE void smg_four_bit_unpack_row(int8_t *to /* (count) */, const int8_t *w, int32_t rows, int32_t count,
                                        int32_t row) {
    const int32_t row_bytes = (count + 1) / 2, groups = (count + SMG_GROUP_WEIGHTS - 1) / SMG_GROUP_WEIGHTS;
    const int8_t *nibbles = w + row * row_bytes, *factor = w + rows * row_bytes + row * groups;
    for (int32_t done = 0; done < count; done += SMG_GROUP_WEIGHTS) {
        const int32_t run = count - done < SMG_GROUP_WEIGHTS ? count - done : SMG_GROUP_WEIGHTS;
        const int32_t times = SMG_GROUP ? *factor++ : 1;
        for (int32_t i = 0; i < run; i += 2) { /* groups are of an even number */
            const int32_t byte = *nibbles++;
            *to++ = (int8_t)((((byte & 15) ^ 8) - 8) * times);
            if (i + 1 < run) *to++ = (int8_t)((byte >> 4) * times);
        }
    }
}
#endif
