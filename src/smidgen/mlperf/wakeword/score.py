# SPDX-License-Identifier: Apache-2.0
"""Scores of a streaming wakeword run, as benchmark/runner/streaming_ww_utils.py of mlcommons/tiny (1afd2c9) counts.

Detections are milliseconds of the interface board's clock; the first one is the device's mark of its first frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from smidgen.errors import ProtocolError

ACCEPT_S = 2.0
"""How long after a word's end a detection still counts as its. Documented as 1 s, but the runner adds it twice."""

DEBOUNCE_MS = 1_000
"""Detections this close after a false one are not counted again."""

TICK_S = 10e-6
"""Of the interface board's clock."""

STEADY = 0.02
"""Periods that vary by more than this share of their mean get a warning."""


@dataclass(frozen=True, slots=True)
class Score:
    """``found_s`` and ``missed_s`` are starts of words; ``false_s`` times of false detections since the first frame."""

    found_s: tuple[float, ...]
    missed_s: tuple[float, ...]
    false_s: tuple[float, ...]

    @property
    def line(self) -> str:
        """What results.txt says."""
        return (
            f"Accuracy: {len(self.found_s)} True positives, {len(self.missed_s)} False negatives, "
            f"{len(self.false_s)} False positives"
        )


def score(detections_ms: Sequence[int], words_s: Sequence[tuple[float, float]]) -> Score:
    """Words in the order given take all detections in [start, end + ACCEPT_S]; what is left is debounced, in order.

    ProtocolError without any detection: even a device that hears nothing marks its first frame.
    """
    if not detections_ms:
        raise ProtocolError(
            "the device marked no detection, not even that of its first frame: it did not process any audio. Check "
            "that `start` was sent before the audio and that the audio reaches the device"
        )
    left = [t - detections_ms[0] for t in detections_ms[1:]]
    found: list[float] = []
    missed: list[float] = []
    for start, end in words_s:
        last = end + ACCEPT_S / 2 + ACCEPT_S / 2  # two roundings, as there
        rest = [t for t in left if not start <= t / 1000 <= last]
        (found if len(rest) < len(left) else missed).append(start)
        left = rest
    i = 0
    while i < len(left):
        left = [t for t in left if not left[i] < t <= left[i] + DEBOUNCE_MS]
        i += 1
    return Score(tuple(found), tuple(missed), tuple(t / 1000 for t in left))


@dataclass(frozen=True, slots=True)
class DutyCycle:
    """Means over the frames that were recorded (the interface board keeps the first 100). Times in seconds."""

    duty_cycle: float
    period_s: float
    processing_time_s: float
    starts_s: tuple[float, ...]
    stops_s: tuple[float, ...]
    remarks: tuple[str, ...]

    @property
    def throughput(self) -> float:
        """Inferences a second, were they done without a pause: features are part of the time."""
        return 1.0 / self.processing_time_s

    @property
    def lines(self) -> tuple[str, ...]:
        """What results.txt says."""
        return (
            f"Average duty cycle: {self.duty_cycle:1.5}",
            f"Average period: {self.period_s:1.5} s",
            f"Estimated throughput: {self.throughput:1.5} inf./sec.",
        )


def duty_cycle(start_ticks: Sequence[int], stop_ticks: Sequence[int]) -> DutyCycle:
    """From the edges of the processing pin, in ticks of 10 us. ProtocolError with too few of them to tell."""
    starts, stops = np.array(start_ticks, dtype=np.int64) * TICK_S, np.array(stop_ticks, dtype=np.int64) * TICK_S
    remarks = []
    if len(starts) != len(stops):
        remarks.append(f"{len(starts)} starts and {len(stops)} stops of processing: what is over is left out")
        starts, stops = starts[: len(stops)], stops[: len(starts)]
    if len(starts) < 2:
        raise ProtocolError(
            f"{len(starts)} frames were recorded on the processing pin: a duty cycle takes at least 2. Play a longer "
            "file, and check that the pin is connected"
        )
    periods, on = np.diff(starts), stops - starts
    period, processing = float(np.mean(periods)), float(np.mean(on))
    if period <= 0 or processing <= 0:
        raise ProtocolError("the processing pin's edges are not in order: record the run again")
    if (np.max(periods) - np.min(periods)) / period > STEADY:
        low, high = np.min(periods) * 1e3, np.max(periods) * 1e3
        remarks.append(f"frames come every {low:.3f} to {high:.3f} ms, which varies by more than {STEADY:.0%}")
    return DutyCycle(
        float(processing / period),
        period,
        processing,
        tuple(map(float, starts)),
        tuple(map(float, stops)),
        tuple(remarks),
    )
