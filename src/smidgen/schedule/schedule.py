# SPDX-License-Identifier: Apache-2.0
"""The schedule of a model: steps with their kernels, and an address for every value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from smidgen.errors import NoKernel, UsageError
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
    failures: list[NoKernel] = []
    for node in graph.nodes:
        if node.op.view:
            continue
        try:
            choice = select(node, target.core, kernels, force=forced.pop(node.output.name, None))
        except NoKernel as e:
            failures.append(e)
            continue
        needs = choice.kernel.scratch(node)
        steps.append(Step(len(steps), node, choice, f"{node.output.name}__scratch" if needs else None))
    if failures:
        raise NoKernel("\n".join(map(str, failures)), [f for e in failures for f in e.findings])
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
    return _merge_in_place(graph, steps, roots)


def _merge_in_place(graph: Graph, steps: tuple[Step, ...], roots: Mapping[Value, Value]) -> dict[Value, Value]:
    """The roots after every in-place kernel has taken over a buffer that nothing else needs."""
    last = _last_uses(graph, steps, roots)
    taken: dict[Value, Value] = {}  # a root -> the root whose buffer it has taken over

    def root(v: Value) -> Value:
        r = roots[v]
        while r in taken:
            r = taken[r]
        return r

    for s in steps:
        operand = s.choice.kernel.inplace
        x, y = (s.node[operand], s.node.output) if operand is not None else (None, None)
        if x is None or y is None or x.data is not None or y.type.nbytes > x.type.nbytes:
            continue
        readers = [v for v in s.node.inputs if v.data is None and root(v) is root(x)]
        if len(readers) == 1 and last.get(root(x), -1) == s.index:
            last[root(x)] = last.get(root(y), s.index)
            taken[root(y)] = root(x)
    return {v: root(v) for v in roots}


def _tensor_buffers(graph: Graph, steps: tuple[Step, ...], roots: Mapping[Value, Value]) -> list[Buffer]:
    last = _last_uses(graph, steps, roots)
    first: dict[Value, int] = {roots[v]: -1 for v in graph.inputs}
    nbytes: dict[Value, int] = {roots[v]: v.type.nbytes for v in graph.inputs}
    for s in steps:
        for v in s.node.outputs:
            first.setdefault(roots[v], s.index)
            nbytes[roots[v]] = max(nbytes.get(roots[v], 0), v.type.nbytes)
    return [Buffer(r.name, nbytes[r], at, max(last.get(r, at), at)) for r, at in first.items()]
