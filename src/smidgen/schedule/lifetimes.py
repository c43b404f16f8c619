# SPDX-License-Identifier: Apache-2.0
"""Which buffers a sequence of kernel calls needs, from when to when, and which of them may share bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from smidgen.ir import Graph, Node, Value
from smidgen.kernels import Choice
from smidgen.schedule.plan import Buffer, Overlap


@dataclass(frozen=True, slots=True)
class Step:
    """One kernel call. ``scratch`` is its buffer's name in the plan, if it needs one.

    ``staged_bytes`` of its constants are copied to a buffer of their own, ``staged``, before the call.
    """

    index: int
    node: Node
    choice: Choice
    scratch: str | None
    staged_bytes: int = 0

    @property
    def name(self) -> str:
        return self.node.output.name

    @property
    def staged(self) -> str | None:
        """The name of the buffer for its constants in the plan, if they are copied."""
        return f"{self.name}__staged" if self.staged_bytes else None


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """``roots`` maps each computed value to the value that its buffer is named after; ``scratch`` has staged constants
    too. A graph's states have roots of their own, but no buffers: they live apart, from step to step."""

    roots: Mapping[Value, Value]
    tensors: tuple[Buffer, ...]
    scratch: tuple[Buffer, ...]
    overlaps: tuple[Overlap, ...]

    @property
    def buffers(self) -> tuple[Buffer, ...]:
        return (*self.tensors, *self.scratch)

    @property
    def tensor_overlaps(self) -> tuple[Overlap, ...]:
        """The overlaps that no scratch takes part in."""
        scratch = {b.name for b in self.scratch}
        return tuple(o for o in self.overlaps if o.lower not in scratch)


def lifetimes_of(graph: Graph, steps: Sequence[Step]) -> Lifetimes:
    """The buffers of ``steps``, which compute ``graph`` in a topological order."""
    roots = view_roots(graph)
    last = _last_uses(graph, steps, roots)
    scratch = tuple(
        Buffer(name, nbytes, s.index, s.index)
        for s in steps
        for name, nbytes in ((s.scratch, s.choice.kernel.scratch(s.node)), (s.staged, s.staged_bytes))
        if name is not None
    )
    return Lifetimes(roots, _tensor_buffers(graph, steps, roots, last), scratch, _overlaps(steps, roots, last))


def _overlaps(steps: Sequence[Step], roots: Mapping[Value, Value], last: Mapping[Value, int]) -> tuple[Overlap, ...]:
    """What the kernels allow, where the operand dies and is read once."""
    found: list[Overlap] = []
    for s in steps:
        kernel, y = s.choice.kernel, s.node.output
        taken = s.node[kernel.inplace] if kernel.inplace is not None else None
        if taken is not None and y.type.nbytes <= taken.type.nbytes and _dies(taken, s, roots, last):
            found.append(Overlap(y.name, roots[taken].name, 0, same_start=True))
        x = s.node.inputs[0] if s.node.inputs else None
        if kernel.overlap is not None and x is not None and _dies(x, s, roots, last):
            lower = {"y": y.name, "scratch": s.scratch}
            leads = kernel.overlap(s.node).items()
            found += [Overlap(name, roots[x].name, lead) for key, lead in leads if (name := lower[key]) is not None]
    return tuple(found)


def _dies(x: Value, step: Step, roots: Mapping[Value, Value], last: Mapping[Value, int]) -> bool:
    """True if ``step`` reads x's bytes once and nothing reads them after it."""
    if x.data is not None or last[roots[x]] != step.index:
        return False
    return sum(v.data is None and roots[v] is roots[x] for v in step.node.inputs) == 1


def _last_uses(graph: Graph, steps: Sequence[Step], roots: Mapping[Value, Value]) -> dict[Value, int]:
    """The last step that reads each root; graph outputs and states are read after the last step."""
    last: dict[Value, int] = {}
    for s in steps:
        for v in s.node.inputs:
            if v.data is None:
                last[roots[v]] = s.index
    for v in (*graph.outputs, *graph.state_values):
        if v.data is None:
            last[roots[v]] = len(steps)
    return last


def view_roots(graph: Graph) -> dict[Value, Value]:
    """Each computed value's root: the value whose buffer it shares through views."""
    roots: dict[Value, Value] = {v: v for v in (*graph.inputs, *(s.before for s in graph.states))}
    for node in graph.nodes:
        x = node.inputs[0] if node.inputs else None
        shares = node.op.view and x is not None and x.data is None
        for y in node.outputs:
            roots[y] = roots[x] if shares and x is not None else y
    return roots


def _tensor_buffers(
    graph: Graph, steps: Sequence[Step], roots: Mapping[Value, Value], last: Mapping[Value, int]
) -> tuple[Buffer, ...]:
    first: dict[Value, int] = dict.fromkeys(graph.inputs, -1)
    first.update((roots[v], s.index) for s in steps for v in s.node.outputs)
    for s in graph.states:
        first.pop(s.after, None)
    return tuple(Buffer(r.name, r.type.nbytes, at, max(last.get(r, at), at)) for r, at in first.items())
