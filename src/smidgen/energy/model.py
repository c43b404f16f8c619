# SPDX-License-Identifier: Apache-2.0
"""Energy of an inference: modelled cycles times what a cycle takes on the board."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from smidgen.errors import UsageError
from smidgen.targets import Target


@dataclass(frozen=True, slots=True)
class CycleEnergy:
    """Picojoules a cycle in one state of a board. ``error_percent``: between which shares of it measured ones lie."""

    state: str
    picojoules: float
    supply_mv: int | None
    error_percent: tuple[int, int] | None
    mean_error_percent: float | None
    provenance: str


@dataclass(frozen=True, slots=True)
class InferenceEnergy:
    """Microjoules of one inference. ``range_uj`` is the least time silicon is expected to take at the least energy a
    cycle that was measured, and the most at the most; None where either is not known."""

    energy_uj: float
    range_uj: tuple[float, float] | None
    power_mw: float
    cycle: CycleEnergy
    kind: Literal["modelled"] = "modelled"


DEFAULT_STATE = "default"


def cycle_energies(target: Target) -> tuple[CycleEnergy, ...]:
    """Every state that the board's file has figures for, the default one first."""
    e = target.energy
    if e is None:
        return ()
    first = CycleEnergy(
        DEFAULT_STATE, e.picojoules_per_cycle, e.supply_mv, e.error_percent, e.mean_error_percent, e.provenance
    )
    others = (
        CycleEnergy(s.name, s.picojoules_per_cycle, s.supply_mv, s.error_percent, s.mean_error_percent, s.provenance)
        for s in e.states
    )
    return (first, *others)


def cycle_energy(target: Target, state: str | None = None, supply_mv: int | None = None) -> CycleEnergy:
    """What a cycle takes in ``state``, or in the first state measured at ``supply_mv``.

    UsageError for a board without figures, and for a state or a supply that it has no figure for.
    """
    known = cycle_energies(target)
    if not known:
        raise UsageError(
            f"{target.name} has no figure for energy: nobody has published a measurement. Give --energy, or add "
            f"[energy] with picojoules_per_cycle and provenance to a .toml of the board"
        )
    fitting = [c for c in known if state in (None, c.state) and supply_mv in (None, c.supply_mv)]
    if not fitting:
        words = [] if state is None else [f"state {state!r}"]
        words += [] if supply_mv is None else [f"{supply_mv / 1000:g} V"]
        wanted = " at ".join(words)
        each = ", ".join(f"{c.state} ({'?' if c.supply_mv is None else f'{c.supply_mv / 1000:g}'} V)" for c in known)
        raise UsageError(f"{target.name} has no figure for energy of {wanted}; there are {each}")
    return fitting[0]


def inference_energy(
    cycles: float, clock_hz: float, cycle: CycleEnergy, milliseconds: tuple[float, float] | None = None
) -> InferenceEnergy:
    """Energy of ``cycles``; ``milliseconds`` is the range that the time is expected in."""
    energy = cycles * cycle.picojoules / 1e6
    span = None
    if milliseconds is not None and cycle.error_percent is not None:
        microwatts = cycle.picojoules * clock_hz / 1e6
        low, high = (ms * microwatts * (100 + p) / 1e5 for ms, p in zip(milliseconds, cycle.error_percent, strict=True))
        span = (round(low, 3), round(high, 3))
    return InferenceEnergy(round(energy, 3), span, cycle.picojoules * clock_hz / 1e9, cycle)
