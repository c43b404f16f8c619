/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_xcv_requantize.h"
#define SMG_CONSTANT_WORDS SMG_WORDS
#define SMG_CONSTANT_STEP SMG_WORDS
#define SMG_STARTS 0
#define SMG_SHIFT 0         /* of smg_requantize_scaled, */
#define SMG_NEGATIVE_TIES 0 /* which has no caller here */
#include "smg_portable_f4.inc.h"
/* before the portable parts, whose place they take */
#include "smg_corev_input.inc.h"
#include "smg_corev_output.inc.h"
#include "smg_corev_products.inc.h"
#include "smg_portable_conv.inc.h"

smg_conv2d_kernel SMG_FUNCTION;

/* b: (out_c / SMG_CHANNELS) streams of constants and transformed weights, as words. */
void SMG_FUNCTION(const smg_conv2d_params *p, const int8_t *x, const int8_t *w, const int32_t *b, int8_t *y,
                  void *scratch) {
    (void)w;
    smg_convolve(p, x, (const smg_word *)b, y, scratch);
}
