# SPDX-License-Identifier: Apache-2.0
"""Kernel calls as a search for their order sees them: what each reads, writes and needs, in numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from smidgen.ir import Graph, Node, Value
from smidgen.kernels import Choice
from smidgen.schedule.lifetimes import view_roots
from smidgen.schedule.plan import aligned

NONE_STAGED: Mapping[Node, int] = {}


@dataclass(frozen=True, slots=True)
class Share:
    """If ``operand`` dies here it may lie at the start of a ``lower`` buffer of this task, or from ``lead_bytes`` above
    it (``same_start``: only at it): that of its result, y, or of its scratch."""

    operand: int
    lower: Literal["y", "scratch"]
    lead_bytes: int
    same_start: bool
    saves_bytes: int


@dataclass(frozen=True, slots=True)
class Task:
    """One kernel call. Tensors and tasks are known by index; bytes are aligned."""

    reads: tuple[int, ...]
    makes: tuple[int, ...]
    needs: int  # bit mask of the tasks before it
    scratch_bytes: int
    staged_bytes: int  # copied constants
    new_bytes: int  # its result, scratch and copied constants
    kept_bytes: int  # its result, if anything reads it
    shares: tuple[Share, ...]
    savings: tuple[tuple[int, int], ...]  # (operand, bytes that its death here spares), at most two


@dataclass(frozen=True, slots=True)
class TaskGraph:
    """By tensor: ``tensor_bytes``, ``readers`` (a bit mask of tasks; -1: read after all) and ``makers`` (-1: input)."""

    tasks: tuple[Task, ...]
    tensor_bytes: tuple[int, ...]
    readers: tuple[int, ...]
    makers: tuple[int, ...]
    start_live_bytes: int  # of the inputs that are read
    start_bytes: int  # of all inputs


def task_graph(
    graph: Graph, nodes: Sequence[Node], choices: Mapping[Node, Choice], staged: Mapping[Node, int] = NONE_STAGED
) -> TaskGraph:
    """The tasks of ``nodes``, the nodes of ``graph`` that are no views; ``staged`` has bytes of copied constants."""
    roots = view_roots(graph)
    before = [(-1, v) for v in (*graph.inputs, *(s.before for s in graph.states))]
    made = [*before, *((i, v) for i, n in enumerate(nodes) for v in n.outputs)]
    index = {v: t for t, (_, v) in enumerate(made)}
    apart = set(graph.state_values)  # from the arena
    nbytes = [0 if v in apart else aligned(v.type.nbytes) for _, v in made]
    makers = [maker for maker, _ in made]
    readers = [0] * len(made)
    for i, node in enumerate(nodes):
        for v in node.inputs:
            if v.data is None:
                readers[index[roots[v]]] |= 1 << i
    for v in (*graph.outputs, *apart):
        if v.data is None:
            readers[index[roots[v]]] = -1
    tasks: list[Task] = []
    for node in nodes:
        operands = [index[roots[v]] for v in node.inputs if v.data is None]
        reads, makes = tuple(dict.fromkeys(operands)), tuple(index[v] for v in node.outputs)
        needs = sum(1 << maker for maker in {makers[t] for t in reads} if maker >= 0)
        scratch, copied = aligned(choices[node].kernel.scratch(node)), aligned(staged.get(node, 0))
        new = sum(nbytes[t] for t in makes) + scratch + copied
        kept = sum(nbytes[t] for t in makes if readers[t])
        once = {
            v: index[roots[v]]
            for v in node.inputs
            if v.data is None and roots[v] not in apart and operands.count(index[roots[v]]) == 1
        }
        shares = tuple(_shares(node, choices[node], once))
        tasks.append(Task(reads, makes, needs, scratch, copied, new, kept, shares, _savings(shares)))
    inputs = range(len(graph.inputs))
    live = sum(nbytes[t] for t in inputs if readers[t])
    return TaskGraph(tuple(tasks), tuple(nbytes), tuple(readers), tuple(makers), live, sum(nbytes[t] for t in inputs))


def _shares(node: Node, choice: Choice, once: Mapping[Value, int]) -> Iterator[Share]:
    """In place and by overlapping; ``once`` has the operands that the kernel reads once."""
    kernel, y = choice.kernel, aligned(node.output.type.nbytes)
    taken = node[kernel.inplace] if kernel.inplace is not None else None
    if taken in once and taken is not None and taken.type.nbytes >= node.output.type.nbytes:
        yield Share(once[taken], "y", 0, True, y)
    x = node.inputs[0] if node.inputs else None
    if kernel.overlap is not None and x is not None and x in once:
        lower, above = {"y": y, "scratch": aligned(kernel.scratch(node))}, aligned(x.type.nbytes)
        for key, lead in kernel.overlap(node).items():
            below, least = lower[key], aligned(lead)
            kind: Literal["y", "scratch"] = "y" if key == "y" else "scratch"
            saving = below + above - max(below, min(least, below) + above)
            yield Share(once[x], kind, least, False, saving)


def _savings(shares: Iterable[Share]) -> tuple[tuple[int, int], ...]:
    """By operand the most that one of its ways to share saves: of two, only one can be taken."""
    found: dict[int, int] = {}
    for s in shares:
        found[s.operand] = max(found.get(s.operand, 0), s.saves_bytes)
    return tuple((t, n) for t, n in found.items() if n)
