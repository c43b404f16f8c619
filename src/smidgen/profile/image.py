# SPDX-License-Identifier: Apache-2.0
"""Counts and prices an inference of one of our own images, step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from smidgen.profile.counters import Counter, counted_cycles, cycles, instructions, stack_bytes
from smidgen.profile.cycles import Cost, CycleModel
from smidgen.profile.memory import StallCounter, allowance
from smidgen.sim import EmulatedMachine, Machine
from smidgen.sim.core import SIMULATOR
from smidgen.sim.machine import Past
from smidgen.sim.port import Reading
from smidgen.sim.simulator import Counts, Edges, split_edge
from smidgen.sim.traps import instructions_in


@dataclass(frozen=True, slots=True)
class StepCost:
    """``cycles`` are for memory without wait states, None where nothing tells them; ``stalls`` come on top, None if
    they were not asked for."""

    label: str
    symbol: str
    instructions: Counter
    cycles: Counter | None
    stalls: Counter | None


@dataclass(frozen=True, slots=True)
class ImageProfile:
    """One inference. ``prologue`` is the work before the first kernel; the totals include it.

    ``unknown`` lists instructions without a rule (mnemonic -> times): the cycles of those are missing in all figures.
    ``functions`` is empty where the simulator does not tell them apart.
    """

    steps: tuple[StepCost, ...]
    prologue: StepCost
    instructions: Counter
    cycles: Counter | None
    stalls: Counter | None
    stack: Counter
    mix: Mapping[str, int]
    unknown: Mapping[str, int]
    outputs: tuple[bytes, ...]
    simulator: str = SIMULATOR  # with its version
    functions: Mapping[str, Reading] = field(default_factory=dict)


def profile_image(
    machine: Machine, inputs: Sequence[bytes], *, memory_system: bool = False, past: Past = ()
) -> ImageProfile:
    """Runs one inference with counting, and a second one if the board's memory system is asked for and modelled.

    ``past`` has the inputs of the steps before it, where it is one of a stream.
    Raises as ``Machine.infer`` does.
    """
    if not isinstance(machine, EmulatedMachine):
        measured = machine.measure(inputs, past)
        parts = (measured.prologue, *measured.steps)
        profile = _profile(machine, parts, measured.stack_bytes, measured.outputs)
        return replace(profile, simulator=measured.simulator, functions=measured.functions)
    counts = machine.count(inputs, past)
    if machine.image.target.core.counts != "model":
        isa = machine.image.target.core.isa
        lengths = {key: instructions_in(code, isa) for key, code in counts.code.items()}
        readings = [_instructions(edges, lengths) for edges in (counts.prologue, *counts.steps)]
        return _profile(machine, readings, counts.stack_bytes, counts.outputs)
    return _modelled(machine, inputs, counts, memory_system=memory_system, past=past)


def _instructions(edges: Edges, lengths: Mapping[int, int]) -> Reading:
    return Reading(sum(lengths[split_edge(edge)[1]] * times for edge, times in edges.items()))


def _profile(machine: Machine, readings: Sequence[Reading], stack: int, outputs: tuple[bytes, ...]) -> ImageProfile:
    """What a simulator counted by itself."""
    names = [("(prologue)", ""), *((step.label, step.symbol) for step in machine.image.interface.steps)]
    rows = [
        StepCost(label, symbol, instructions(r.instructions), _counted(r.cycles), None)
        for (label, symbol), r in zip(names, readings, strict=True)
    ]
    known = [r.cycles for r in readings if r.cycles is not None]
    return ImageProfile(
        steps=tuple(rows[1:]),
        prologue=rows[0],
        instructions=instructions(sum(r.instructions for r in readings)),
        cycles=_counted(sum(known) if len(known) == len(readings) else None),
        stalls=None,
        stack=stack_bytes(stack),
        mix={},
        unknown={},
        outputs=outputs,
    )


def _counted(value: int | None) -> Counter | None:
    return None if value is None else counted_cycles(value)


def _modelled(
    machine: EmulatedMachine, inputs: Sequence[bytes], counts: Counts, *, memory_system: bool, past: Past
) -> ImageProfile:
    """Counted blocks priced by the core's documented timings."""
    model = CycleModel(machine.image.target.core, counts.code)
    costs = [model.total(edges) for edges in (counts.prologue, *counts.steps)]
    total = sum_costs(costs)
    stalls = _stalls(machine, inputs, counts.code, total.instructions, past) if memory_system else [None] * len(costs)
    names = [("(prologue)", ""), *((step.label, step.symbol) for step in machine.image.interface.steps)]
    rows = [
        StepCost(label, symbol, instructions(c.instructions), cycles(c.cycles), None if s is None else cycles(s))
        for (label, symbol), c, s in zip(names, costs, stalls, strict=True)
    ]
    return ImageProfile(
        steps=tuple(rows[1:]),
        prologue=rows[0],
        instructions=instructions(total.instructions),
        cycles=cycles(total.cycles),
        stalls=cycles(sum(s for s in stalls if s is not None)) if memory_system else None,
        stack=stack_bytes(counts.stack_bytes),
        mix=dict(total.mix.most_common()),
        unknown=dict(total.unknown.most_common()),
        outputs=counts.outputs,
    )


def sum_costs(costs: Sequence[Cost]) -> Cost:
    total = Cost()
    for cost in costs:
        total.instructions += cost.instructions
        total.cycles += cost.cycles
        total.by_rule.update(cost.by_rule)
        total.mix.update(cost.mix)
        total.unknown.update(cost.unknown)
    return total


def _stalls(
    machine: EmulatedMachine, inputs: Sequence[bytes], code: Mapping[int, bytes], expected_instructions: int, past: Past
) -> list[int | None]:
    counter, _ = machine.watch(inputs, lambda core: StallCounter(core, code), allowance(machine.limits), past)
    counter.check(expected_instructions)
    return list(counter.parts)
