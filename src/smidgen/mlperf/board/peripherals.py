# SPDX-License-Identifier: Apache-2.0
"""The page of registers between the core and the board's devices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from smidgen.mlperf.board import registers as r
from smidgen.mlperf.board.audio import AudioStream
from smidgen.mlperf.board.clock import Clock
from smidgen.mlperf.board.gate import Gate
from smidgen.mlperf.board.meter import InferenceMeter
from smidgen.mlperf.board.pins import Pins
from smidgen.mlperf.board.uart import Uart
from smidgen.sim.core import EmulatedCore

ACCESS_CYCLES = 10
"""Assumed for one access with the few instructions around it, so that a loop that waits for the timer ends."""

_POLLS_ASLEEP = 1000
"""Reads of an idle UART's status, with nothing between them, that count as waiting for it."""


@dataclass(frozen=True, slots=True)
class Devices:
    """What lies behind the page."""

    clock: Clock
    uart: Uart
    pins: Pins
    audio: AudioStream
    meter: InferenceMeter


class Peripherals:
    """State: what the registers hold, and whether the core has gone to sleep. Meets ``Page``."""

    def __init__(self, devices: Devices, gate: Gate) -> None:
        self._clock, self._uart, self._pins = devices.clock, devices.uart, devices.pins
        self._audio, self._meter, self._gate = devices.audio, devices.meter, gate
        self._core: EmulatedCore | None = None
        self._address = 0
        self._match: int | None = None
        self._moved: dict[int, int] = {r.UART_RECEIVE: 0, r.AUDIO_RECEIVE: 0}
        self._idle_polls = 0
        self.asleep = False
        self.accesses = 0
        self._readers: Mapping[int, Callable[[], int]] = {
            r.UART_STATUS: self._uart_status,
            r.UART_DATA: lambda: int.from_bytes(self._receive(1, None), "little"),
            r.TIMER_US: lambda: self._clock.microseconds & 0xFFFF_FFFF,
            r.PIN: lambda: self._pins.levels,
            r.AUDIO_STATUS: self._audio_status,
            r.AUDIO_DATA: self._audio_word,
            r.UART_RECEIVE: lambda: self._moved[r.UART_RECEIVE],
            r.AUDIO_RECEIVE: lambda: self._moved[r.AUDIO_RECEIVE],
        }
        self._writers: Mapping[int, Callable[[int], None]] = {
            r.UART_DATA: lambda value: self._send(bytes((value & 0xFF,))),
            r.UART_WAIT: lambda value: self._wait(self._uart.waiting_bytes > 0),
            r.PIN: lambda value: self._pins.write(value & 7),
            r.AUDIO_CONTROL: lambda value: self._audio.control(value),
            r.AUDIO_WAIT: self._audio_wait,
            r.BLOCK_ADDRESS: self._set_address,
            r.UART_RECEIVE: self._receive_block,
            r.UART_SEND: lambda value: self._send(self.core.read(self._address, value)),
            r.UART_MATCH: self._set_match,
            r.AUDIO_RECEIVE: self._receive_frame,
        }

    @property
    def core(self) -> EmulatedCore:
        assert self._core is not None
        return self._core

    def attach(self, core: EmulatedCore) -> None:
        self._core = core

    def read(self, offset: int, nbytes: int) -> int:
        with self._gate.lock:
            if self._gate.refuses():
                return 0
            self._enter(offset)
            reader = self._readers.get(offset)
            return reader() if reader is not None else 0

    def write(self, offset: int, nbytes: int, value: int) -> None:
        with self._gate.lock:
            if self._gate.refuses():
                return
            if self._uart.full and offset in (r.UART_DATA, r.UART_SEND):
                self.core.stop()  # the access is made again once the host has read
                return
            self._enter(offset)
            writer = self._writers.get(offset)
            if writer is not None:
                writer(value)

    def _enter(self, offset: int) -> None:
        self.accesses += 1
        self.asleep = False
        if offset != r.UART_STATUS:
            self._idle_polls = 0
        self._meter.settle()
        self._clock.advance(ACCESS_CYCLES)

    def _wait(self, ready: bool) -> None:
        if not ready:
            self.asleep = True
            self._clock.advance(-ACCESS_CYCLES)  # made again when the core wakes up
            self.core.stop()

    def _uart_status(self) -> int:
        if self._uart.waiting_bytes:
            return r.BYTE_ARRIVED | r.ROOM_TO_SEND
        self._clock.advance(-ACCESS_CYCLES)  # how often a core asks an idle line depends on the host
        self._idle_polls += 1
        if self._idle_polls >= _POLLS_ASLEEP:
            self._idle_polls = 0
            self.asleep = True
            self.core.stop()
        return r.ROOM_TO_SEND

    def _receive(self, most: int, match: int | None) -> bytes:
        data = self._uart.receive(most, match)
        if data:
            self._meter.new_input()
        return data

    def _send(self, data: bytes) -> None:
        self._uart.send(data)

    def _set_address(self, value: int) -> None:
        self._address = value

    def _set_match(self, value: int) -> None:
        self._match = value & 0xFF

    def _receive_block(self, most: int) -> None:
        self._moved[r.UART_RECEIVE] = self._move(self._receive(most, self._match))

    def _receive_frame(self, value: int) -> None:
        frame = self._audio.frame()
        if frame:
            self._meter.new_input()
        self._moved[r.AUDIO_RECEIVE] = self._move(frame)

    def _move(self, data: bytes) -> int:
        if data:
            self.core.write(self._address, data)
        return len(data)

    def _audio_status(self) -> int:
        return (
            (r.FRAME_WAITS if self._audio.frame_waits else 0)
            | (r.STREAM_ENDED if self._audio.ended else 0)
            | (r.FRAMES_LOST if self._audio.lost_frames else 0)
        )

    def _audio_word(self) -> int:
        self._meter.new_input()
        return self._audio.word()

    def _audio_wait(self, value: int) -> None:
        self._audio.wait()
