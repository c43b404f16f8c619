/* SPDX-License-Identifier: Apache-2.0 */
/* Log-mel features of a stream of audio, frame by frame. Sizes are in smg_features_tables.h. */
#ifndef SMG_FEATURES_H
#define SMG_FEATURES_H

#include <stdint.h>

#include "smg_features_tables.h"

/* Forgets the stream: the next frame is the first, with silence before it. Also needed once before the first frame. */
void smg_features_reset(void);

/* Takes the stream's next SMG_FEATURES_HOP samples and writes the SMG_FEATURES_BANDS features of the window of
 * SMG_FEATURES_WINDOW samples that ends with them. Not reentrant: the state is static. */
void smg_features_frame(const int16_t *samples, int8_t *features);

#endif
