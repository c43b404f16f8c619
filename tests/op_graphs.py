# SPDX-License-Identifier: Apache-2.0
"""Graphs written down in a line an op, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from smidgen.ir import Array, Graph, Node, Op, QuantParams, TensorType, Value


def quant(scale: float = 0.5, zero_point: int = 0) -> QuantParams:
    return QuantParams((scale,), (zero_point,))


def int8_type(*shape: int, scale: float = 0.5, zero_point: int = 0) -> TensorType:
    return TensorType("int8", shape, quant(scale, zero_point))


class Builder:
    """Values and nodes in order; names count up from v0."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.inputs: list[Value] = []
        self.count = 0

    def _name(self) -> str:
        self.count += 1
        return f"v{self.count - 1}"

    def input(self, t: TensorType) -> Value:
        self.inputs.append(Value(self._name(), t))
        return self.inputs[-1]

    def constant(self, t: TensorType, data: Any) -> Value:  # Any: whatever numpy makes an array of
        return Value(self._name(), t, np.array(data, t.dtype).reshape(t.shape))

    def weights(self, *shape: int, axis: int | None = 0, seed: int = 0) -> Value:
        data = np.random.default_rng(seed).integers(-127, 128, shape)
        n = 1 if axis is None else shape[axis]
        scales = tuple(0.01 * (i + 1) for i in range(n))
        return self.constant(TensorType("int8", shape, QuantParams(scales, (0,) * n, axis)), data)

    def op(self, op: Op, *inputs: Value) -> Value:
        (t,) = op.infer([v.type for v in inputs])
        y = Value(self._name(), t)
        self.nodes.append(Node(op, inputs, (y,), f"test:op {len(self.nodes)} {type(op).__name__}"))
        return y

    def graph(self, *outputs: Value) -> Graph:
        return Graph("tiny", "tflm-int8.v1", tuple(self.inputs), outputs, tuple(self.nodes))


def random_arrays(types: Sequence[TensorType], seed: int = 0) -> list[Array]:
    """Uniform data for each type: whole ranges of integers, normal floats."""
    r, arrays = np.random.default_rng(seed), []
    for t in types:
        if t.dtype == "float32":
            arrays.append(r.normal(0, 20, t.shape).astype(np.float32))
        else:
            info = np.iinfo(t.dtype)
            arrays.append(r.integers(info.min, info.max, t.shape, endpoint=True).astype(t.dtype))
    return arrays
