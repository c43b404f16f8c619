# SPDX-License-Identifier: Apache-2.0
"""The schedule of a model: steps with their kernels, and an address for every value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from smidgen.ir import Graph, Node, Value
from smidgen.kernels import Choice, footprint
from smidgen.schedule.candidates import Candidate, Costs, Layer, layers, no_costs
from smidgen.schedule.choose import choose
from smidgen.schedule.lifetimes import Lifetimes, Step, lifetimes_of
from smidgen.schedule.objective import Objective
from smidgen.schedule.order import best_order
from smidgen.schedule.placement import DECISIONS, place
from smidgen.schedule.plan import Plan
from smidgen.schedule.search import Search
from smidgen.schedule.staging import Weights, choose_staged
from smidgen.schedule.tasks import NONE_STAGED, task_graph
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
    weights: Weights = field(default="flash")

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
    weights: Weights = "flash",
) -> Schedule:
    """Choose the kernels of all nodes together under ``objective``, an order and a place for every buffer.

    ``graph`` is in lowered form. ``force`` maps step names to kernel symbols; ``costs`` knows measured cycles. Raises
    NoKernel, UsageError for a forced name that does not exist, DoesNotFit if no choice keeps the objective's limits.
    """
    search = make_search(graph, target, force, costs)
    chosen = choose(search, objective, graph.name)
    choices = {layer.node: _choice(layer, c) for layer, c in zip(search.layers, chosen, strict=True)}
    staged = _staged(graph, target, choices, objective) if weights == "staged" else NONE_STAGED
    return replace(schedule_with(graph, target, choices, staged), objective=objective, weights=weights)


def _staged(graph: Graph, target: Target, choices: Mapping[Node, Choice], objective: Objective) -> Mapping[Node, int]:
    """Bytes to stage by node, within the objective's limit of RAM or the board's."""
    limit = objective.max_ram_bytes or target.region("sram").size_bytes
    stack = footprint.run_stack_bytes() + max((footprint.of(c.kernel, n)[1] for n, c in choices.items()), default=0)
    return choose_staged(
        choices, target, lambda staged: schedule_with(graph, target, choices, staged).plan.nbytes, limit - stack
    )


def make_search(
    graph: Graph, target: Target, force: Mapping[str, str] | None = None, costs: Costs = no_costs
) -> Search:
    """All programs that could compute ``graph`` on ``target``."""

    planned: dict[tuple[tuple[object, ...], ...], int] = {}

    def arena(chosen: Sequence[Candidate]) -> int:
        key = tuple(c.memory for c in chosen)
        if key not in planned:
            choices = {c.node: Choice(c.kernel, c.cycles, ()) for c in chosen}
            planned[key] = max(schedule_with(graph, target, choices).plan.nbytes, 8)
        return planned[key]

    found = layers(graph, target, force, costs)
    code, stack = footprint.run_code_bytes(len(found)), footprint.run_stack_bytes()
    return Search(found, arena, run_code_bytes=code, run_stack_bytes=stack)


def _choice(layer: Layer, taken: Candidate) -> Choice:
    """The candidate taken, and what each other would have changed."""
    others = tuple((c.kernel.symbol, _difference(c, taken)) for c in layer.candidates if c is not taken)
    return Choice(taken.kernel, taken.cycles, (*layer.rejected, *others))


def _difference(other: Candidate, taken: Candidate) -> str:
    cycles, nbytes = round(other.cycles) - round(taken.cycles), other.step_bytes - taken.step_bytes
    memory = f", {abs(nbytes):,} bytes {'more' if nbytes > 0 else 'less'} of RAM" if nbytes else ""
    return f"{other.cycles:.0f} cycles, {abs(cycles)} {'more' if cycles >= 0 else 'less'}{memory}"


def schedule_with(
    graph: Graph, target: Target, choices: Mapping[Node, Choice], staged: Mapping[Node, int] = NONE_STAGED
) -> Schedule:
    """The schedule for chosen kernels: the graph's own order unless another one saves memory.

    ``choices`` has every node that is no view, ``staged`` the bytes of constants to copy before a node. The plan's
    bound holds for every order and placement of these kernels.
    """
    nodes = [n for n in graph.nodes if not n.op.view]
    best = best_order(task_graph(graph, nodes, choices, staged))
    arranged = arrange(graph, nodes, choices, staged)
    if arranged.plan.nbytes > best.bound_bytes:
        other = arrange(graph, [nodes[i] for i in best.tasks], choices, staged)
        arranged = min(arranged, other, key=lambda a: a.plan.nbytes)
    plan = replace(arranged.plan, bound_bytes=best.bound_bytes)
    offsets, lives = plan.offsets(), arranged.lifetimes
    slots = {v: Slot(offsets[root.name], v.type.nbytes) for v, root in lives.roots.items()}
    tensor_bytes = place(lives.tensors, lives.tensor_overlaps).nbytes
    return Schedule(graph, target, arranged.steps, plan, slots, min(tensor_bytes, plan.nbytes))


@dataclass(frozen=True, slots=True)
class Arranged:
    """Kernel calls in an order, and the arena plan for it."""

    steps: tuple[Step, ...]
    lifetimes: Lifetimes
    plan: Plan


def arrange(
    graph: Graph,
    nodes: Sequence[Node],
    choices: Mapping[Node, Choice],
    staged: Mapping[Node, int] = NONE_STAGED,
    *,
    decisions: int = DECISIONS,
) -> Arranged:
    """Plan the arena for ``nodes`` in their order; a millisecond for tens of them with ``decisions=0``, for searches.

    Raises nothing for nodes in topological order that are every node of ``graph`` but its views.
    """
    steps: list[Step] = []
    for i, node in enumerate(nodes):
        scratch = f"{node.output.name}__scratch" if choices[node].kernel.scratch(node) else None
        steps.append(Step(i, node, choices[node], scratch, staged.get(node, 0)))
    lives = lifetimes_of(graph, steps)
    return Arranged(tuple(steps), lives, place(lives.buffers, lives.overlaps, decisions=decisions))
