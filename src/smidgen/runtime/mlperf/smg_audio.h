/* SPDX-License-Identifier: Apache-2.0 */
/* What a port provides on top of smg_port.h to listen to a stream: audio in frames, and two pins. */
#ifndef SMG_AUDIO_H
#define SMG_AUDIO_H
#include <stdbool.h>
#include <stdint.h>

/* Brings up what follows, after smg_port_initialize; both pins idle. Called once. */
void smg_audio_initialize(void);

/* Begins to receive audio into buffers of its own, channel 0 of 16-bit samples; the frame that is being received when
 * the function is called is the first. Ends it. */
void smg_audio_start(void);
void smg_audio_stop(void);

/* Copies the oldest frame that waits, SMG_FEATURES_HOP samples; false if there is none. */
bool smg_audio_take(int16_t *samples);

/* True once no frame will follow; a microphone never ends. */
bool smg_audio_ended(void);

/* True if frames were lost since the start, because the device took too long. */
bool smg_audio_lost(void);

/* Sleeps, or does nothing, until a frame or a byte of the serial line may have arrived. */
void smg_audio_wait(void);

/* Drive the pins: a detection is a low pulse of 1 us or more, idle is high; processing is high while a frame is
 * worked on. */
void smg_audio_detected_pin(bool high);
void smg_audio_processing_pin(bool high);

#endif
