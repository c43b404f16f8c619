/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's function: with SMG_STAGED weights are transformed into the start of scratch. */
#ifndef SMG_PORTABLE_WHOLE_INC_H
#define SMG_PORTABLE_WHOLE_INC_H
#include "smg_portable_conv.inc.h"
#if SMG_STAGED
#include "smg_portable_weights.inc.h"
#endif

smg_conv2d_kernel SMG_FUNCTION;

#if SMG_STAGED
/* w: int8 weights as they are; b: mult, addend, shift and first start of each channel. */
void SMG_FUNCTION(const smg_conv2d_params *p, const int8_t *x, const int8_t *w, const int32_t *b, int8_t *y,
                  void *scratch) {
    smg_word *stream = scratch;
    smg_transform_weights(w, (const smg_word *)b, stream);
    smg_convolve(p, x, stream, y, stream + (SMG_OUT_C + SMG_CHANNELS - 1) / SMG_CHANNELS * SMG_STREAM_WORDS);
}
#else
/* b: (out_c / SMG_CHANNELS) streams of constants and transformed weights, as words. */
void SMG_FUNCTION(const smg_conv2d_params *p, const int8_t *x, const int8_t *w, const int32_t *b, int8_t *y,
                  void *scratch) {
    (void)w;
    smg_convolve(p, x, (const smg_word *)b, y, scratch);
}
#endif
#endif
