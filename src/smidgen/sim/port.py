# SPDX-License-Identifier: Apache-2.0
"""What a simulated core offers to whoever drives it: stops at addresses, memory, a few registers, counters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from smidgen.build.elf import Elf
from smidgen.sim.simulator import Limits
from smidgen.targets import Target


@dataclass(frozen=True, slots=True)
class Reading:
    """Counters since reset, or a difference of two readings. ``cycles`` is None where only instructions are counted."""

    instructions: int
    cycles: int | None = None

    def since(self, earlier: Reading) -> Reading:
        """What was counted from ``earlier`` on."""
        known = self.cycles is not None and earlier.cycles is not None
        cycles = (self.cycles or 0) - (earlier.cycles or 0) if known else None
        return Reading(self.instructions - earlier.instructions, cycles)


@runtime_checkable
class FunctionCounter(Protocol):
    """A port that also knows what each function took."""

    def functions(self) -> Mapping[str, Reading]:
        """By name, of what was executed since reset."""


def functions_of(port: Port) -> Mapping[str, Reading]:
    """What each function took since reset; empty where the port does not tell."""
    return port.functions() if isinstance(port, FunctionCounter) else {}


def functions_since(later: Mapping[str, Reading], earlier: Mapping[str, Reading]) -> Mapping[str, Reading]:
    """What each function took in between, the most cycles first; those that took nothing are left out."""
    grown = {name: r.since(earlier.get(name, Reading(0, 0))) for name, r in later.items()}
    order = sorted(grown, key=lambda name: (-(grown[name].cycles or 0), -grown[name].instructions, name))
    return {name: grown[name] for name in order if grown[name].instructions}


class Port(Protocol):
    """One simulated core with one ELF file loaded. State: the core's. Addresses and lengths in bytes.

    ``where`` is what is being run, for messages. Every method raises SimulationError, with pc, function and ``where``,
    when the core faults or the simulator fails; a context manager closes it.
    """

    elf: Elf
    target: Target
    where: str

    @property
    def simulator(self) -> str:
        """What simulates, with versions, for reports: known from ``reset`` on."""

    def reset(self) -> object:
        """The core is about to execute its first instruction; memory holds the image, counters are 0."""

    def run(self, until: int, limits: Limits) -> None:
        """Runs on until the core is about to execute ``until``: at least one instruction, so that a core that stands
        there comes round to it again. SimulationError beyond a limit."""

    def on_reach(self, addresses: Iterable[int], action: Callable[[int], None]) -> None:
        """``action`` is called with the address whenever the core is about to execute one of them within ``run``."""

    def read(self, address: int, nbytes: int) -> bytes: ...

    def write(self, address: int, data: bytes) -> None: ...

    @property
    def pc(self) -> int:
        """Of the instruction about to be executed."""

    @property
    def sp(self) -> int: ...

    @property
    def lr(self) -> int:
        """The return address register: lr, or ra."""

    def reading(self) -> Reading:
        """Counters at this moment."""

    def place(self) -> str:
        """Where the core is, for messages: `` at pc 0x… in <function>, <where>``."""

    def close(self) -> None: ...
