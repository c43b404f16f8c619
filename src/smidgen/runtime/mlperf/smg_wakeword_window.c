/* SPDX-License-Identifier: Apache-2.0 */
/* A network compiled for a whole window: the window is kept here, and all of it is computed for every frame. */
#include "smg_wakeword.h"

static _Alignas(8) int8_t window[SMG_WAKEWORD_FRAMES * SMG_WAKEWORD_BANDS];
static _Alignas(8) int8_t scores[SMG_WAKEWORD_CLASSES];

void smg_wakeword_reset(void) { __builtin_memset(window, 0, sizeof window); }

const int8_t *smg_wakeword_step(const int8_t *features) {
    __builtin_memmove(window, window + SMG_WAKEWORD_BANDS, sizeof window - SMG_WAKEWORD_BANDS);
    __builtin_memcpy(window + sizeof window - SMG_WAKEWORD_BANDS, features, SMG_WAKEWORD_BANDS);
    SMG_WAKEWORD_RUN(window, scores);
    return scores;
}
