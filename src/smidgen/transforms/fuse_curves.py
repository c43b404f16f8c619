# SPDX-License-Identifier: Apache-2.0
"""Finds activation functions that exporters wrote out: SiLU, hard swish, hard sigmoid, GELU."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from smidgen.ir import Graph, Node, TensorType, Value
from smidgen.ops import Add, Clamp, Curve, LeakyRelu, Mul
from smidgen.transforms.islands import is_quantized

_ELEMENTWISE = (Add, Clamp, Curve, LeakyRelu, Mul)
_GRID = np.linspace(-12, 12, 769).astype(np.float32)
_KNOWN = (
    Curve("silu"),
    Curve("hard_swish"),
    Curve("hard_sigmoid", 1 / 6, 0.5),
    Curve("gelu"),
    Curve("gelu_tanh"),
)
_BOUND = 2e-6  # relative to the largest result on the grid; the two forms of GELU differ by 3e-5
_MOST_NODES = 12

Floats = npt.NDArray[np.float32]


def fuse_curves(graph: Graph) -> Graph:
    """x * sigmoid(x), and other products that are a known function of one tensor -> Curve(x)."""
    return graph if is_quantized(graph) else _Finder(graph).run()


class _Finder:
    def __init__(self, graph: Graph) -> None:
        self.graph, self.producers = graph, graph.producers()
        self.replaced: dict[Node, Node] = {}
        (self.known,) = (np.stack([_applied(c, _GRID) for c in _KNOWN]),)

    def run(self) -> Graph:
        nodes = []
        for node in self.graph.nodes:
            found = self._curve(node) if isinstance(node.op, Mul) and node.output.type.dtype == "float32" else None
            if found is not None:
                self.producers[found.output] = found
            nodes.append(found or node)
        return self.graph.with_nodes(tuple(nodes))

    def _curve(self, node: Node) -> Node | None:
        """The known function, of the nearest tensor that all of the product depends on."""
        for x in self._sources(node):
            if x.type.shape != node.output.type.shape:
                continue
            y = self._value(node.output, x, _GRID, [_MOST_NODES])
            op = None if y is None else self._match(y)
            if op is not None:
                return replace(node, op=op, inputs=(x,))
        return None

    def _match(self, y: Floats) -> Curve | None:
        for op, want in zip(_KNOWN, self.known, strict=True):
            if np.abs(y - want).max() <= _BOUND * np.abs(want).max():
                return op
        return None

    def _sources(self, node: Node) -> Iterator[Value]:
        """Tensors that may be the one which the node is a function of, the nearest first."""
        seen: dict[Value, None] = {}
        todo = [v for v in node.inputs if v.data is None]
        while todo and len(seen) < _MOST_NODES:
            v = todo.pop(0)
            if v not in seen:
                seen[v] = None
                producer = self.producers.get(v)
                if producer is not None and isinstance(producer.op, _ELEMENTWISE):
                    todo += [i for i in producer.inputs if i.data is None]
        yield from seen

    def _value(self, value: Value, x: Value, at: Floats, left: list[int]) -> Floats | None:
        """The value as a function of ``x`` on the grid; None where it depends on more, or constants are no numbers."""
        if value is x:
            return at
        if value.data is not None:
            single = value.type.dtype == "float32" and np.unique(value.constant).size == 1
            return np.full_like(at, value.constant.reshape(-1)[0]) if single else None
        node, left[0] = self.producers.get(value), left[0] - 1
        if node is None or left[0] < 0 or not isinstance(node.op, _ELEMENTWISE):
            return None
        parts = [self._value(v, x, at, left) for v in node.inputs]
        known = [p for p in parts if p is not None]
        if len(known) != len(parts):
            return None
        with np.errstate(all="ignore"):
            (y,) = node.op.evaluate([TensorType("float32", at.shape)] * len(known), known)
        return np.asarray(y, np.float32)


def _applied(op: Curve, x: Floats) -> Floats:
    (y,) = op.evaluate([TensorType("float32", x.shape)], [x])
    return np.asarray(y, np.float32)
