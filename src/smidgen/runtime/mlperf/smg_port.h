/* SPDX-License-Identifier: Apache-2.0 */
/* What a board must provide to be a device under test. One file a port implements all of it; nothing else of the
 * firmware touches hardware. docs/mlperf-firmware.md says how to write one. */
#ifndef SMG_PORT_H
#define SMG_PORT_H
#include <stdbool.h>
#include <stdint.h>

/* Brings up clocks, then the serial port (8 data bits, no parity, 1 stop bit), the microsecond timer and the timestamp
 * pin, which idles high. Called once, with the core as start-up code leaves it. */
void smg_port_initialize(uint32_t baud);

/* True when a byte has arrived that smg_port_read has not returned yet. */
bool smg_port_readable(void);

/* Sleeps, or does nothing, until a byte may have arrived. */
void smg_port_wait(void);

/* The byte that has arrived; called only when smg_port_readable says so. */
uint8_t smg_port_read(void);

/* Moves bytes that have arrived to `to`, `most` at most (1 or more) and none behind the first '%'; returns how many, 0
 * if none has. Optional: without it bytes are read one by one. */
uint32_t smg_port_receive(uint8_t *to, uint32_t most);

/* Sends a byte, as soon as the line takes it. */
void smg_port_write(uint8_t byte);

/* Microseconds since some moment before; wraps from 2^32 - 1 to 0. */
uint32_t smg_port_microseconds(void);

/* Drives the timestamp pin: true is high, its idle state. */
void smg_port_timestamp_pin(bool high);

/* The core's clock: how long a turn of an empty loop can be at the least. */
extern const uint32_t smg_port_core_hertz;

#endif
