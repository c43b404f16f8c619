/* SPDX-License-Identifier: Apache-2.0 */
/* The emulated board's microphone and pins: further registers of the page of port.c. */
#include "smg_audio.h"

#include "features/smg_features.h"
#include "smg_virtual.h"

enum { FRAME_WAITS = 1 << 0, ENDED = 1 << 1, LOST = 1 << 2, START = 1, STOP = 0 };

void smg_audio_start(void) { *smg_virtual_register(SMG_AUDIO_CONTROL) = START; }

void smg_audio_stop(void) { *smg_virtual_register(SMG_AUDIO_CONTROL) = STOP; }

bool smg_audio_take(int16_t *samples) {
    if ((*smg_virtual_register(SMG_AUDIO_STATUS) & FRAME_WAITS) == 0) return false;
    *smg_virtual_register(SMG_BLOCK_ADDRESS) = (uint32_t)(uintptr_t)samples;
    *smg_virtual_register(SMG_AUDIO_RECEIVE) = 1;
    return *smg_virtual_register(SMG_AUDIO_RECEIVE) == sizeof(int16_t) * SMG_FEATURES_HOP;
}

bool smg_audio_ended(void) {
    return (*smg_virtual_register(SMG_AUDIO_STATUS) & (ENDED | FRAME_WAITS)) == ENDED;
}

bool smg_audio_lost(void) { return (*smg_virtual_register(SMG_AUDIO_STATUS) & LOST) != 0; }

void smg_audio_wait(void) { *smg_virtual_register(SMG_AUDIO_WAIT) = 1; }

static void drive(uint32_t pin, bool high) {
    const uint32_t levels = *smg_virtual_register(SMG_PIN);
    *smg_virtual_register(SMG_PIN) = high ? levels | pin : levels & ~pin;
}

void smg_audio_detected_pin(bool high) { drive(SMG_DETECTED_PIN, high); }

void smg_audio_processing_pin(bool high) { drive(SMG_PROCESSING_PIN, high); }
