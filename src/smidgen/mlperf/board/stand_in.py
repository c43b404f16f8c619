# SPDX-License-Identifier: Apache-2.0
"""Virtual boards with cores that the emulator does not have: another core runs the firmware, the real one is counted.

Integer results are the same on every core, so benchmark firmware answers alike on all of one instruction set. Where a
target's own simulator is its RTL or QEMU, which have no serial line here, the firmware is built for and run on a core
that unicorn has, and each inference takes the cycles that the target's simulator counted of its own program.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from smidgen.compiler import Compiled, profile, verify
from smidgen.errors import SimulationError, UsageError
from smidgen.mlperf.board.meter import InferenceCost
from smidgen.targets import Target, load_target

_CORES = {"arm": "nucleo-u575zi-q", "riscv": "rv32imc"}
"""Boards whose cores stand in: an Armv8-M one with DSP instructions, and RV32IMC."""


@dataclass(frozen=True, slots=True)
class Price:
    """What an inference costs on a target; ``cost`` None: to be counted on the virtual board itself."""

    cost: InferenceCost | None
    note: str = ""


def emulated(target: Target) -> bool:
    """Whether the virtual board has the target's own core."""
    return target.core.simulator == "unicorn"


def stand_in(target: Target) -> Target:
    """The target that a virtual board of ``target`` emulates: itself, if unicorn has its core."""
    if emulated(target):
        return target
    other = load_target(_CORES[target.core.isa])
    return replace(other, name=target.name, title=target.title, clock_hz=target.clock_hz, latency_error=None)


def price_of(compiled: Compiled, toolchain: str = "zig") -> Price:
    """What an inference of the program takes on its target. A second run proves that its results are the reference's,
    and so the stand-in's. SimulationError if they are not."""
    target = compiled.target
    if target.core.counts == "model":
        return Price(None)
    if emulated(target):
        return untimed(target)
    if verify(compiled, cases=1, toolchain=toolchain).mismatches:
        raise SimulationError(f"{target.name} computes something else than the reference: smidgen verify shows where")
    if target.core.counts == "instructions":
        return untimed(target)
    report = profile(compiled, toolchain=toolchain)
    assert report.cycles is not None, "a simulator that counts cycles tells them"
    note = (
        f"the firmware runs on an emulated {stand_in(target).core.title}; an inference takes the {report.cycles:,} "
        f"cycles counted on the RTL of {target.core.title}"
    )
    return Price(InferenceCost(report.instructions, report.cycles, 0), note)


def untimed(target: Target) -> Price:
    """Of a firmware whose cycles are not known on the target: an inference takes a millisecond, whatever it is."""
    if target.core.counts == "cycles":
        why = f"a firmware's cycles are not counted on the RTL of {target.name}; give a model for that"
    else:
        why = f"{target.name} counts instructions, not cycles"
    note = f"{why}: on its virtual board every inference takes a millisecond"
    return Price(InferenceCost(0, target.clock_hz // 1000, 0), note)


def require_time(target: Target, what: str) -> None:
    """UsageError for a target whose cycles nobody knows."""
    if target.core.counts == "instructions":
        raise UsageError(
            f"{what} needs time, and no timing model of {target.core.title} is documented: {target.name} counts "
            "instructions, which smidgen profile shows. --mode accuracy works"
        )
