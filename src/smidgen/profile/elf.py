# SPDX-License-Identifier: Apache-2.0
"""Counts and prices any firmware between two symbols."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from smidgen.build.elf import Elf, read_elf
from smidgen.errors import ImageError, UsageError
from smidgen.profile.counters import Counter, counted_cycles, cycles, instructions, stack_bytes
from smidgen.profile.cycles import Cost, CycleModel
from smidgen.profile.image import sum_costs
from smidgen.profile.memory import StallCounter, allowance
from smidgen.sim import open_port, stack
from smidgen.sim.core import EmulatedCore
from smidgen.sim.port import Port, functions_of, functions_since
from smidgen.sim.simulator import Limits, block_of, split_edge
from smidgen.sim.unicorn import BlockCounter
from smidgen.targets import Target

_DATA_ENDS = ("__StackLimit", "__stack_limit", "smg_stack_low", "_end", "end", "__end__", "__bss_end__", "_ebss")
_FREE_RUN_BYTES = 1024
_PAINTED_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class FunctionCost:
    """What ran inside one function, without the functions it called."""

    name: str
    instructions: int  # counted
    cycles: int  # modelled, or counted on the core's RTL


@dataclass(frozen=True, slots=True)
class ElfProfile:
    """One run from ``begin`` to ``end``. Cycles are for memory without wait states; ``stalls`` are those to add for the
    target's own memories, None unless the memory system was asked for. ``unknown`` lists instructions without a rule
    (mnemonic -> times): the cycles of those are missing in ``cycles``."""

    elf_path: Path
    target: Target
    begin: str
    end: str
    instructions: Counter
    cycles: Counter
    stalls: Counter | None
    stack: Counter
    functions: tuple[FunctionCost, ...]  # most cycles first
    mix: Mapping[str, int]  # timing class -> instructions
    cycles_by_rule: Mapping[str, int]
    unknown: Mapping[str, int]
    notes: tuple[str, ...]


def profile_elf(
    elf_path: Path,
    begin: str,
    end: str,
    target: Target,
    *,
    memory_system: bool = False,
    limits: Limits | None = None,
) -> ElfProfile:
    """Runs a firmware from reset to the symbol ``begin`` and counts from there until it reaches the symbol ``end``.

    It needs a vector table at its lowest address, on RISC-V code at the start of flash. Peripherals read back what was
    written to them and do nothing; on a core simulated from its RTL, which counts cycles, there are none.
    Raises ImageError for a file that cannot be run or lacks a symbol, SimulationError for a fault or when a limit is
    exceeded (``limits.instructions`` holds for start-up and the counted part each).
    """
    limits = limits or Limits()
    elf = read_elf(Path(elf_path))
    elf.require(target)
    start, stop = _code_address(elf, begin), _code_address(elf, end)
    if start == stop:
        raise ImageError(
            f"{elf.path}: {begin} and {end} are the same address, so nothing lies between; name two places"
        )
    if target.core.counts != "model":
        return _counted(elf, (begin, end), (start, stop), target, limits)
    core = _at(elf, target, start, limits)
    notes = tuple(f"memory at {page:#010x} is not of {target.name}: taken as plain RAM" for page in core.extra)
    high = core.sp
    low = _painted_from(core, high)
    stack.paint(core, low, high)
    counter = BlockCounter(core.uc)
    core.run(stop, limits)
    code = {key: core.read(block_of(key).address, block_of(key).nbytes) for key in counter.blocks()}
    edges = counter.parts()[0]
    model = CycleModel(target.core, code)
    total, functions = _by_function(model, elf, edges)
    stalls = None
    if memory_system:
        stalls = cycles(_stalls(_at(elf, target, start, limits), stop, limits, code, total.instructions))
    return ElfProfile(
        elf_path=Path(elf_path),
        target=target,
        begin=begin,
        end=end,
        instructions=instructions(total.instructions),
        cycles=cycles(total.cycles),
        stalls=stalls,
        stack=stack_bytes(stack.depth_bytes(core, low, high)),
        functions=functions,
        mix=dict(total.mix.most_common()),
        cycles_by_rule=dict(total.by_rule.most_common()),
        unknown=dict(total.unknown.most_common()),
        notes=notes,
    )


def _counted(elf: Elf, names: tuple[str, str], places: tuple[int, int], target: Target, limits: Limits) -> ElfProfile:
    """On a simulator that counts cycles by itself."""
    if target.core.counts != "cycles":
        raise UsageError(
            f"a firmware is profiled in cycles, and of {target.name} only instructions are known; take a target whose "
            "cycles are (smidgen targets lists them)"
        )
    with contextlib.closing(open_port(elf, target)) as core:
        core.where = "in start-up"
        core.reset()
        core.run(places[0], limits)
        core.where = "between the markers"
        high = core.sp
        low = _painted_from(core, high)
        stack.paint(core, low, high)
        before, functions_before = core.reading(), functions_of(core)
        core.run(places[1], limits)
        took, functions = core.reading().since(before), functions_since(functions_of(core), functions_before)
        depth = stack.depth_bytes(core, low, high)
    return ElfProfile(
        elf_path=elf.path,
        target=target,
        begin=names[0],
        end=names[1],
        instructions=instructions(took.instructions),
        cycles=counted_cycles(took.cycles or 0),
        stalls=None,
        stack=stack_bytes(depth),
        functions=tuple(FunctionCost(name, r.instructions, r.cycles or 0) for name, r in functions.items()),
        mix={},
        cycles_by_rule={},
        unknown={},
        notes=(),
    )


def _code_address(elf: Elf, name: str) -> int:
    """The address of a symbol in a loaded, initialised part of the file; ImageError for one in RAM alone."""
    address = elf.symbol(name).address & ~1
    if not any(s.virtual <= address < s.virtual + len(s.data) for s in elf.segments):
        raise ImageError(f"{elf.path}: {name} at {address:#010x} is data, not code; name a function or a label in one")
    return address


def _at(elf: Elf, target: Target, start: int, limits: Limits) -> EmulatedCore:
    """A fresh core that has come from reset to ``start``."""
    core = EmulatedCore(elf, target)
    core.where = "in start-up"
    core.reset()
    core.run(start, limits)
    core.where = "between the markers"
    return core


def _stalls(
    core: EmulatedCore, stop: int, limits: Limits, code: Mapping[int, bytes], expected_instructions: int
) -> int:
    counter = StallCounter(core, code)
    core.run(stop, allowance(limits))
    counter.check(expected_instructions)
    return sum(counter.parts)


def _painted_from(core: Port, high: int) -> int:
    """The lowest address that may be painted: above static data, and above what a heap has touched so far.

    Memory starts zeroed here, so a heap shows as bytes other than 0; the stack's free room is the highest long run of
    zeros below ``high``.
    """
    region = next((r for r in core.target.regions if r.contains(high - 4)), core.target.region("sram"))
    data_ends = [s.virtual + s.memory_bytes for s in core.elf.segments if region.contains(s.virtual)]
    labels = [core.elf.by_name[name].address for name in _DATA_ENDS if name in core.elf.by_name]
    low = max([region.base, high - _PAINTED_BYTES, *(a for a in (*labels, *data_ends) if a < high)])
    low = (low + 3) & ~3
    used = np.flatnonzero(np.frombuffer(core.read(low, high - low), np.uint8))
    edges = np.concatenate(([-1], used, [high - low]))
    long_runs = np.flatnonzero(np.diff(edges) > _FREE_RUN_BYTES)
    return low + (int(edges[long_runs[-1]] + 4) & ~3) if long_runs.size else low


def _by_function(model: CycleModel, elf: Elf, edges: Mapping[int, int]) -> tuple[Cost, tuple[FunctionCost, ...]]:
    costs: dict[str, Cost] = {}
    for edge, times in edges.items():
        before, key = split_edge(edge)
        entered = costs.setdefault(elf.function_at(block_of(key).address), Cost())
        left = costs.setdefault(elf.function_at(block_of(before).address), Cost()) if before else entered
        model.add_edge(left, entered, edge, times)
    rows = (FunctionCost(name, cost.instructions, cost.cycles) for name, cost in costs.items())
    return sum_costs(list(costs.values())), tuple(sorted(rows, key=lambda f: (-f.cycles, f.name)))
