# SPDX-License-Identifier: Apache-2.0
"""Walks a graph node by node with all samples at once: each result is dropped after its last reader."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from smidgen.errors import InvalidInput
from smidgen.ir import Array, Graph, Node, Value
from smidgen.quantize.batches import Chunk, chunks
from smidgen.quantize.fast import compute

_LIVE_BYTES = 384 << 20  # of activations that wait for a reader, all samples together


@dataclass(frozen=True, slots=True)
class Visit:
    """One node: the arrays it read and wrote, operand by operand, each a list with one array a chunk."""

    index: int
    nodes: tuple[Node, ...]  # the node in each chunk's graph
    inputs: tuple[tuple[Array, ...], ...]
    outputs: tuple[tuple[Array, ...], ...]


def live_bytes(graph: Graph) -> int:
    """The most bytes of activations of one sample that wait at once in a walk."""
    last = _last_use(graph)
    sizes = {v.name: v.type.nbytes for v in graph.values() if v.data is None}
    alive = {v.name for v in graph.inputs}
    most = sum(sizes[n] for n in alive)
    for i, node in enumerate(graph.nodes):
        alive.update(v.name for v in node.outputs)
        most = max(most, sum(sizes[n] for n in alive))
        alive = {n for n in alive if last.get(n, -1) > i}
    return most


def _last_use(graph: Graph) -> dict[str, int]:
    return {v.name: i for i, node in enumerate(graph.nodes) for v in node.inputs if v.data is None}


def affordable(graph: Graph, data: Sequence[Array], copies: int = 1) -> tuple[Array, ...]:
    """The samples, or evenly spaced ones of them where all would take too much memory."""
    most = max(1, _LIVE_BYTES // max(1, copies * live_bytes(graph)))
    total = len(data[0])
    chosen = np.unique(np.linspace(0, total - 1, min(total, most)).round().astype(np.int64))
    return tuple(a if len(chosen) == total else a[chosen] for a in data)


class Walker:
    """The values that wait for a reader, and each node's turn to be computed."""

    def __init__(self, graph: Graph, pieces: Sequence[Chunk]) -> None:
        self.graph = graph
        self.chunks: tuple[Chunk, ...] = tuple(pieces)
        self.last = _last_use(graph)
        self.env: dict[str, tuple[Array, ...]] = {
            v.name: tuple(c.inputs[i] for c in self.chunks) for i, v in enumerate(graph.inputs)
        }

    def operand(self, value: Value) -> tuple[Array, ...]:
        if value.data is not None:
            return (value.data,) * len(self.chunks)
        return self.env[value.name]

    def step(self, index: int, replaced: dict[int, Array] | None = None) -> Visit:
        """Compute node ``index``; ``replaced`` gives constant operands other values."""
        node = self.graph.nodes[index]
        inputs = [self.operand(v) for v in node.inputs]
        for position, array in (replaced or {}).items():
            inputs[position : position + 1] = [(array,) * len(self.chunks)]
        nodes = tuple(c.graph.nodes[index] for c in self.chunks)
        results = [compute(n, [i[c] for i in inputs]) for c, n in enumerate(nodes)]
        outputs = tuple(tuple(r[k] for r in results) for k in range(len(node.outputs)))
        for v, arrays in zip(node.outputs, outputs, strict=True):
            self.env[v.name] = arrays
        return Visit(index, nodes, tuple(inputs), outputs)

    def release(self, index: int) -> None:
        """Drop what no node after this one reads."""
        node = self.graph.nodes[index]
        for v in (*node.inputs, *node.outputs):
            if v.data is None and self.last.get(v.name, -1) <= index:
                self.env.pop(v.name, None)


def walk(graph: Graph, data: Sequence[Array]) -> Iterator[Visit]:
    """Every node with all samples. InvalidInput where the network's floats overflow or are not numbers."""
    walker = Walker(graph, tuple(chunks(graph, data)))
    for i, node in enumerate(graph.nodes):
        visit = walker.step(i)
        for v, arrays in zip(node.outputs, visit.outputs, strict=True):
            if v.type.dtype == "float32" and not all(np.isfinite(a).all() for a in arrays):
                raise InvalidInput(
                    f"the network overflows float32 (or divides by zero) at {v.name!r}, {node.loc}, for some samples: "
                    "it cannot be quantised for such inputs; look for samples far out of the usual range"
                )
        yield visit
        walker.release(i)
