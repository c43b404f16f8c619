# SPDX-License-Identifier: Apache-2.0
"""Small graphs for tests: one with most kinds of call, and odd ones at the edges of the planner."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from smidgen.ir import Array, Graph, Node, Op, QuantParams, TensorType, Value
from smidgen.ops import (
    Add,
    Concat,
    Conv2D,
    Dequantize,
    FullyConnected,
    Lookup,
    Mean,
    Mul,
    Pad,
    Quantize,
    Reshape,
    Softmax,
    Transpose,
)


def quant(scale: float, zero_point: int = 0, channels: int = 0, axis: int = 0) -> QuantParams:
    """Per tensor, or one equal scale a channel along ``axis``; scales are float32 values."""
    count = max(channels, 1)
    return QuantParams((float(np.float32(scale)),) * count, (zero_point,) * count, axis if channels else None)


Q = quant(0.05, -3)


def int8(*shape: int, q: QuantParams = Q) -> TensorType:
    return TensorType("int8", shape, q)


class Net:
    """Appends nodes; every node's source is ``loc``."""

    def __init__(self, name: str = "net", loc: str = "net:op") -> None:
        self.name, self.loc, self.nodes = name, loc, list[Node]()
        self.rng = np.random.default_rng(7)

    def apply(self, op: Op, *inputs: Value, name: str = "") -> Value:
        (t,) = op.infer([v.type for v in inputs])
        y = Value(name or f"y{len(self.nodes)}", t)
        self.nodes.append(Node(op, inputs, (y,), f"{self.loc} {len(self.nodes)}"))
        return y

    def constant(self, name: str, t: TensorType) -> Value:
        bounds = np.iinfo(t.dtype) if t.dtype == "int8" else np.iinfo(np.int8)
        data: Array = self.rng.integers(bounds.min + 1, bounds.max + 1, t.shape).astype(t.dtype)
        return Value(name, t, data)

    def graph(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Graph:
        return Graph(self.name, "tflm-int8.v1", tuple(inputs), tuple(outputs), tuple(self.nodes))


def everything(name: str = "everything", table: str = "table") -> Graph:
    """Two inputs (float32 and int8), two outputs (int8 and float32), and most ops between them."""
    n = Net(name)
    real, small = Value("real", TensorType("float32", (1, 4, 5, 3))), Value("small", int8(1, 1, 1, 3))
    x = n.apply(Quantize(Q), real)
    x = n.apply(Pad((0, 1, 1, 0), (0, 1, 1, 0), -3), x)
    w = n.constant("w", int8(4, 3, 3, 3, q=quant(0.004, 0, 4)))
    conv = n.apply(Conv2D(out_quant=Q), x, w)
    w1 = n.constant("w1", int8(3, 1, 1, 4, q=quant(0.01, 0, 3)))
    b1 = n.constant("b1", TensorType("int32", (3,)))
    x = n.apply(Conv2D(out_quant=Q), conv, w1, b1)
    x = n.apply(Mul(out_quant=Q), x, small)
    x = n.apply(Concat(3), x, conv, x)
    x = n.apply(Transpose((0, 2, 1, 3)), x)
    x = n.apply(Lookup(Q), x, n.constant(table, int8(256)))
    x = n.apply(Add(out_quant=Q), x, n.constant("c", int8(1, 1, 1, 10)))
    x = n.apply(Mean(1, 2, out_quant=quant(0.03, 4)), x)
    x = n.apply(Reshape((1, 10)), x)
    x = n.apply(FullyConnected(out_quant=Q), x, n.constant("wf", int8(6, 10, q=quant(0.01))))
    y = n.apply(Softmax(out_quant=quant(1 / 256, -128)), x)
    return n.graph([real, small], [y, n.apply(Dequantize(), x)])
