/* SPDX-License-Identifier: Apache-2.0 */
/* The network of a wakeword detector, one frame of features at a time. */
#ifndef SMG_WAKEWORD_H
#define SMG_WAKEWORD_H
#include <stdint.h>

#include "smg_wakeword_model.h"

/* Forgets the stream: all features before the next frame count as 0, as in the reference firmware. */
void smg_wakeword_reset(void);

/* Takes the stream's next features; returns the scores of the window that ends with them. */
const int8_t *smg_wakeword_step(const int8_t *features);

#endif
