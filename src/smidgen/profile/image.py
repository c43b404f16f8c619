# SPDX-License-Identifier: Apache-2.0
"""Counts and prices an inference of one of our own images, step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from smidgen.profile.counters import Counter, cycles, instructions, stack_bytes
from smidgen.profile.cycles import Cost, CycleModel
from smidgen.profile.memory import StallCounter, allowance
from smidgen.sim import Machine
from smidgen.sim.unicorn import Past


@dataclass(frozen=True, slots=True)
class StepCost:
    """``cycles`` are for memory without wait states; ``stalls`` come on top, None if they were not asked for."""

    label: str
    symbol: str
    instructions: Counter
    cycles: Counter
    stalls: Counter | None


@dataclass(frozen=True, slots=True)
class ImageProfile:
    """One inference. ``prologue`` is the work before the first kernel; the totals include it.

    ``unknown`` lists instructions without a rule (mnemonic -> times): the cycles of those are missing in all figures.
    """

    steps: tuple[StepCost, ...]
    prologue: StepCost
    instructions: Counter
    cycles: Counter
    stalls: Counter | None
    stack: Counter
    mix: Mapping[str, int]
    unknown: Mapping[str, int]
    outputs: tuple[bytes, ...]


def profile_image(
    machine: Machine, inputs: Sequence[bytes], *, memory_system: bool = False, past: Past = ()
) -> ImageProfile:
    """Runs one inference with counting, and a second one if the board's memory system is asked for.

    ``past`` has the inputs of the steps before it, where it is one of a stream.
    Raises as ``Machine.count`` does.
    """
    counts = machine.count(inputs, past)
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
    machine: Machine, inputs: Sequence[bytes], code: Mapping[int, bytes], expected_instructions: int, past: Past
) -> list[int | None]:
    counter, _ = machine.watch(inputs, lambda core: StallCounter(core, code), allowance(machine.limits), past)
    counter.check(expected_instructions)
    return list(counter.parts)
