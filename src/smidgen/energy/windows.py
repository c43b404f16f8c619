# SPDX-License-Identifier: Apache-2.0
"""The measured windows of an energy trace, whichever runner recorded it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from smidgen.errors import InvalidInput

Samples = NDArray[np.float64]

WINDOWS = 5
"""How many windows a valid result is the median of (MLPerf Tiny rules, section Energy)."""

LEAST_SECONDS = 10.0
"""How long each window has to last (the same)."""

LEAST_INFERENCES = 10
"""How many inferences each has to hold (the same)."""

LARGEST_FILE_BYTES = 1 << 29
"""What is read of a trace at most: 37 hours at 1 kHz."""


@dataclass(frozen=True, slots=True)
class EnergyWindow:
    """One window. ``number`` is the runner's own: 2, 4, 6... (EnergyRunner) or 0, 1, 2... (Python runner).

    ``inferences`` is None where neither log nor results say how many there were, and for a stream of audio.
    """

    number: int
    begin_s: float
    end_s: float
    samples: int
    energy_uj: float
    power_mw: float
    inferences: int | None

    @property
    def seconds(self) -> float:
        return self.end_s - self.begin_s

    @property
    def uj_per_inference(self) -> float | None:
        return None if self.inferences is None else self.energy_uj / self.inferences


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure of results.txt beside the same figure recomputed; ``agrees`` allows for the printed digits only."""

    what: str
    printed: float
    recomputed: float
    agrees: bool


@dataclass(frozen=True, slots=True)
class TraceReport:
    """What a recorded run took. Energies in microjoules, power in milliwatts; ``notes`` say what is not as the rules
    ask, ``compared`` every figure of results.txt that could be recomputed."""

    folder: Path
    runner: Literal["EnergyRunner", "MLC"]
    sample_rate_hz: float
    supply_v: float | None
    windows: tuple[EnergyWindow, ...]
    compared: tuple[Compared, ...]
    notes: tuple[str, ...]

    @property
    def median_uj_per_inference(self) -> float | None:
        """The result: the median over the windows; None if any window's number of inferences is not known."""
        return median_uj(self.windows)

    @property
    def mean_power_mw(self) -> float:
        """Energy of all windows over their time."""
        seconds = math.fsum(w.samples for w in self.windows) / self.sample_rate_hz
        return math.fsum(w.energy_uj for w in self.windows) / seconds / 1e3

    @property
    def differences(self) -> tuple[Compared, ...]:
        return tuple(c for c in self.compared if not c.agrees)


def median_uj(windows: Sequence[EnergyWindow]) -> float | None:
    """The median energy an inference, None if any window's number of inferences is not known."""
    each = [w.uj_per_inference for w in windows]
    known = [e for e in each if e is not None]
    return statistics.median(known) if known and len(known) == len(each) else None


def make_window(
    samples_uj: Samples, span: tuple[int, int], seconds: tuple[float, float], number: int, rate_hz: float, where: str
) -> EnergyWindow:
    """The window of ``samples_uj[span[0]:span[1]]``; InvalidInput if it is empty or a sample is not a number."""
    inside = samples_uj[span[0] : span[1]]
    if not len(inside):
        raise InvalidInput(
            f"{where}: window {number} ({seconds[0]:g} s to {seconds[1]:g} s) holds no sample. "
            f"Timestamps and trace do not belong together, or the trace was cut"
        )
    bad = np.flatnonzero(~np.isfinite(inside))
    if len(bad):
        at = span[0] + int(bad[0])
        raise InvalidInput(
            f"{where}: sample {at} in window {number} is {samples_uj[at]}, and {len(bad)} of the window's "
            f"{len(inside)} samples are no numbers. The instrument lost data: measure again"
        )
    energy = math.fsum(inside.tolist())
    power_mw = energy * rate_hz / len(inside) / 1e3
    return EnergyWindow(number, seconds[0], seconds[1], len(inside), energy, power_mw, None)


def with_given(windows: Sequence[EnergyWindow], inferences: Sequence[int], where: str) -> tuple[EnergyWindow, ...]:
    """The windows with as many inferences as the user says: one number for all, or one for each. InvalidInput."""
    each = list(inferences) * (len(windows) if len(inferences) == 1 else 1)
    if len(each) != len(windows) or any(n < 1 for n in each):
        raise InvalidInput(f"{where}: {len(windows)} windows, but the inferences given are {list(inferences)}")
    return tuple(replace(w, inferences=n) for w, n in zip(windows, each, strict=True))


def compare(what: str, printed: tuple[float, int], recomputed: float) -> Compared:
    """``printed`` is a value and its digits behind the point: half a unit there is rounding, 1e-11 the sums' order."""
    value, digits = printed
    allowed = 0.5000001 * 10.0**-digits + 1e-11 * abs(recomputed)
    return Compared(what, value, recomputed, abs(value - recomputed) <= allowed)


def rule_notes(windows: Sequence[EnergyWindow]) -> list[str]:
    """What the benchmark's rules ask for and these windows do not give."""
    notes = [
        f"window {w.number} lasts {w.seconds:.3f} s; the rules ask for at least {LEAST_SECONDS:g} s"
        for w in windows
        if w.seconds < LEAST_SECONDS - 1e-9
    ]
    notes += [
        f"window {w.number} holds {w.inferences} inferences; the rules ask for at least {LEAST_INFERENCES}"
        for w in windows
        if w.inferences is not None and w.inferences < LEAST_INFERENCES
    ]
    if len(windows) != WINDOWS:
        notes.append(f"there are {len(windows)} windows; the rules ask for {WINDOWS}")
    return notes


def read_bytes(path: Path) -> bytes:
    """The file's content; InvalidInput if it is missing, unreadable or larger than any trace."""
    try:
        if not path.is_file():
            raise InvalidInput(f"{path} does not exist. Give the folder that holds the trace")
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise InvalidInput(f"{path} has {path.stat().st_size:,} bytes, more than any trace. Is it another file?")
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from None
