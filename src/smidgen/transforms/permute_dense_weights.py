# SPDX-License-Identifier: Apache-2.0
"""Takes a transpose before a flattening into the weights of the dense layers behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from smidgen.ir import DType, Graph, Node, Value
from smidgen.ir.names import Names
from smidgen.ir.types import storage_after
from smidgen.ops import (
    Add,
    Clamp,
    Concat,
    Curve,
    FullyConnected,
    LeakyRelu,
    Lookup,
    Mul,
    Requantize,
    Reshape,
    Transpose,
)

_UNARY = (Clamp, Curve, LeakyRelu, Lookup, Requantize)
Columns = npt.NDArray[np.int64]


def permute_dense_weights(graph: Graph) -> Graph:
    """FullyConnected(Reshape(Transpose(x)), w) -> FullyConnected(Reshape(x), w's columns permuted).

    The reshape flattens all but the first dimension, which the transpose leaves. Several layers may read it, and
    elementwise ops, constants along the columns and concatenations may lie between. Of integers.
    """
    return _Permuter(graph, ("int8", "int16")).run()


def permute_real_dense_weights(graph: Graph) -> Graph:
    """The same of reals, whose sums change their order."""
    return _Permuter(graph, ("float32",)).run()


class _Permuter:
    def __init__(self, graph: Graph, dtypes: tuple[DType, ...]) -> None:
        self.dtypes = dtypes
        self.graph, self.users, self.producers = graph, graph.users(), graph.producers()
        self.names = Names(v.name for v in graph.values())
        self.free: dict[Value, bool] = {}
        self.columns: dict[Value, Columns] = {}
        """value == what it becomes, [:, columns]."""

    def run(self) -> Graph:
        for node in reversed(self.graph.nodes):
            for v in node.outputs:
                self.free[v] = self._is_free(v)
        return self.graph.with_nodes(tuple(self._visit(n) for n in self.graph.nodes))

    def _is_free(self, value: Value) -> bool:
        """True if all that reads the value can take its columns in another order."""
        readers = self.users.get(value, [])
        flat = len(value.type.shape) == 2 and bool(readers) and value not in self.graph.outputs
        return flat and value.type.dtype in self.dtypes and all(self._takes(n, value) for n in readers)

    def _takes(self, node: Node, value: Value) -> bool:
        op = node.op
        if isinstance(op, FullyConnected):
            w = node.inputs[1]
            return w.data is not None and value is not w
        if isinstance(op, Add | Mul):
            others = [v for v in node.inputs if v is not value]
            along = all(v.data is not None and _is_row(v, value) for v in others)
            return len(others) == 1 and along and self.free[node.output]
        joins = isinstance(op, Concat) and op.axis == 1
        return (joins or isinstance(op, _UNARY)) and self.free[node.output]

    def _visit(self, node: Node) -> Node:
        op = node.op
        if isinstance(op, Reshape):
            return self._flatten(node)
        moved = [v for v in node.inputs if v in self.columns]
        if not moved:
            return node
        columns = self.columns[moved[0]]
        if isinstance(op, FullyConnected):
            w = node.inputs[1]
            return replace(node, inputs=(node.inputs[0], self._permuted(w, columns), *node.inputs[2:]))
        if isinstance(op, Concat):
            self.columns[node.output] = _joined(node, self.columns)
            return node
        self.columns[node.output] = columns
        if not isinstance(op, Add | Mul):
            return node
        rows = tuple(
            self._permuted(v, columns) if v.data is not None and v.type.elements > 1 else v for v in node.inputs
        )
        return replace(node, inputs=rows)

    def _flatten(self, reshape: Node) -> Node:
        """The reshape of the transpose's own operand, if all that follows can do with it."""
        transpose = self.producers.get(reshape.inputs[0])
        if transpose is None or not isinstance(transpose.op, Transpose) or not self.free[reshape.output]:
            return reshape
        shape, flat = reshape.inputs[0].type.shape, reshape.output.type.shape
        if transpose.op.permutation[0] != 0 or flat[0] != shape[0]:
            return reshape
        at = np.arange(flat[1]).reshape(transpose.inputs[0].type.shape[1:])
        self.columns[reshape.output] = at.transpose([p - 1 for p in transpose.op.permutation[1:]]).ravel()
        return replace(reshape, inputs=transpose.inputs, loc=f"{transpose.loc} + {reshape.loc}")

    def _permuted(self, constant: Value, columns: Columns) -> Value:
        """A constant whose last dimension follows the new order; eight bits each if groups of four do not last."""
        data = np.empty_like(constant.constant)
        data[..., columns] = constant.constant
        t = replace(constant.type, storage=storage_after(data, constant.type.storage))
        return Value(self.names.fresh(constant.name), t, data)


def _is_row(constant: Value, value: Value) -> bool:
    """True for one number, or one for each column."""
    t = constant.type
    return t.elements == 1 or (t.elements == t.shape[-1] == value.type.shape[-1])


def _joined(node: Node, columns: Mapping[Value, Columns]) -> Columns:
    parts, start = [], 0
    for v in node.inputs:
        width = v.type.shape[1]
        parts.append(start + columns.get(v, np.arange(width)))
        start += width
    return np.concatenate(parts)
