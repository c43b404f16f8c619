/* SPDX-License-Identifier: Apache-2.0 */
/* A network compiled for streams: it keeps what it needs of earlier frames. */
#include "smg_wakeword.h"

static _Alignas(8) int8_t scores[SMG_WAKEWORD_CLASSES];

void smg_wakeword_reset(void) {
    static const _Alignas(8) int8_t zeros[SMG_WAKEWORD_BANDS];
    SMG_WAKEWORD_RESET();
    for (int frame = 1; frame < SMG_WAKEWORD_FRAMES; frame++) SMG_WAKEWORD_STEP(zeros, scores);
}

const int8_t *smg_wakeword_step(const int8_t *features) {
    SMG_WAKEWORD_STEP(features, scores);
    return scores;
}
