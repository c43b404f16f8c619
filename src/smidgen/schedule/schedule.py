# SPDX-License-Identifier: Apache-2.0
"""The schedule of a model: steps with their kernels, and an address for every value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from smidgen.errors import NoKernel, UsageError
from smidgen.ir import Graph, Node, Value
from smidgen.kernels import Choice, select
from smidgen.kernels.registry import all_kernels
from smidgen.schedule.first_fit import place
from smidgen.schedule.lifetimes import Lifetimes, Step, lifetimes_of
from smidgen.schedule.order import best_order
from smidgen.schedule.plan import Plan
from smidgen.schedule.tasks import task_graph
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

    @property
    def scratch_bytes(self) -> int:
        """What scratch adds to the arena."""
        return self.plan.nbytes - self.tensor_bytes

    @property
    def modelled_cycles(self) -> float:
        """The kernels' own cost formulas, summed: zero wait states, a guess before anything is built."""
        return sum(s.choice.cycles for s in self.steps)


def make_schedule(graph: Graph, target: Target, force: Mapping[str, str] | None = None) -> Schedule:
    """Choose a kernel for every node, an order and a place for every buffer. ``force`` maps step names to symbols.

    ``graph`` is in lowered form. Raises NoKernel, UsageError for a forced name that does not exist.
    """
    return schedule_with(graph, target, _choose(graph, target, dict(force or {})))


def _choose(graph: Graph, target: Target, forced: dict[str, str]) -> dict[Node, Choice]:
    """The cheapest kernel of every node that is no view, or the forced one."""
    kernels = all_kernels()
    _check_symbols(forced.values(), [k.symbol for k in kernels])
    choices: dict[Node, Choice] = {}
    failures: list[NoKernel] = []
    for node in graph.nodes:
        if node.op.view:
            continue
        try:
            choices[node] = select(node, target.core, kernels, force=forced.pop(node.output.name, None))
        except NoKernel as e:
            failures.append(e)
    if failures:
        raise NoKernel("\n".join(map(str, failures)), [f for e in failures for f in e.findings])
    if forced:
        names = ", ".join(n.output.name for n in choices)
        raise UsageError(f"no step is called {', '.join(sorted(forced))}. The steps are: {names}")
    return choices


def _check_symbols(asked: Iterable[str], symbols: Sequence[str]) -> None:
    """UsageError for a name that no kernel has."""
    for symbol in asked:
        if symbol not in symbols:
            near = get_close_matches(symbol, symbols) or sorted(symbols)
            raise UsageError(f"no kernel {symbol!r}. Did you mean {', '.join(near)}? smidgen ops lists all")


def schedule_with(graph: Graph, target: Target, choices: Mapping[Node, Choice]) -> Schedule:
    """The schedule for chosen kernels: the graph's own order unless another one saves memory.

    ``choices`` has every node that is no view. The plan's bound holds for every order and placement of these kernels.
    """
    nodes = [n for n in graph.nodes if not n.op.view]
    best = best_order(task_graph(graph, nodes, choices))
    arranged = arrange(graph, nodes, choices)
    if arranged.plan.nbytes > best.bound_bytes:
        other = arrange(graph, [nodes[i] for i in best.tasks], choices)
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


def arrange(graph: Graph, nodes: Sequence[Node], choices: Mapping[Node, Choice], *, climb: bool = True) -> Arranged:
    """Plan the arena for ``nodes`` in their order; a millisecond for tens of them without ``climb``, for searches.

    Raises nothing for nodes in topological order that are every node of ``graph`` but its views.
    """
    steps: list[Step] = []
    for i, node in enumerate(nodes):
        needs = choices[node].kernel.scratch(node)
        steps.append(Step(i, node, choices[node], f"{node.output.name}__scratch" if needs else None))
    lives = lifetimes_of(graph, steps)
    return Arranged(tuple(steps), lives, place(lives.buffers, lives.overlaps, climb=climb))
