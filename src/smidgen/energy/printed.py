# SPDX-License-Identifier: Apache-2.0
"""What runners printed about energy, in results.txt and log.txt, to be compared with what a trace says.

Layouts: EnergyRunner ("Energy data for window 2 at time 11.06 for 11.95 sec.:") and the Python runner of
github.com/mlcommons/tiny ("Energy data for trial 0"), benchmark/runner/main.py.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from smidgen.energy.windows import Compared, EnergyWindow, compare, median_uj, read_bytes

Figure = tuple[float, int]
"""A printed value and how many digits it has behind the point."""

_NUMBER = r"([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)"
_WINDOW = re.compile(r"Energy data for (?:window|trial) (\d{1,6})\b")
_FIGURE = re.compile(rf"(Energy|Total Energy|Power|Energy/Inf\.?|# Inferences|Inferences)\s*:\s*{_NUMBER}")
_MEDIAN = re.compile(rf"Median energy cost is\s+{_NUMBER}\s*uJ/inf")
_PERFORMANCE = re.compile(r"Performance results for window (\d{1,6})\b")
_STARTED = re.compile(r"m-infer-start-(\d{1,9})\b")

_NAMES = {"Energy": "energy", "Total Energy": "energy", "Power": "power", "Energy/Inf": "per inference"}


@dataclass(slots=True)
class Printed:
    """Figures by window number: energy in uJ, power as printed (uW by EnergyRunner, mW by the Python runner)."""

    energy: dict[int, Figure] = field(default_factory=dict)
    power: dict[int, Figure] = field(default_factory=dict)
    per_inference: dict[int, Figure] = field(default_factory=dict)
    inferences: dict[int, int] = field(default_factory=dict)
    median: Figure | None = None


def parse_results(text: str) -> Printed:
    """The energy figures of a results.txt; lines that are none of them are passed over."""
    found = Printed()
    window: int | None = None
    energy_part = True
    for line in text.splitlines():
        if m := _WINDOW.search(line):
            window, energy_part = int(m[1]), True
        elif m := _PERFORMANCE.search(line):
            window, energy_part = int(m[1]), False
        elif m := _MEDIAN.search(line):
            found.median = _figure(m[1])
        elif window is not None and (m := _FIGURE.search(line)):
            _keep(found, window, m[1].rstrip("."), m[2], energy_part)
    return found


def _keep(found: Printed, window: int, name: str, value: str, energy_part: bool) -> None:
    if math.isinf(float(value)):
        return  # hundreds of digits: no figure of a runner
    if name.endswith("Inferences"):
        found.inferences.setdefault(window, int(float(value)))
    elif energy_part:
        kept = {"energy": found.energy, "power": found.power, "per inference": found.per_inference}[_NAMES[name]]
        kept[window] = _figure(value)


def _figure(text: str) -> Figure:
    mantissa = re.split("[eE]", text)[0]
    return float(text), len(mantissa.partition(".")[2])


def logged_inferences(text: str) -> tuple[int, ...]:
    """N of every ``infer N W`` that the device began, as it reported them itself, in order."""
    return tuple(int(m[1]) for m in _STARTED.finditer(text))


def read_text(path: Path) -> str | None:
    """The text of an optional file, None without one."""
    return read_bytes(path).decode("utf-8", errors="replace") if path.exists() else None


def compared(windows: Sequence[EnergyWindow], found: Printed, called: str, power_per_mw: float) -> tuple[Compared, ...]:
    """Every printed figure that ``windows`` give too; ``power_per_mw`` is the unit in which power was printed."""
    figures = {"energy": found.energy, "power": found.power, "per inference": found.per_inference}
    by_number = {w.number: w for w in windows}
    pairs = []
    for what, kept in figures.items():
        for number, figure in sorted(kept.items()):
            window = by_number.get(number)
            if window is None:
                continue
            power = power_per_mw * window.power_mw
            again = {"energy": window.energy_uj, "power": power, "per inference": window.uj_per_inference}[what]
            if again is not None:
                pairs.append(compare(f"{called} {number}, {what}", figure, again))
    median = median_uj(windows)
    if found.median is not None and median is not None:
        pairs.append(compare("median energy an inference", found.median, median))
    return tuple(pairs)
