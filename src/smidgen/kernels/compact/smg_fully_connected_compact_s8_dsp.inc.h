/* SPDX-License-Identifier: Apache-2.0 */
/* Fully connected, two channels at a time, inputs and weights expanded as they are used: no scratch. */
#include "smg_compact_channels.h"

smg_compact_kernel SMG_FUNCTION;

/* acc of two channels over so many inputs in fours; the rest one by one, so that nothing past x is read. */
SMG_OUTLINE void compact_products(int32_t acc[2], const int8_t *x, const int8_t *row0, const int8_t *row1,
                                  int32_t count) {
    int32_t i = 0;
    SMG_ROLLED
    for (; i + 4 <= count; i += 4) {
        const uint32_t v = smg_load32(x + i), w0 = smg_load32(row0 + i), w1 = smg_load32(row1 + i);
        const uint32_t even = smg_sxtb16(v), odd = smg_sxtb16_odd(v);
        acc[0] = smg_smlad(odd, smg_sxtb16_odd(w0), smg_smlad(even, smg_sxtb16(w0), acc[0]));
        acc[1] = smg_smlad(odd, smg_sxtb16_odd(w1), smg_smlad(even, smg_sxtb16(w1), acc[1]));
    }
    SMG_ROLLED
    for (; i < count; i++) acc[0] += x[i] * row0[i], acc[1] += x[i] * row1[i];
}

/* b: (out_c) or (1) words, then (out_c) biases with the input's zero point folded in. */
SMG_SMALL void SMG_FUNCTION(const smg_compact_params *p, const int8_t *x /* (rows, in_c) */,
                            const int8_t *w /* (out_c, in_c) */, const int32_t *b, int8_t *y /* (rows, out_c) */,
                            void *scratch) {
    const int32_t in_c = smg_low(p->channels), out_c = smg_high(p->channels), many = smg_compact_words(p) > 1;
    const smg_compact_biases biases = smg_compact_biases_of(p, b);
    const smg_compact_range r = smg_compact_range_of(p);
    (void)scratch;
    for (int32_t rows = smg_low(p->in_size); rows > 0; rows--, x += in_c) {
        for (int32_t c = 0; c < out_c; c += 2) {
            const int32_t next = c + 1 < out_c;
            int32_t acc[2] = {smg_compact_bias(biases, c), smg_compact_bias(biases, c + next)};
            compact_products(acc, x, w + c * in_c, w + (c + next) * in_c, in_c);
            SMG_ROLLED
            for (int32_t i = 0; i <= next; i++) {
                *y++ = smg_compact_output(r, acc[i], (uint32_t)b[many ? c + i : 0]);
            }
        }
    }
}
