# SPDX-License-Identifier: Apache-2.0
"""The schedule of a model: steps with their kernels, and an address for every value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from smidgen.ir import Graph, Node, Value
from smidgen.kernels import Choice, Kernel, footprint
from smidgen.kernels.library import LibraryCode, merged
from smidgen.schedule.candidates import Candidate, Costs, Layer, layers, no_costs
from smidgen.schedule.choose import choose
from smidgen.schedule.exact import Planner, solve
from smidgen.schedule.lifetimes import Lifetimes, Step, lifetimes_of, view_roots
from smidgen.schedule.objective import Objective
from smidgen.schedule.order import best_order
from smidgen.schedule.placement import DECISIONS, place
from smidgen.schedule.plan import ALIGN, Plan, aligned
from smidgen.schedule.search import Search
from smidgen.schedule.staging import Code, Weights, choose_ram_code, choose_staged
from smidgen.schedule.tasks import NONE_STAGED, task_graph
from smidgen.targets import Target

_RESERVED_BYTES = 18 * 1024  # of the main RAM, where the arena is split: 16 KB of stack, statics


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a value lives: bytes ``offset`` .. of the arena, or of the states, which are apart from it."""

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
    ram_code: tuple[str, ...] = ()  # files of the kernels that run from RAM

    @cached_property
    def state_slots(self) -> Mapping[Value, Slot]:
        """Where the graph's states live, one behind the other: each before and after a step in the same place."""
        return state_slots(self.graph)

    @property
    def state_bytes(self) -> int:
        """What is kept from step to step, beside the arena."""
        return state_bytes(self.graph)

    @cached_property
    def library(self) -> LibraryCode | None:
        """The code of somebody else that the chosen kernels call."""
        return merged(s.choice.kernel.library for s in self.steps if s.choice.kernel.library is not None)

    @property
    def scratch_bytes(self) -> int:
        """What scratch adds to the arena."""
        return self.plan.nbytes - self.tensor_bytes

    @property
    def modelled_cycles(self) -> float:
        """The kernels' own cost formulas, summed: zero wait states, a guess before anything is built."""
        return sum(s.choice.cycles for s in self.steps)


def state_slots(graph: Graph) -> Mapping[Value, Slot]:
    """The places of a graph's states in one array, and of views of them."""
    slots: dict[Value, Slot] = {}
    offset = 0
    for s in graph.states:
        slots[s.before] = slots[s.after] = Slot(offset, s.before.type.nbytes)
        offset += aligned(s.before.type.nbytes)
    return {v: slots[root] for v, root in view_roots(graph).items() if root in slots}


def state_bytes(graph: Graph) -> int:
    """Bytes of that array."""
    return sum(aligned(s.before.type.nbytes) for s in graph.states)


def make_schedule(
    graph: Graph,
    target: Target,
    force: Mapping[str, str] | None = None,
    *,
    objective: Objective = Objective(),  # noqa: B008  # frozen
    costs: Costs = no_costs,
    weights: Weights = "flash",
    planner: Planner = Planner(),  # noqa: B008  # frozen
    code: Code = "flash",
    preferred: Sequence[Kernel] = (),
) -> Schedule:
    """Choose the kernels of all nodes together under ``objective``, an order and a place for every buffer.

    ``graph`` is in lowered form. ``force`` maps step names to kernel symbols; ``costs`` knows measured cycles; kernels
    of ``preferred`` are taken wherever they can be. Raises NoKernel, UsageError for a forced name that does not exist,
    DoesNotFit if no choice keeps the objective's limits.
    """
    search = make_search(graph, target, force, costs, preferred)
    chosen = choose(search, objective, graph.name)
    choices = {layer.node: _choice(layer, c) for layer, c in zip(search.layers, chosen, strict=True)}
    stack = footprint.run_stack_bytes() + max((footprint.of(c.kernel, n)[1] for n, c in choices.items()), default=0)
    apart = stack + state_bytes(graph)  # RAM that is not the arena's
    most = objective.max_ram_bytes
    staged = NONE_STAGED
    if weights == "staged":
        staged = _staged(graph, target, choices, (most or target.region("sram").size_bytes) - apart)
    schedule = schedule_with(graph, target, choices, staged, planner)
    ram_code: tuple[str, ...] = ()
    if code == "sram":
        ram_code = choose_ram_code(choices, target, most and most - apart - schedule.plan.nbytes)
    return replace(schedule, objective=objective, weights=weights, ram_code=ram_code)


def _staged(graph: Graph, target: Target, choices: Mapping[Node, Choice], limit_bytes: int) -> Mapping[Node, int]:
    """Bytes to stage by node, in an arena of at most ``limit_bytes``."""

    def arena_bytes(staged: Mapping[Node, int]) -> int:
        return schedule_with(graph, target, choices, staged).plan.nbytes

    return choose_staged(choices, target, arena_bytes, limit_bytes)


def make_search(
    graph: Graph,
    target: Target,
    force: Mapping[str, str] | None = None,
    costs: Costs = no_costs,
    preferred: Sequence[Kernel] = (),
) -> Search:
    """All programs that could compute ``graph`` on ``target``."""

    planned: dict[tuple[tuple[object, ...], ...], int] = {}

    def arena(chosen: Sequence[Candidate]) -> int:
        key = tuple(c.memory for c in chosen)
        if key not in planned:
            choices = {c.node: Choice(c.kernel, c.cycles, ()) for c in chosen}
            planned[key] = max(schedule_with(graph, target, choices).plan.nbytes, 8)
        return planned[key]

    found = layers(graph, target, force, costs, preferred)
    code, stack = footprint.run_code_bytes(len(found)), footprint.run_stack_bytes() + state_bytes(graph)
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
    graph: Graph,
    target: Target,
    choices: Mapping[Node, Choice],
    staged: Mapping[Node, int] = NONE_STAGED,
    planner: Planner = Planner(),  # noqa: B008  # frozen
) -> Schedule:
    """The schedule for chosen kernels: the graph's own order unless another one saves memory.

    ``choices`` has every node that is no view, ``staged`` the bytes of constants to copy before a node. The plan's
    bound holds for every order and placement of these kernels.
    """
    nodes = [n for n in graph.nodes if not n.op.view]
    tasks = task_graph(graph, nodes, choices, staged)
    best = best_order(tasks)
    arranged, bound = arrange(graph, nodes, choices, staged), best.bound_bytes

    def better(order: Sequence[int]) -> Arranged:
        other = arrange(graph, [nodes[i] for i in order], choices, staged)
        return min(arranged, other, key=lambda a: a.plan.nbytes)

    if arranged.plan.nbytes > bound and list(best.tasks) != list(range(len(nodes))):
        arranged = better(best.tasks)
    if planner.exact:
        order = [nodes.index(s.node) for s in arranged.steps]
        solution = solve(tasks, order, arranged.plan.nbytes, bound, planner.seconds)
        arranged, bound = better(solution.order), solution.bound_bytes
    arranged = _within_regions(graph, target, arranged)
    plan = replace(arranged.plan, bound_bytes=bound)
    offsets, lives = plan.offsets(), arranged.lifetimes
    kept = set(graph.state_values)
    slots = {v: Slot(offsets[root.name], v.type.nbytes) for v, root in lives.roots.items() if root not in kept}
    tensor_bytes = place(lives.tensors, lives.tensor_overlaps).nbytes
    return Schedule(graph, target, arranged.steps, plan, slots, min(tensor_bytes, plan.nbytes))


def _within_regions(graph: Graph, target: Target, arranged: Arranged) -> Arranged:
    """The same steps in two memories if the main one has no room for the arena and the board has a second one.

    Left in the main one: stack, statics and the caller's inputs and outputs.
    """
    main, second = target.region("sram"), target.second_sram
    callers = sum(v.type.nbytes for v in (*graph.inputs, *graph.outputs)) + state_bytes(graph)
    room = (main.size_bytes - _RESERVED_BYTES - callers) // ALIGN * ALIGN
    if second is None or arranged.plan.nbytes <= room or room <= 0:
        return arranged
    lives = arranged.lifetimes
    return replace(arranged, plan=place(lives.buffers, lives.overlaps, split=room))


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
