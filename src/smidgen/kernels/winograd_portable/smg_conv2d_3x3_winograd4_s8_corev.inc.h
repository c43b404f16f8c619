/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_portable_f4.inc.h"
/* before the portable products, whose place they take */
#include "smg_corev_products.inc.h"
#include "smg_portable_conv.inc.h"

smg_conv2d_kernel SMG_FUNCTION;

/* b: (out_c / SMG_CHANNELS) streams of constants and transformed weights, as words. */
void SMG_FUNCTION(const smg_conv2d_params *p, const int8_t *x, const int8_t *w, const int32_t *b, int8_t *y,
                  void *scratch) {
    (void)w;
    smg_convolve(p, x, (const smg_word *)b, y, scratch);
}
