# SPDX-License-Identifier: Apache-2.0
"""Kernel calls as a search for their order sees them: what each reads, writes and needs, in numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from smidgen.ir import Graph, Node, Value
from smidgen.kernels import Choice
from smidgen.schedule.lifetimes import view_roots
from smidgen.schedule.plan import aligned

NONE_STAGED: Mapping[Node, int] = {}


@dataclass(frozen=True, slots=True)
class Task:
    """One kernel call. Tensors and tasks are known by index; bytes are aligned."""

    reads: tuple[int, ...]
    needs: int  # bit mask of the tasks before it
    new_bytes: int  # its result, scratch and copied constants
    kept_bytes: int  # its result, if anything reads it
    savings: tuple[tuple[int, int], ...]  # (operand, bytes that its death here spares), at most two


@dataclass(frozen=True, slots=True)
class TaskGraph:
    """``tensor_bytes`` and ``readers`` (a bit mask of tasks; -1: read after all of them) by tensor."""

    tasks: tuple[Task, ...]
    tensor_bytes: tuple[int, ...]
    readers: tuple[int, ...]
    start_live_bytes: int  # of the inputs that are read
    start_bytes: int  # of all inputs


def task_graph(
    graph: Graph, nodes: Sequence[Node], choices: Mapping[Node, Choice], staged: Mapping[Node, int] = NONE_STAGED
) -> TaskGraph:
    """The tasks of ``nodes``, the nodes of ``graph`` that are no views; ``staged`` has bytes of copied constants."""
    roots = view_roots(graph)
    index: dict[Value, int] = {}
    nbytes: list[int] = []
    producer: list[int | None] = []
    for by, v in (*((None, v) for v in graph.inputs), *((i, v) for i, n in enumerate(nodes) for v in n.outputs)):
        index[v] = len(nbytes)
        nbytes.append(aligned(v.type.nbytes))
        producer.append(by)
    readers = [0] * len(nbytes)
    reads: list[tuple[int, ...]] = []
    for i, node in enumerate(nodes):
        tensors = tuple(dict.fromkeys(index[roots[v]] for v in node.inputs if v.data is None))
        reads.append(tensors)
        for t in tensors:
            readers[t] |= 1 << i
    for v in graph.outputs:
        if v.data is None:
            readers[index[roots[v]]] = -1
    tasks = tuple(
        Task(
            reads[i],
            _mask(producer[t] for t in reads[i]),
            sum(nbytes[index[v]] for v in node.outputs) + _work_bytes(node, choices, staged),
            sum(nbytes[index[v]] for v in node.outputs if readers[index[v]]),
            _savings(node, choices[node], {v: index[roots[v]] for v in node.inputs if v.data is None}),
        )
        for i, node in enumerate(nodes)
    )
    inputs = range(len(graph.inputs))
    live = sum(nbytes[t] for t in inputs if readers[t])
    return TaskGraph(tasks, tuple(nbytes), tuple(readers), live, sum(nbytes[t] for t in inputs))


def _work_bytes(node: Node, choices: Mapping[Node, Choice], staged: Mapping[Node, int]) -> int:
    """Scratch and copied constants."""
    return aligned(choices[node].kernel.scratch(node)) + aligned(staged.get(node, 0))


def _mask(bits: Iterable[int | None]) -> int:
    return sum(1 << bit for bit in {b for b in bits if b is not None})


def _savings(node: Node, choice: Choice, tensors: Mapping[Value, int]) -> tuple[tuple[int, int], ...]:
    """What the kernel spares if an operand that it reads once dies here: by going in place, and by overlapping."""
    kernel, y = choice.kernel, aligned(node.output.type.nbytes)
    operands = [tensors[v] for v in node.inputs if v.data is None]
    found: dict[int, int] = {}
    taken = node[kernel.inplace] if kernel.inplace is not None else None
    if taken is not None and taken.data is None and taken.type.nbytes >= node.output.type.nbytes:
        found[tensors[taken]] = y
    x = node.inputs[0] if node.inputs else None
    if kernel.overlap is not None and x is not None and x.data is None:
        lower = {"y": y, "scratch": aligned(kernel.scratch(node))}
        above = aligned(x.type.nbytes)
        for key, lead in kernel.overlap(node).items():
            below = lower[key]
            saving = below + above - max(below, min(aligned(lead), below) + above)
            found[tensors[x]] = max(found.get(tensors[x], 0), saving)
    return tuple((t, n) for t, n in found.items() if n and operands.count(t) == 1)
