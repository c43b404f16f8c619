# SPDX-License-Identifier: Apache-2.0
"""Energy of recorded runs: EnergyRunner's binary trace, and the Python runner's results.json.

EnergyRunner writes trace1-energy.bin (byte 0xF1, the sample rate as a little-endian float32, then float32 samples,
each the microjoules of one period) and trace1-timestamps.json (seconds from the start of the trace: one mark, then two
for each window). A sample belongs to the window that its time lies in, and its time is *accumulated*: 1/rate added
again and again in double precision. The drift of that sum decides samples at the borders, so it is done likewise here.
"""

from __future__ import annotations

import itertools
import json
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from smidgen.energy.mlc_trace import RESULTS_JSON, analyse_results
from smidgen.energy.printed import Printed, compared, logged_inferences, parse_results, read_text
from smidgen.energy.windows import (
    EnergyWindow,
    Samples,
    TraceReport,
    make_window,
    read_bytes,
    rule_notes,
    with_given,
)
from smidgen.errors import InvalidInput

ENERGY_BIN = "trace1-energy.bin"
TIMESTAMPS_JSON = "trace1-timestamps.json"
MAGIC = 0xF1
_HEADER = struct.Struct("<Bf")
_MOST_HZ = 10e6


@dataclass(frozen=True, slots=True)
class Trace:
    """What EnergyRunner recorded: microjoules a sample period, and seconds at which the device moved its pin."""

    rate_hz: float
    samples_uj: Samples
    timestamps_s: tuple[float, ...]

    def times_s(self) -> Samples:
        """When each sample's period begins, by accumulation; one more at the end, when the trace ends."""
        steps = np.full(len(self.samples_uj) + 1, 1.0 / self.rate_hz)
        steps[0] = 0.0
        return np.cumsum(steps)  # sequential in double precision: the drift is wanted


def analyse(folder: Path, inferences: Sequence[int] | None = None) -> TraceReport:
    """Energy of every window in ``folder``, and how it compares with results.txt where that is there.

    ``inferences`` is N of ``infer N W``: one for all windows, or one for each. Without it N is taken from the Python
    runner's results.json, from log.txt, or from results.txt. InvalidInput for a trace that is missing, damaged or
    contradicts itself.
    """
    if not folder.is_dir():
        raise InvalidInput(f"{folder} is not a folder. Give the one that holds {ENERGY_BIN} or {RESULTS_JSON}")
    if (folder / ENERGY_BIN).exists():
        return _analyse_trace(folder, inferences)
    if (folder / RESULTS_JSON).exists():
        return analyse_results(folder, inferences)
    raise InvalidInput(f"{folder} holds no trace: neither {ENERGY_BIN} (EnergyRunner) nor {RESULTS_JSON} (MLC runner)")


def _analyse_trace(folder: Path, inferences: Sequence[int] | None) -> TraceReport:
    trace = read_trace(folder)
    results, log = read_text(folder / "results.txt"), read_text(folder / "log.txt")
    printed = Printed() if results is None else parse_results(results)
    windows, notes = trace_windows(trace, str(folder / ENERGY_BIN))
    windows = with_inferences(windows, inferences, logged_inferences(log or ""), printed, str(folder))
    if any(w.inferences is None for w in windows):
        notes.append("how many inferences a window holds is not known: log.txt and results.txt are missing or silent")
    agreement = compared(windows, printed, "window", 1e3)
    return TraceReport(folder, "EnergyRunner", trace.rate_hz, None, windows, agreement, (*notes, *rule_notes(windows)))


def read_trace(folder: Path) -> Trace:
    """The trace in ``folder``; InvalidInput for a file that is missing or not what it should be."""
    rate, samples = parse_energy(read_bytes(folder / ENERGY_BIN), str(folder / ENERGY_BIN))
    stamps = parse_timestamps(read_bytes(folder / TIMESTAMPS_JSON), str(folder / TIMESTAMPS_JSON))
    return Trace(rate, samples, stamps)


def parse_energy(data: bytes, where: str) -> tuple[float, Samples]:
    """Sample rate in hertz and the samples in microjoules."""
    if len(data) < _HEADER.size:
        raise InvalidInput(f"{where}: {len(data)} bytes; a trace begins with a header of {_HEADER.size}")
    magic, rate = _HEADER.unpack_from(data)
    if magic != MAGIC:
        raise InvalidInput(f"{where}: begins with 0x{magic:02X}, not 0x{MAGIC:02X}: not a trace of EnergyRunner")
    if not (math.isfinite(rate) and 0 < rate <= _MOST_HZ):
        raise InvalidInput(f"{where}: the sample rate is {rate} Hz, which no instrument has: the file is damaged")
    if (len(data) - _HEADER.size) % 4:
        raise InvalidInput(f"{where}: {len(data)} bytes end in the middle of a sample: the file was cut short")
    samples = np.frombuffer(data, "<f4", offset=_HEADER.size).astype(np.float64)
    if not len(samples):
        raise InvalidInput(f"{where}: holds no samples")
    return float(rate), samples


def parse_timestamps(data: bytes, where: str) -> tuple[float, ...]:
    """Seconds, ascending."""
    try:
        values = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{where}: not JSON: {error}") from None
    if not isinstance(values, list):
        raise InvalidInput(f"{where}: a list of seconds is expected, not {type(values).__name__}")
    stamps: list[float] = []
    for i, value in enumerate(values):
        ok = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e9
        if not ok:
            raise InvalidInput(f"{where}: entry {i} is {_short(value)}, not seconds from the start of the trace")
        stamps.append(float(value))
    for i, (earlier, later) in enumerate(itertools.pairwise(stamps)):
        if later <= earlier:
            raise InvalidInput(f"{where}: entry {i + 1} ({later:g} s) is not after the one before ({earlier:g} s)")
    if len(stamps) < 3:
        raise InvalidInput(
            f"{where}: {len(stamps)} timestamps; one mark and two for each window are expected, 11 for five windows. "
            f"Was the pin connected?"
        )
    return tuple(stamps)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def trace_windows(trace: Trace, where: str) -> tuple[tuple[EnergyWindow, ...], list[str]]:
    """The windows, without their numbers of inferences, and what is odd about them."""
    stamps, times = trace.timestamps_s, trace.times_s()
    if stamps[-1] > times[-1] + 0.5 / trace.rate_hz:
        raise InvalidInput(
            f"{where}: ends at {times[-1]:.3f} s, but the last timestamp is at {stamps[-1]:.3f} s: "
            f"the trace was cut short, or the timestamps are of another run"
        )
    windows = []
    for w in range(2, len(stamps), 2):
        begin, end = stamps[w - 1], stamps[w]
        low, high = (int(np.searchsorted(times[:-1], t, side="left")) for t in (begin, end))
        windows.append(make_window(trace.samples_uj, (low, high), (begin, end), w, trace.rate_hz, where))
    notes = []
    if len(stamps) % 2 == 0:
        notes.append(
            f"{len(stamps)} timestamps: the last one closes no window (one mark, then two a window, are usual)"
        )
    outside = int(np.count_nonzero(~np.isfinite(trace.samples_uj)))
    if outside:
        notes.append(f"{outside} samples outside the windows are no numbers: the instrument lost data there")
    return tuple(windows), notes


def with_inferences(
    windows: Sequence[EnergyWindow],
    given: Sequence[int] | None,
    logged: Sequence[int],
    printed: Printed,
    where: str,
) -> tuple[EnergyWindow, ...]:
    """The windows with N: as given, else as the device logged it, else as results.txt has it."""
    if given is not None:
        return with_given(windows, given, where)
    if len(logged) == len(windows) and all(logged):
        return tuple(replace(w, inferences=n) for w, n in zip(windows, logged, strict=True))
    return tuple(replace(w, inferences=printed.inferences.get(w.number) or None) for w in windows)
