# SPDX-License-Identifier: Apache-2.0
"""Hardware as data: a core's features and costs, a board's memories and clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

RegionKind = Literal["flash", "sram"]
Isa = Literal["arm", "riscv"]
SimulatorKind = Literal["unicorn", "rtl", "qemu"]
Counting = Literal["cycles", "model", "instructions"]


@dataclass(frozen=True, slots=True)
class Core:
    """A processor core. ``features`` is closed under implication; ``cycles`` are the cost classes kernels speak in.

    ``counts``: its simulator counts "cycles" (the core's own RTL), or counts instructions that a documented timing
    "model" prices, or counts "instructions" and nothing more is known.
    """

    name: str
    title: str
    isa: Isa
    features: frozenset[str]
    simulator: SimulatorKind
    machine: str  # what the simulator is asked to be, in its own words
    counts: Counting
    zig_cpu: str  # the value of zig's -mcpu
    zig_flags: tuple[str, ...]  # what else clang is to be told
    gcc_flags: tuple[str, ...]  # empty: GCC has no such core
    cycles: Mapping[str, float]  # the core model's parameters, in cycles, by rule name
    provenance: Mapping[str, str]  # where each rule's number comes from; same keys as ``cycles``
    architecture: str = ""  # the instruction set's name, for people

    @property
    def zig_target(self) -> str:
        """The value of zig's -target."""
        if self.isa == "riscv":
            return "riscv32-freestanding-none"
        return f"thumb-freestanding-eabi{'hf' if 'fpu' in self.features else ''}"


@dataclass(frozen=True, slots=True)
class Region:
    """A contiguous memory."""

    name: str
    base: int
    size_bytes: int
    kind: RegionKind
    wait_states: int = 0  # extra cycles of an access that no cache or buffer answers
    provenance: str = ""
    alias: int | None = None  # the same bytes' address in another region; here code runs without wait states

    def contains(self, address: int) -> bool:
        return self.base <= address < self.base + self.size_bytes


@dataclass(frozen=True, slots=True)
class FlashCache:
    """The buffer between a core and its flash (ST's ART accelerator and its like)."""

    instruction_lines: int
    data_lines: int
    line_bytes: int
    fetch_bytes: int  # what one flash access delivers
    prefetch: bool
    provenance: str


@dataclass(frozen=True, slots=True)
class LatencyError:
    """How far silicon has been found from modelled time, as (least, most) percent of the modelled time."""

    zero_wait: tuple[int, int]  # from cycles without wait states
    board: tuple[int, int]  # from cycles with the board's flash and caches
    provenance: str

    @staticmethod
    def span(milliseconds: float, percent: tuple[int, int]) -> tuple[float, float]:
        """The times between which silicon is expected."""
        least, most = percent
        return milliseconds * (100 + least) / 100, milliseconds * (100 + most) / 100


@dataclass(frozen=True, slots=True)
class EnergyState:
    """What a cycle takes with another supply or under other software, measured at the board's clock.

    ``error_percent``: between which shares of the figure measured ones lie; ``mean_error_percent``: how far software
    that the figure was not taken from is off on average. None where too few were measured to tell.
    """

    name: str
    picojoules_per_cycle: float
    supply_mv: int
    error_percent: tuple[int, int] | None
    mean_error_percent: float | None
    provenance: str


@dataclass(frozen=True, slots=True)
class Energy:
    """What the board takes from its supply while the core works, measured at the board's clock and ``supply_mv``.

    The errors are as in EnergyState, which ``states`` add to; ``sleep_nanoamperes`` is the current between inferences
    with RAM and a clock that wakes the core kept.
    """

    picojoules_per_cycle: float
    provenance: str
    supply_mv: int | None = None
    error_percent: tuple[int, int] | None = None
    mean_error_percent: float | None = None
    sleep_nanoamperes: int | None = None
    sleep_provenance: str = ""
    states: tuple[EnergyState, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """A board: its core, memories and clock. ``smidgen targets`` lists them."""

    name: str
    title: str
    core: Core
    clock_hz: int
    regions: tuple[Region, ...]
    flash_cache: FlashCache | None
    provenance: str
    latency_error: LatencyError | None = None  # None: never compared with silicon
    energy: Energy | None = None  # None: nobody has published a measurement

    def region(self, kind: RegionKind) -> Region:
        """The main (first listed) region of this kind."""
        return next(r for r in self.regions if r.kind == kind)

    @property
    def second_sram(self) -> Region | None:
        """RAM for what the main one has no room for, if the board has some."""
        others = (r for r in self.regions if r.kind == "sram" and r.alias is None)
        return next((r for r in others if r is not self.region("sram")), None)

    @property
    def code_ram(self) -> Region | None:
        """RAM that the core fetches instructions from without wait states, if the board has some."""
        return next((r for r in self.regions if r.alias is not None), None)
