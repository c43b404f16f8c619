/* SPDX-License-Identifier: Apache-2.0 */
/* The loops of smg_features.c: in C for any core (smg_features_passes.c), in assembly for a Cortex-M4 with FPU. Both do
 * the same operations in the same order. HALF is half a window, a butterfly has eight inputs HALF / 8 apart. */
#ifndef SMG_FEATURES_PASSES_H
#define SMG_FEATURES_PASSES_H

#include <stdint.h>

#include "smg_features_tables.h"

#define SMG_FEATURES_HALF (SMG_FEATURES_WINDOW / 2)
#define SMG_FEATURES_EIGHTH (SMG_FEATURES_HALF / 8)
#define SMG_FEATURES_STEP (SMG_FEATURES_HALF / SMG_FEATURES_LAST_RADIX) /* between a last butterfly's frequencies */

/* y[i] = one * x[i] - previous * x[i - 1], n times; x[-1] is `before`. Returns the last sample. */
int32_t smg_features_emphasise(const int16_t *x, float *y, int32_t n, int32_t before);

/* Windows the signal, whose halves are early and late, and does the first butterflies. */
void smg_features_first_pass(const float *early, const float *late, smg_complex *to, const float *window,
                             const smg_complex *turn);

/* group: how many neighbouring butterflies share a twiddle; those of the first group are 1 */
void smg_features_middle_pass(const smg_complex *from, smg_complex *to, const smg_complex *turn, int32_t group);

/* The last butterflies of k and STEP - k for k = 1, 2, ..., STEP / 2 - 1, and the power of their frequencies. order and
 * turn are the tables' parts for them. */
void smg_features_last_pass(const smg_complex *from, float *power, const uint16_t *order, const smg_complex *turn);

/* Energies of the mel bands; power begins with the first bin. */
void smg_features_bands(const float *power, const float *weights, const uint16_t *segments, float *energies);

#endif
