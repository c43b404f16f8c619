# SPDX-License-Identifier: Apache-2.0
"""Joulescope JS220 through the ``joulescope`` package, an extra: current x voltage, a million samples a second.

The timestamp pin is on GPI0, whose level comes as the lowest bit of the current ("current_lsb"); its rising edge
counts, as in benchmark/runner of github.com/mlcommons/tiny. It measures and does not feed: the supply is another's.
(Written from the package's documentation, not tried on an instrument.)
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import numpy as np

from smidgen.energy.monitors.accumulate import Accumulator
from smidgen.energy.monitors.recording import RATE_HZ, Mark, Recording
from smidgen.energy.windows import Samples
from smidgen.errors import DeviceError, LinkLost, ProtocolError, ToolNotFound

RAW_HZ = 1_000_000
_PARAMETERS = (
    ("source", "raw"),
    ("sensor_power", "on"),
    ("sampling_frequency", RAW_HZ),
    ("io_voltage", "3.3V"),
    ("trigger_source", "gpi0"),
    ("current_lsb", "gpi0"),
)
_PAUSE_S = 0.01
_SILENT_S = 2.0


def open_js220(supply_v: float) -> Js220:
    """The one JS220 that is connected. ToolNotFound without the package, DeviceError without the instrument."""
    try:
        joulescope = import_module("joulescope")
    except ImportError:
        raise ToolNotFound("a Joulescope needs its package: pip install 'smidgen[joulescope]'") from None
    try:
        device = joulescope.scan_require_one(config="ignore")
        device.open()
    except Exception as e:  # the package raises RuntimeError, OSError and its own, by version
        raise DeviceError(f"no Joulescope can be opened: {e}. Is exactly one plugged in, and not in use?") from e
    return Js220(device, supply_v)


class Js220:
    """An open device of the package. ``supply_v`` is what the device is fed with, for the record."""

    def __init__(self, device: Any, supply_v: float) -> None:  # Any: the package is optional and not typed
        self._device, self._supply_v = device, supply_v
        self._sums = Accumulator(RAW_HZ, falling=False)
        self._next: int | None = None
        self._notes: list[str] = []
        self._closed = False

    def start(self) -> None:
        with _told("be configured"):
            for name, value in _PARAMETERS:
                self._device.parameter_set(name, value)
            self._device.start()

    def poll(self, seconds: float) -> None:
        """Everything the stream's buffer has, until ``seconds`` are over; LinkLost if it stays silent."""
        end, heard = time.monotonic() + seconds, time.monotonic()
        while (now := time.monotonic()) < end:
            with _told("be read"):
                taken = self._take()
            if taken:
                heard = now
            elif now - heard > _SILENT_S:
                raise LinkLost("the Joulescope sends nothing any more. Was it unplugged?")
            time.sleep(min(_PAUSE_S, max(end - now, 0.0)))
        self._check_alive()

    def _check_alive(self) -> None:
        buffer = self._device.stream_buffer
        if buffer is None:
            raise LinkLost("the Joulescope's stream has ended. Was it unplugged?")

    def _take(self) -> bool:
        """What is new in the buffer; samples that it no longer has are noted and count as no numbers."""
        buffer = self._device.stream_buffer
        span = None if buffer is None else buffer.sample_id_range
        if span is None or span[1] <= span[0]:
            return False
        begin, end = int(span[0]), int(span[1])
        if self._next is None:
            self._next = begin
        if self._next < begin:
            self._notes.append(f"{begin - self._next:,} raw samples were dropped: they were not read in time")
            missing = begin - self._next
            self._sums.add(np.full(missing, math.nan), np.empty(0, dtype=np.int64))
            self._next = begin
        if end <= self._next:
            return False
        signals = buffer.samples_get(self._next, end, fields=["current", "voltage", "current_lsb"])["signals"]
        current, voltage, level = (np.asarray(signals[k]["value"]) for k in ("current", "voltage", "current_lsb"))
        if not len(current) == len(voltage) == len(level) == end - self._next:
            raise ProtocolError("the Joulescope's buffer gives signals of different lengths. Is its package too new?")
        self._sums.add(current.astype(np.float64) * voltage, (level > 0).astype(np.int64))
        self._next = end
        return True

    def mark(self) -> Mark:
        return self._sums.mark()

    def since(self, mark: Mark) -> tuple[Samples, tuple[tuple[int, int], ...]]:
        return self._sums.since(mark)

    def notes(self) -> tuple[str, ...]:
        return tuple(self._notes)

    def stop(self) -> Recording:
        with _told("be read"):
            self._take()
            self._device.stop()
        samples = self._sums.samples_j()
        lost = int(np.count_nonzero(np.isnan(samples)))
        if not len(samples):
            raise ProtocolError("the Joulescope measured nothing. Is its sensor connected?")
        notes = [*self._notes]
        if lost:
            notes.append(f"{lost} of {len(samples)} milliseconds hold raw samples that were lost: they are no numbers")
        return Recording("js220", RATE_HZ, self._supply_v, samples, self._sums.event_list(), tuple(notes))

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for let_go in (self._device.stop, self._device.close):
            with contextlib.suppress(Exception):  # it may be gone, and there is nothing left to lose
                let_go()


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    """The package's errors as ours."""
    try:
        yield
    except DeviceError:
        raise
    except Exception as e:  # the package raises RuntimeError, OSError, ValueError and its own, by version
        raise LinkLost(f"the Joulescope cannot {what}: {e}. Was it unplugged?") from e
