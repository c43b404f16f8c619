# SPDX-License-Identifier: Apache-2.0
"""The schedule of a model: steps with their kernels, and an address for every value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from smidgen.ir import Graph, Value
from smidgen.kernels import Choice, footprint
from smidgen.schedule.candidates import Candidate, Costs, Layer, layers, no_costs
from smidgen.schedule.choose import choose
from smidgen.schedule.first_fit import place
from smidgen.schedule.lifetimes import Step, lifetimes_of
from smidgen.schedule.objective import Objective
from smidgen.schedule.plan import Plan
from smidgen.schedule.search import Search
from smidgen.targets import Target


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a value lives: bytes ``offset`` .. of the arena."""

    offset: int
    nbytes: int


@dataclass(frozen=True)
class Schedule:
    """What code generation prints. ``tensor_bytes`` is the arena's size without scratch, for the report."""

    graph: Graph
    target: Target
    steps: tuple[Step, ...]
    plan: Plan
    slots: Mapping[Value, Slot]
    tensor_bytes: int = field(default=0)
    objective: Objective = field(default=Objective())

    @property
    def scratch_bytes(self) -> int:
        """What scratch adds to the arena."""
        return self.plan.nbytes - self.tensor_bytes

    @property
    def modelled_cycles(self) -> float:
        """The kernels' own cost formulas, summed: zero wait states, a guess before anything is built."""
        return sum(s.choice.cycles for s in self.steps)


def make_schedule(
    graph: Graph,
    target: Target,
    force: Mapping[str, str] | None = None,
    *,
    objective: Objective = Objective(),  # noqa: B008  # frozen
    costs: Costs = no_costs,
) -> Schedule:
    """Choose the kernels of all nodes together under ``objective`` and plan the arena.

    ``graph`` is in lowered form. ``force`` maps step names to kernel symbols; ``costs`` knows measured cycles. Raises
    NoKernel, UsageError for a forced name that does not exist, DoesNotFit if no choice keeps the objective's limits.
    """
    search = make_search(graph, target, force, costs)
    chosen = choose(search, objective, graph.name)
    choices = [_choice(layer, c) for layer, c in zip(search.layers, chosen, strict=True)]
    return _planned(graph, target, _steps(chosen, choices), objective)


def make_search(
    graph: Graph, target: Target, force: Mapping[str, str] | None = None, costs: Costs = no_costs
) -> Search:
    """All programs that could compute ``graph`` on ``target``."""

    def arena(chosen: Sequence[Candidate]) -> int:
        lives = lifetimes_of(graph, _steps(chosen, [Choice(c.kernel, c.cycles, ()) for c in chosen]))
        return max(place(lives.buffers, lives.overlaps).nbytes, 8)

    found = layers(graph, target, force, costs)
    code, stack = footprint.run_code_bytes(len(found)), footprint.run_stack_bytes()
    return Search(found, arena, run_code_bytes=code, run_stack_bytes=stack)


def _steps(chosen: Sequence[Candidate], choices: Sequence[Choice]) -> tuple[Step, ...]:
    return tuple(
        Step(i, c.node, choice, f"{c.node.output.name}__scratch" if c.kernel.scratch(c.node) else None)
        for i, (c, choice) in enumerate(zip(chosen, choices, strict=True))
    )


def _choice(layer: Layer, taken: Candidate) -> Choice:
    """The candidate taken, and what each other would have changed."""
    others = tuple((c.kernel.symbol, _difference(c, taken)) for c in layer.candidates if c is not taken)
    return Choice(taken.kernel, taken.cycles, (*layer.rejected, *others))


def _difference(other: Candidate, taken: Candidate) -> str:
    cycles, nbytes = round(other.cycles) - round(taken.cycles), other.step_bytes - taken.step_bytes
    memory = f", {abs(nbytes):,} bytes {'more' if nbytes > 0 else 'less'} of RAM" if nbytes else ""
    return f"{other.cycles:.0f} cycles, {abs(cycles)} {'more' if cycles >= 0 else 'less'}{memory}"


def _planned(graph: Graph, target: Target, steps: tuple[Step, ...], objective: Objective) -> Schedule:
    lives = lifetimes_of(graph, steps)
    plan = place(lives.buffers, lives.overlaps)
    offsets = plan.offsets()
    slots = {v: Slot(offsets[root.name], v.type.nbytes) for v, root in lives.roots.items()}
    tensor_bytes = place(lives.tensors, lives.tensor_overlaps).nbytes
    return Schedule(graph, target, steps, plan, slots, min(tensor_bytes, plan.nbytes), objective)
