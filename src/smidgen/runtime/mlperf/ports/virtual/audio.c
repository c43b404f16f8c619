/* SPDX-License-Identifier: Apache-2.0 */
/* The emulated board's microphone and pins: further registers of the page of port.c. */
#include "smg_audio.h"

#include "features/smg_features.h"

enum {
    PAGE = 0x40070000,
    PIN = 0x10,           /* levels: bit 0 timestamp, bit 1 wakeword detected, bit 2 processing */
    AUDIO_STATUS = 0x14,  /* read: bit 0 a frame waits, bit 1 the stream has ended, bit 2 frames were lost */
    AUDIO_CONTROL = 0x1C, /* write: 1 start, 0 stop */
    AUDIO_WAIT = 0x20,    /* write: sleep until the status is not 0 */
    BLOCK_ADDRESS = 0x24, /* write: where the next block goes to */
    AUDIO_RECEIVE = 0x34, /* write: move the frame that waits there; read: bytes moved */
    FRAME_WAITS = 1 << 0,
    ENDED = 1 << 1,
    LOST = 1 << 2,
    DETECTED_PIN = 1 << 1,
    PROCESSING_PIN = 1 << 2,
};

static volatile uint32_t *at(uintptr_t offset) { return (volatile uint32_t *)(PAGE + offset); }

void smg_audio_start(void) { *at(AUDIO_CONTROL) = 1; }

void smg_audio_stop(void) { *at(AUDIO_CONTROL) = 0; }

bool smg_audio_take(int16_t *samples) {
    if ((*at(AUDIO_STATUS) & FRAME_WAITS) == 0) return false;
    *at(BLOCK_ADDRESS) = (uint32_t)(uintptr_t)samples;
    *at(AUDIO_RECEIVE) = 1;
    return *at(AUDIO_RECEIVE) == sizeof(int16_t) * SMG_FEATURES_HOP;
}

bool smg_audio_ended(void) { return (*at(AUDIO_STATUS) & (ENDED | FRAME_WAITS)) == ENDED; }

bool smg_audio_lost(void) { return (*at(AUDIO_STATUS) & LOST) != 0; }

void smg_audio_wait(void) { *at(AUDIO_WAIT) = 1; }

static void drive(uint32_t pin, bool high) {
    const uint32_t levels = *at(PIN);
    *at(PIN) = high ? levels | pin : levels & ~pin;
}

void smg_audio_initialize(void) {
    drive(DETECTED_PIN, true);
    drive(PROCESSING_PIN, false);
}

void smg_audio_detected_pin(bool high) { drive(DETECTED_PIN, high); }

void smg_audio_processing_pin(bool high) { drive(PROCESSING_PIN, high); }
