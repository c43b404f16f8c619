# SPDX-License-Identifier: Apache-2.0
"""A board that is not there: an emulated core with a serial line, a timer, pins and a microphone in modelled time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from unicorn import UC_HOOK_CODE, Uc

from smidgen.build.elf import read_elf
from smidgen.errors import SimulationError, UsageError
from smidgen.mlperf.board import energy, registers
from smidgen.mlperf.board.audio import AudioStream
from smidgen.mlperf.board.clock import Clock
from smidgen.mlperf.board.gate import Gate
from smidgen.mlperf.board.meter import BEGIN, END, InferenceCost, InferenceMeter, count, count_loop
from smidgen.mlperf.board.peripherals import Devices, Peripherals
from smidgen.mlperf.board.pins import PinEvent, Pins
from smidgen.mlperf.board.uart import Uart
from smidgen.mlperf.link import PERFORMANCE_BAUD
from smidgen.sim.core import EmulatedCore
from smidgen.sim.simulator import Limits
from smidgen.targets import Target

_FAULT = "smg_fault"
_SLICE_S = 1.0


@dataclass(frozen=True, slots=True)
class BoardSettings:
    """``memory_system``: time with the flash's wait states and cache. ``counted_singles``: how many inferences that
    come one at a time are counted before their mean stands for the others. ``hang_seconds`` of wall time without a
    sign of life end a run."""

    baud: int = PERFORMANCE_BAUD
    memory_system: bool = True
    counted_singles: int = 1
    hang_seconds: float = 60.0
    cost: InferenceCost | None = None  # of each inference, counted elsewhere; None: counted here
    audio: bytes = b""
    """16 kHz, 16 bits, one channel."""


class VirtualBoard:
    """State: the core and its devices. Time is modelled and depends on nothing but what the board was sent.

    ``send`` and ``receive`` are the two ends of the serial line; ``run`` lets the core work. Used as a context manager,
    or closed, so that no thread stays behind.
    """

    def __init__(self, elf: Path, target: Target, settings: BoardSettings | None = None) -> None:
        """ImageError if the file is not benchmark firmware for this target."""
        self.target = target
        self.settings = settings or BoardSettings()
        if not 300 <= self.settings.baud <= target.clock_hz // 10:
            raise UsageError(f"{self.settings.baud} baud: use 300 to {target.clock_hz // 10}; 115200 is usual")
        self._elf = read_elf(elf)
        self._begin, self._end = (self._elf.symbol(name).address for name in (BEGIN, END))
        self._gate = Gate()
        self.reset()

    def reset(self) -> None:
        """As the reset button: memory, clock, pins and both queues start anew."""
        self.clock = Clock(self.target.clock_hz)
        self._uart = Uart(self.clock, self.settings.baud)
        self._pins = Pins(self.clock)
        self._audio = AudioStream(self.clock, self.settings.audio)
        self._meter = InferenceMeter(self.clock, self._count, self._count_loop, self.settings.counted_singles)
        devices = Devices(self.clock, self._uart, self._pins, self._audio, self._meter)
        self._page = Peripherals(devices, self._gate)
        self._core = EmulatedCore(self._elf, self.target, {registers.BASE: self._page})
        self._page.attach(self._core)
        self._core.reset()
        self._fault = ""
        self._hook(self._begin, self._meter_begin)
        self._hook(self._end, self._meter_end)
        if _FAULT in self._elf.by_name:
            self._hook(self._elf.symbol(_FAULT).address, self._on_fault)

    def send(self, data: bytes) -> None:
        """The host writes to the line."""
        self._uart.feed(data)
        self._page.asleep = self._page.asleep and not data

    @property
    def waiting_bytes(self) -> int:
        """What was sent to the board and not read by its core."""
        return self._uart.waiting_bytes

    def receive(self, until: float | None = None) -> bytes:
        """What the board has sent since, all of it or (``until``) what had left by that modelled second."""
        return self._uart.take(None if until is None else self.clock.cycles_of(until))

    def run(self, seconds: float = 0.0) -> bool:
        """Lets the core work until it sleeps, or waits for the host to read, or ``seconds`` of wall time are over (0:
        no limit). True if it sleeps. SimulationError if the firmware faults or shows no sign of life."""
        deadline = time.monotonic() + seconds if seconds else None
        alive, seen = time.monotonic(), -1
        while not self.asleep and not self._uart.full:
            self._raise_fault()
            now = time.monotonic()
            if self._page.accesses != seen:
                alive, seen = now, self._page.accesses
            if now - alive > self.settings.hang_seconds:
                self._fault = f"the firmware did nothing for {self.settings.hang_seconds:g} s{self._core.place()}"
                self._raise_fault()
            if deadline is not None and now >= deadline:
                break
            try:
                self._gate.run(self._core, _SLICE_S if deadline is None else min(_SLICE_S, deadline - now))
            except SimulationError as error:
                self._fault = str(error)
        self._raise_fault()
        return self.asleep

    @property
    def asleep(self) -> bool:
        """Whether the core waits for the host to write."""
        return self._page.asleep

    def idle_until(self, seconds: float) -> None:
        """Time goes by while the core sleeps; nothing happens if its clock is past that."""
        if self.asleep:
            self.clock.reach(self.clock.cycles_of(seconds))
            self._uart.idle()

    @property
    def next_sent_at(self) -> float | None:
        """When the oldest byte that nobody has received had left, in modelled seconds."""
        at = self._uart.next_at
        return None if at is None else at / self.clock.hertz

    @property
    def seconds(self) -> float:
        """Modelled time since reset."""
        self._meter.settle()
        return self.clock.seconds

    @property
    def inferences(self) -> int:
        """How many were made since reset."""
        return self._meter.inferences

    @property
    def counted(self) -> tuple[InferenceCost, ...]:
        """What was counted since reset, in order."""
        return tuple(self._meter.counted)

    @property
    def pin_events(self) -> tuple[PinEvent, ...]:
        return tuple(self._pins.events)

    @property
    def lost_frames(self) -> int:
        """Frames of audio that came while too many waited."""
        return self._audio.lost_frames

    def energy_samples(self, start: float, end: float, rate_hz: float = 1000.0) -> npt.NDArray[np.float64]:
        """Modelled joules of each period from ``start`` to ``end`` (modelled seconds); see board/energy.py."""
        self._meter.settle()
        return energy.samples(self.target, self._meter.busy, start, end, rate_hz)

    def close(self) -> None:
        self._gate.close()

    def __enter__(self) -> VirtualBoard:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    def _count(self) -> InferenceCost:
        if self.settings.cost is not None:
            return self.settings.cost
        return count(self._core, Limits(self.settings.hang_seconds), memory_system=self.settings.memory_system)

    def _count_loop(self) -> int | None:
        if self.settings.cost is not None:
            return None
        return count_loop(self._core, Limits(self.settings.hang_seconds))

    def _hook(self, address: int, action: object) -> None:
        self._core.uc.hook_add(UC_HOOK_CODE, action, begin=address, end=address)

    def _meter_begin(self, uc: Uc, address: int, nbytes: int, data: object) -> None:
        with self._gate.lock:
            if not self._gate.refuses():
                self._page.accesses += 1
                self._meter.begin()

    def _meter_end(self, uc: Uc, address: int, nbytes: int, data: object) -> None:
        with self._gate.lock:
            if not self._gate.refuses():
                self._page.accesses += 1
                self._meter.end()

    def _on_fault(self, uc: Uc, address: int, nbytes: int, data: object) -> None:
        caller = self._core.lr & ~1
        called = f"(lr {caller:#010x} in {self._elf.function_at(caller)})"
        self._fault = f"the firmware stopped in its fault handler {called}"
        self._core.stop()

    def _raise_fault(self) -> None:
        if self._fault:
            raise SimulationError(f"{self._elf.path.name}: {self._fault}; reset the board")
