# SPDX-License-Identifier: Apache-2.0
"""What the benchmark's interface board makes of a device's pins: times of detections, and of work.

Source: benchmark/interface/Application/Test/DeviceUnderTest.cpp of github.com/mlcommons/tiny.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from smidgen.errors import ProtocolError
from smidgen.mlperf.board import PinEvent

TICKS_PER_S = 100_000
MOST_FRAMES = 100
MOST_DETECTIONS = 10_000
"""What the interface board keeps."""
REPEAT_MS = 10
"""Detections that follow within this are the same."""

_START, _STOP = "Duty cycle start times", "Duty cycle stop times"


@dataclass(frozen=True, slots=True)
class Edges:
    """Detections in milliseconds, work in ticks of 10 us, both since the recording began."""

    detections_ms: tuple[int, ...]
    start_ticks: tuple[int, ...]
    stop_ticks: tuple[int, ...]


def record(events: Iterable[PinEvent], begin_s: float) -> Edges:
    """What it would record of a virtual board's pins from ``begin_s`` on."""
    detections: list[int] = []
    starts: list[int] = []
    stops: list[int] = []
    for event in events:
        ticks = int((event.seconds - begin_s) * TICKS_PER_S)
        if event.seconds < begin_s:
            continue
        if event.pin == "detected" and not event.level:
            ms = ticks * 1000 // TICKS_PER_S
            if len(detections) < MOST_DETECTIONS and (not detections or ms - detections[-1] > REPEAT_MS):
                detections.append(ms)
        elif event.pin == "processing" and len(edges := starts if event.level else stops) < MOST_FRAMES:
            edges.append(ticks)
    return Edges(tuple(detections), tuple(starts), tuple(stops))


def parse_detections(lines: Sequence[str]) -> tuple[int, ...]:
    """The answer to ``print_detections``. ProtocolError for another one."""
    if not lines or lines[0] != "Detection Timestamps (ms)":
        raise ProtocolError(f"print_detections is answered with {lines[0] if lines else 'nothing'!r}")
    try:
        return tuple(int(line.strip(", ")) for line in lines[1:])
    except ValueError:
        raise ProtocolError("print_detections is answered with something that is no time: noise on the line") from None


def parse_duty_cycle(lines: Sequence[str]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The answer to ``print_dutycycle``: starts and stops in ticks. ProtocolError for another one."""
    text = "\n".join(lines)
    match = re.search(rf"{_START}[^\n]*\n(.*?){_STOP}[^\n]*\n?(.*)", text, re.DOTALL)
    if match is None:
        raise ProtocolError(f"print_dutycycle is answered with {lines[0] if lines else 'nothing'!r}")
    try:
        starts, stops = (tuple(int(n) for n in re.split(r"[,\s]+", part) if n) for part in match.groups())
    except ValueError:
        raise ProtocolError("print_dutycycle is answered with something that is no time: noise on the line") from None
    return starts, stops


def parse_activations(lines: Sequence[str]) -> tuple[int, ...]:
    """The list that a device prints when it stops listening; empty if there is none."""
    match = re.search(r"target activations:\s*\[(.*?)\]", "\n".join(lines), re.DOTALL)
    if match is None:
        return ()
    return tuple(int(n) for n in re.findall(r"-?\d+", match[1]))
