# SPDX-License-Identifier: Apache-2.0
"""Many samples through one graph: the batch dimension made larger where every op allows it, else one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from smidgen.errors import InvalidGraph, InvalidInput
from smidgen.ir import Array, Graph, Node, Op, TensorType, Value
from smidgen.ops import Reshape, Softmax
from smidgen.quantize.fast import working_bytes

CHUNK_BYTES = 48 << 20  # of the largest temporary of a node, so that memory stays low and caches useful


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some samples, and the graph with its batch dimension enlarged for them; names and node order are the model's."""

    graph: Graph
    inputs: tuple[Array, ...]
    samples: int


def sample_shape(t: TensorType) -> tuple[int, ...]:
    """The shape of one sample of a graph input: without the batch dimension where that is 1."""
    return t.shape[1:] if t.shape and t.shape[0] == 1 else t.shape


def check_samples(graph: Graph, inputs: Sequence[Array]) -> int:
    """How many samples these stacked arrays hold. InvalidInput unless there is one array (N, *sample) an input."""
    if len(inputs) != len(graph.inputs):
        raise InvalidInput(f"{graph.name} takes {len(graph.inputs)} inputs, got {len(inputs)} stacked arrays")
    for v, a in zip(graph.inputs, inputs, strict=True):
        want = sample_shape(v.type)
        if a.shape[1:] != want or a.ndim == 0:
            raise InvalidInput(
                f"data for input {v.name!r} of {graph.name} has shape {list(a.shape)}, needs "
                f"[samples, {', '.join(map(str, want))}]: one {list(want)} a sample, stacked"
            )
    counts = {a.shape[0] for a in inputs}
    if len(counts) != 1 or 0 in counts:
        raise InvalidInput(f"the stacked arrays for {graph.name} hold {sorted(counts)} samples: needs the same, not 0")
    return int(counts.pop())


def chunks(graph: Graph, inputs: Sequence[Array], most_bytes: int = CHUNK_BYTES) -> Iterator[Chunk]:
    """The samples in order, as few chunks as memory allows. ``inputs``: (N, *sample), one a graph input."""
    total = check_samples(graph, inputs)
    at_once = max(1, min(total, most_bytes // max(1, working_bytes(graph))))
    enlarged: dict[int, Graph] = {}
    if rebatched(graph, 2) is None:
        at_once = 1
    for start in range(0, total, at_once):
        n = min(at_once, total - start)
        if n not in enlarged:
            bigger = rebatched(graph, n) if n > 1 else graph
            assert bigger is not None, "what holds for two samples holds for more"
            enlarged[n] = bigger
        shapes = [v.type.shape for v in enlarged[n].inputs]
        arrays = (a[start : start + n].reshape(s) for a, s in zip(inputs, shapes, strict=True))
        yield Chunk(enlarged[n], tuple(arrays), n)


def rebatched(graph: Graph, samples: int) -> Graph | None:
    """The graph for ``samples`` times its batch, where the first dimension is a batch throughout; None elsewhere."""
    leading = {v.type.shape[:1] for v in graph.inputs}
    if len(leading) != 1 or () in leading:
        return None
    (batch,) = leading.pop()
    try:
        return _Rebatch(graph, batch, batch * samples).run()
    except InvalidGraph:
        return None


class _Rebatch:
    def __init__(self, graph: Graph, old: int, new: int) -> None:
        self.graph, self.old, self.new = graph, old, new
        self.mapping = {v: self._enlarged(v) for v in graph.inputs}

    def run(self) -> Graph:
        nodes = tuple(self._node(n) for n in self.graph.nodes)
        inputs = tuple(self.mapping[v] for v in self.graph.inputs)
        outputs = tuple(self.mapping.get(v, v) for v in self.graph.outputs)
        if any(v not in self.mapping for v in self.graph.outputs):
            raise InvalidGraph("an output does not depend on the inputs")
        return replace(self.graph, inputs=inputs, outputs=outputs, nodes=nodes)

    def _enlarged(self, v: Value) -> Value:
        if v.type.shape[:1] != (self.old,):
            raise InvalidGraph(f"{v.name} has no batch dimension")
        return Value(v.name, replace(v.type, shape=(self.new, *v.type.shape[1:])))

    def _node(self, node: Node) -> Node:
        batched = [v for v in node.inputs if v in self.mapping]
        if not batched:
            return node
        op: Op = node.op
        for v in node.outputs:
            self.mapping[v] = self._enlarged(v)
        if isinstance(op, Reshape):
            op = replace(op, shape=(self.new, *op.shape[1:]))
        else:
            self._check_alignment(node, batched)
        inputs = tuple(self.mapping.get(v, v) for v in node.inputs)
        outputs = tuple(self.mapping[v] for v in node.outputs)
        if op.infer([v.type for v in inputs]) != tuple(v.type for v in outputs):
            raise InvalidGraph(f"{node.loc} mixes samples")
        return replace(node, op=op, inputs=inputs, outputs=outputs)

    def _check_alignment(self, node: Node, batched: Sequence[Value]) -> None:
        """The first dimension of each operand is that of the result, and nothing works along it."""
        ranks = {len(v.type.shape) for v in (*batched, *node.outputs)}
        if len(ranks) != 1 or (isinstance(node.op, Softmax) and ranks == {1}):
            raise InvalidGraph(f"{node.loc} does not keep the batch dimension")
        (rank,) = ranks
        for v in node.inputs:
            binary = "a" in node.op.operands
            if binary and v not in self.mapping and len(v.type.shape) == rank and v.type.shape[0] != 1:
                raise InvalidGraph(f"{node.loc} has an operand of its own for each of the batch")
