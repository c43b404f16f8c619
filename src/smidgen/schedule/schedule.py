# SPDX-License-Identifier: Apache-2.0
"""The schedule of a model: steps with their kernels, and an address for every value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from smidgen.errors import UsageError
from smidgen.ir import Graph, Node, Value
from smidgen.kernels import Choice, select
from smidgen.kernels.registry import all_kernels
from smidgen.schedule.plan import Buffer, Plan, place
from smidgen.targets import Target


@dataclass(frozen=True, slots=True)
class Step:
    """One kernel call. ``scratch`` is its buffer's name in the plan, if it needs one."""

    index: int
    node: Node
    choice: Choice
    scratch: str | None

    @property
    def name(self) -> str:
        return self.node.output.name


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
    """Choose a kernel for every node and plan the arena. ``force`` maps step names to kernel symbols.

    ``graph`` is in lowered form. Raises NoKernel, UsageError for a forced name that does not exist.
    """
    forced = dict(force or {})
    kernels = all_kernels()
    _check_symbols(forced.values(), [k.symbol for k in kernels])
    steps: list[Step] = []
    for node in graph.nodes:
        if node.op.view:
            continue
        choice = select(node, target.core, kernels, force=forced.pop(node.output.name, None))
        needs = choice.kernel.scratch(node)
        steps.append(Step(len(steps), node, choice, f"{node.output.name}__scratch" if needs else None))
    if forced:
        names = ", ".join(s.name for s in steps)
        raise UsageError(f"no step is called {', '.join(sorted(forced))}. The steps are: {names}")
    return _planned(graph, target, tuple(steps))


def _check_symbols(asked: Iterable[str], symbols: Sequence[str]) -> None:
    """UsageError for a name that no kernel has."""
    for symbol in asked:
        if symbol not in symbols:
            near = get_close_matches(symbol, symbols) or sorted(symbols)
            raise UsageError(f"no kernel {symbol!r}. Did you mean {', '.join(near)}? smidgen ops lists all")


def _planned(graph: Graph, target: Target, steps: tuple[Step, ...]) -> Schedule:
    roots = _roots(graph, steps)
    tensors = _tensor_buffers(graph, steps, roots)
    scratch = [
        Buffer(s.scratch, s.choice.kernel.scratch(s.node), s.index, s.index) for s in steps if s.scratch is not None
    ]
    plan = place([*tensors, *scratch])
    slots = {v: Slot(plan.offset(root.name), v.type.nbytes) for v, root in roots.items()}
    return Schedule(graph, target, steps, plan, slots, min(place(tensors).nbytes, plan.nbytes))


def _last_uses(graph: Graph, steps: tuple[Step, ...], roots: Mapping[Value, Value]) -> dict[Value, int]:
    """The last step that reads each root; graph outputs are read after the last step."""
    last: dict[Value, int] = {}
    for s in steps:
        for v in s.node.inputs:
            if v.data is None:
                last[roots[v]] = s.index
    for v in graph.outputs:
        if v.data is None:
            last[roots[v]] = len(steps)
    return last


def _roots(graph: Graph, steps: tuple[Step, ...]) -> dict[Value, Value]:
    """Each computed value's root: the value whose buffer it shares, through views and in-place kernels."""
    roots: dict[Value, Value] = {v: v for v in graph.inputs}
    for node in graph.nodes:
        x = node.inputs[0] if node.inputs else None
        shares = node.op.view and x is not None and x.data is None
        for y in node.outputs:
            roots[y] = roots[x] if shares and x is not None else y
    for s in steps:
        operand = s.choice.kernel.inplace
        if operand is None:
            continue
        x, y = s.node[operand], s.node.output
        if x.data is None and y.type.nbytes <= x.type.nbytes and _dies(x, s, graph, steps, roots):
            old, new = roots[y], roots[x]
            roots = {v: new if r is old else r for v, r in roots.items()}
    return roots


def _dies(x: Value, step: Step, graph: Graph, steps: tuple[Step, ...], roots: Mapping[Value, Value]) -> bool:
    """True if nothing reads x's buffer after this step, and this step reads it through one operand only."""
    root = roots[x]
    readers = [v for v in step.node.inputs if v.data is None and roots[v] is root]
    return len(readers) == 1 and _last_uses(graph, steps, roots).get(root, -1) == step.index


def _tensor_buffers(graph: Graph, steps: tuple[Step, ...], roots: Mapping[Value, Value]) -> list[Buffer]:
    last = _last_uses(graph, steps, roots)
    first: dict[Value, int] = {roots[v]: -1 for v in graph.inputs}
    nbytes: dict[Value, int] = {roots[v]: v.type.nbytes for v in graph.inputs}
    for s in steps:
        for v in s.node.outputs:
            first.setdefault(roots[v], s.index)
            nbytes[roots[v]] = max(nbytes.get(roots[v], 0), v.type.nbytes)
    return [Buffer(r.name, nbytes[r], at, max(last.get(r, at), at)) for r, at in first.items()]
