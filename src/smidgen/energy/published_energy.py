# SPDX-License-Identifier: Apache-2.0
"""What a cycle takes on boards with published energy, and how well that predicts what it was not taken from.

Energy an inference is taken as cycles x energy a cycle. Two questions are put to the published results, each answered
by leaving out what is predicted: one benchmark of a published system from its others, and a whole system from the
others on the same board, supply and clock. No result is left out for being odd; medians keep one from deciding.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from smidgen.results import COMPARABLE, Published, published

Average = Callable[[Sequence[float]], float]


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a measurement was made under. ``supply_mv`` is None where no result of the system says it."""

    board_name: str
    supply_mv: int | None
    clock_mhz: float


@dataclass(frozen=True, slots=True)
class Measured:
    """One result's picojoules a cycle, with what was measured under which conditions."""

    result: Published
    conditions: Conditions
    picojoules: float


@dataclass(frozen=True, slots=True)
class Predicted:
    """One result predicted without itself, from ``sources`` others; ``error_percent`` is of the measured energy."""

    measured: Measured
    predicted_uj: float
    sources: int

    @property
    def error_percent(self) -> float:
        assert self.measured.result.energy_uj is not None, "only results with energy are predicted"
        return 100 * (self.predicted_uj / self.measured.result.energy_uj - 1)


@dataclass(frozen=True, slots=True)
class Errors:
    """How far predictions were off, in percent; ``worst`` is the one that was off most."""

    count: int
    mean: float
    median: float
    most: float
    worst: Predicted


def measured(rows: Iterable[Published] | None = None) -> tuple[Measured, ...]:
    """Every result with the energy of one inference and a clock. A supply that one result does not state is that of
    its system's others."""
    usable = [r for r in (published() if rows is None else rows) if r.benchmark in COMPARABLE and r.clock_mhz]
    usable = [r for r in usable if r.energy_uj]
    supplies: dict[object, set[int]] = {}
    for r in usable:
        if r.supply_mv is not None:
            supplies.setdefault(r.published_system, set()).add(r.supply_mv)
    return tuple(_measured(r, supplies.get(r.published_system, set())) for r in usable)


def _measured(result: Published, supplies: set[int]) -> Measured:
    assert result.energy_uj is not None, "filtered above"
    assert result.clock_mhz is not None, "filtered above"
    supply = result.supply_mv if result.supply_mv is not None or len(supplies) != 1 else next(iter(supplies))
    conditions = Conditions(result.board_name, supply, result.clock_mhz)
    return Measured(result, conditions, result.energy_uj / result.mcycles)


def within_systems(rows: Sequence[Measured], average: Average = statistics.median) -> tuple[Predicted, ...]:
    """Each result from the others of its published system, where at least two are left."""
    found = []
    for m in rows:
        others = [o.picojoules for o in rows if o is not m and o.result.published_system == m.result.published_system]
        if len(others) >= 2:
            found.append(Predicted(m, average(others) * m.result.mcycles, len(others)))
    return tuple(found)


def across_software(rows: Sequence[Measured], average: Average = statistics.median) -> tuple[Predicted, ...]:
    """Each result from the other published systems with the same board, supply and clock, where there are any."""
    found = []
    for m in rows:
        others = [
            o.picojoules
            for o in rows
            if o.conditions == m.conditions and o.result.published_system != m.result.published_system
        ]
        if others:
            found.append(Predicted(m, average(others) * m.result.mcycles, len(others)))
    return tuple(found)


def errors(predictions: Sequence[Predicted]) -> Errors | None:
    """How far they are off; None without predictions."""
    if not predictions:
        return None
    off = [abs(p.error_percent) for p in predictions]
    worst = max(predictions, key=lambda p: (abs(p.error_percent), p.measured.result.source))
    return Errors(len(off), statistics.fmean(off), statistics.median(off), max(off), worst)


def of_board(rows: Iterable[Measured], board_name: str, supply_mv: int | None = None) -> tuple[Measured, ...]:
    """Those of one board, and of one supply if that is given."""
    return tuple(
        m for m in rows if m.conditions.board_name == board_name and supply_mv in (None, m.conditions.supply_mv)
    )
