# SPDX-License-Identifier: Apache-2.0
"""The addresses of the virtual board's peripherals: one page of 32-bit registers.

runtime/mlperf/ports/virtual is the other side of this file.
"""

from __future__ import annotations

BASE = 0x4007_0000

UART_STATUS = 0x00
"""R: bit 0 a byte has arrived, bit 1 there is room to send."""
UART_DATA = 0x04
"""R: the next byte, 0 if there is none. W: send."""
UART_WAIT = 0x08
"""W: sleep until a byte has arrived."""
TIMER_US = 0x0C
"""R: modelled microseconds since reset, modulo 2^32."""
PIN = 0x10
"""W: bit 0 timestamp, bit 1 wakeword detected (both idle high), bit 2 processing. R: the levels."""
AUDIO_STATUS = 0x14
"""R: bit 0 a frame waits, bit 1 the stream has ended, bit 2 frames were lost since the start."""
AUDIO_DATA = 0x18
"""R: the next two samples of the frame, the earlier one in the low half."""
AUDIO_CONTROL = 0x1C
"""W: 1 starts the stream from its beginning, 0 stops it."""
AUDIO_WAIT = 0x20
"""W: sleep until AUDIO_STATUS is not 0."""
BLOCK_ADDRESS = 0x24
"""W: where in RAM the next block goes to, or comes from."""
UART_RECEIVE = 0x28
"""W: move what has arrived, n bytes at most, to BLOCK_ADDRESS; ends behind the byte in UART_MATCH. R: bytes moved."""
UART_SEND = 0x2C
"""W: send n bytes from BLOCK_ADDRESS."""
UART_MATCH = 0x30
"""W: the byte that ends a received block (a UART's character match); none at reset."""
AUDIO_RECEIVE = 0x34
"""W: move the waiting frame, 1024 bytes, to BLOCK_ADDRESS. R: bytes moved, 0 if none waited."""

BYTE_ARRIVED, ROOM_TO_SEND = 1, 2
FRAME_WAITS, STREAM_ENDED, FRAMES_LOST = 1, 2, 4
TIMESTAMP_PIN, DETECTED_PIN, PROCESSING_PIN = 1, 2, 4
PINS_AT_RESET = TIMESTAMP_PIN | DETECTED_PIN
