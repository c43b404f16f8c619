# SPDX-License-Identifier: Apache-2.0
"""What an instrument gives, whichever it is, and how a measurement is taken."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from smidgen.energy.windows import Samples

RATE_HZ = 1000.0
"""Samples a second of every recording: the rate of both runners' traces."""

_SLICE_S = 0.1


class Line(Protocol):
    """A serial line, as smidgen.mlperf.link has it. Methods raise LinkLost once it is gone."""

    @property
    def name(self) -> str: ...

    def write(self, data: bytes) -> None: ...

    def read(self, timeout: float) -> bytes: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Recording:
    """Joules of each period of 1/rate_hz; NaN where the instrument lost data. ``events`` are edges of the device's
    timestamp pin: a counter, and how many samples came before. ``notes`` say what went wrong on the way."""

    instrument: str
    rate_hz: float
    supply_v: float
    samples_j: Samples
    events: tuple[tuple[int, int], ...]
    notes: tuple[str, ...]

    @property
    def seconds(self) -> float:
        return len(self.samples_j) / self.rate_hz

    @property
    def energy_j(self) -> float:
        """Of the samples that are numbers."""
        return math.fsum(float(s) for s in self.samples_j if math.isfinite(s))

    @property
    def power_w(self) -> float:
        """Mean over the samples that are numbers; NaN without any."""
        good = sum(1 for s in self.samples_j if math.isfinite(s))
        return self.energy_j * self.rate_hz / good if good else math.nan

    def results_json(self, iterations: int | None) -> str:
        """The recording as one trial of the Python runner's results.json (benchmark/runner of mlcommons/tiny)."""
        power = {
            "samples": [float(s) for s in self.samples_j],
            "timestamps": [[f"{counter:02}", sample] for counter, sample in self.events],
            "extracted_power": None,
            "voltage": self.supply_v,
        }
        infer = {} if iterations is None else {"iterations": iterations}
        return json.dumps([{"infer": infer, "power": power}])


Mark = tuple[int, int]
"""A place in a measurement that goes on: how many samples and how many edges came before."""


class EnergyMonitor(Protocol):
    """An instrument that feeds the device and measures what it takes.

    Methods raise DeviceError: LinkLost if the instrument is gone, NoAnswer, ProtocolError for what makes no sense.
    """

    def start(self) -> None:
        """Feed the device and begin to measure."""

    def poll(self, seconds: float) -> None:
        """Take in what is measured in the next ``seconds``."""

    def mark(self) -> Mark:
        """How much was measured until now. As ``since``, for another thread than the one that polls."""

    def since(self, mark: Mark) -> tuple[Samples, tuple[tuple[int, int], ...]]:
        """Joules a millisecond measured after ``mark``, and the edges after it, as Recording has them."""

    def notes(self) -> tuple[str, ...]:
        """What went wrong until now; for another thread as well."""

    def stop(self) -> Recording:
        """End the measurement."""

    def close(self) -> None:
        """Let go of the instrument, and of the device's supply; again, and after any error, is harmless."""


def capture(
    monitor: EnergyMonitor,
    seconds: float,
    told: Callable[[float], None] = lambda done: None,
    clock: Callable[[], float] = time.monotonic,
) -> Recording:
    """Measure for ``seconds``; ``told`` learns how many are done. The instrument is let go of whatever happens."""
    try:
        monitor.start()
        begun = clock()
        while (done := clock() - begun) < seconds:
            told(done)
            monitor.poll(min(_SLICE_S, seconds - done))
        told(seconds)
        return monitor.stop()
    finally:
        monitor.close()
