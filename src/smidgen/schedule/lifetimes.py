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
    too."""

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
    roots = _merge_in_place(graph, steps, view_roots(graph))
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
        allowed = s.choice.kernel.overlap
        x = s.node.inputs[0] if s.node.inputs else None
        if allowed is None or x is None or x.data is not None:
            continue
        root = roots[x]
        readers = [v for v in s.node.inputs if v.data is None and roots[v] is root]
        if len(readers) != 1 or last[root] != s.index:
            continue
        y = s.node.output
        lower = {"y": y.name if roots[y] is y else None, "scratch": s.scratch}  # no y of its own: in place already
        for key, lead in allowed(s.node).items():
            name = lower[key]
            if name is not None:
                found.append(Overlap(name, root.name, lead))
    return tuple(found)


def _last_uses(graph: Graph, steps: Sequence[Step], roots: Mapping[Value, Value]) -> dict[Value, int]:
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


def view_roots(graph: Graph) -> dict[Value, Value]:
    """Each computed value's root: the value whose buffer it shares through views."""
    roots: dict[Value, Value] = {v: v for v in graph.inputs}
    for node in graph.nodes:
        x = node.inputs[0] if node.inputs else None
        shares = node.op.view and x is not None and x.data is None
        for y in node.outputs:
            roots[y] = roots[x] if shares and x is not None else y
    return roots


def _merge_in_place(graph: Graph, steps: Sequence[Step], roots: Mapping[Value, Value]) -> dict[Value, Value]:
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


def _tensor_buffers(
    graph: Graph, steps: Sequence[Step], roots: Mapping[Value, Value], last: Mapping[Value, int]
) -> tuple[Buffer, ...]:
    first: dict[Value, int] = {roots[v]: -1 for v in graph.inputs}
    nbytes: dict[Value, int] = {roots[v]: v.type.nbytes for v in graph.inputs}
    shrinks: dict[Value, list[tuple[int, int]]] = {}
    for s in steps:
        for v in s.node.outputs:
            root = roots[v]
            first.setdefault(root, s.index)
            nbytes[root] = max(nbytes.get(root, 0), v.type.nbytes)
            before = shrinks[root][-1][1] if root in shrinks else nbytes[root]
            if v.type.nbytes < before:  # in place, into the first bytes of what it has taken over
                shrinks.setdefault(root, []).append((s.index + 1, v.type.nbytes))
    return tuple(
        Buffer(r.name, nbytes[r], at, max(last.get(r, at), at), tuple(shrinks.get(r, ()))) for r, at in first.items()
    )
