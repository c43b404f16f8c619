# SPDX-License-Identifier: Apache-2.0
"""A tiny network with most TFLite operators, as parts that tests alter before they build the file."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import tflite

from tests.tflite_builder import Operator, Options, Tensor, build, int8, int32, per_channel

_SAME = tflite.Padding.SAME


@dataclass
class Parts:
    """What a file is built from."""

    tensors: list[Tensor] = field(default_factory=list)
    operators: list[Operator] = field(default_factory=list)
    inputs: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)

    def add(self, t: Tensor) -> int:
        self.tensors.append(t)
        return len(self.tensors) - 1

    def op(self, kind: str, inputs: list[int], output: Tensor, table: str = "", **fields: object) -> int:
        """Append an operator and its output tensor; the output's index."""
        y = self.add(output)
        self.operators.append(Operator(kind, tuple(inputs), (y,), Options(table, fields) if table else None))
        return y

    def file(self) -> bytes:
        return build(self.tensors, self.operators, self.inputs, self.outputs)


def tiny_parts() -> Parts:
    """Convolutions with padding and a residual sum, pooling, movers, a dense layer, softmax: 18 operators."""
    p, r = Parts(), np.random.default_rng(3)
    window = {"Padding": _SAME, "StrideH": 1, "StrideW": 1}
    one = {"DilationHFactor": 1, "DilationWFactor": 1}
    x = p.add(int8((1, 6, 6, 2), 0.05, 3))
    p.inputs = [x]
    padded = p.op("PAD", [x, p.add(int32(np.array([[0, 0], [1, 1], [1, 1], [0, 0]])))], int8((1, 8, 8, 2), 0.05, 3))
    w = p.add(per_channel(r.integers(-127, 128, (4, 3, 3, 2)).astype(np.int8), [0.01, 0.02, 0.015, 0.03], 0))
    b = p.add(Tensor("int32", (4,), (0.0005, 0.001, 0.00075, 0.0015), (0,) * 4, 0, np.arange(4, dtype=np.int32) * 50))
    c = p.op("CONV_2D", [padded, w, b], int8((1, 6, 6, 4), 0.1, -5), "Conv2DOptions",
             **window | one | {"Padding": tflite.Padding.VALID, "FusedActivationFunction": 1})  # fmt: skip
    w = p.add(per_channel(r.integers(-127, 128, (1, 3, 3, 4)).astype(np.int8), [0.01, 0.02, 0.015, 0.03], 3))
    d = p.op("DEPTHWISE_CONV_2D", [c, w], int8((1, 6, 6, 4), 0.2, 4), "DepthwiseConv2DOptions",
             **window | one | {"DepthMultiplier": 1})  # fmt: skip
    s = p.op("ADD", [c, d], int8((1, 6, 6, 4), 0.25, 0), "AddOptions")
    scale = p.add(int8((4,), 0.01, 0, np.array([10, -20, 30, 127], np.int8)))
    m = p.op("MUL", [s, scale], int8((1, 6, 6, 4), 0.2, 0), "MulOptions", FusedActivationFunction=3)
    m = p.op("LEAKY_RELU", [m], int8((1, 6, 6, 4), 0.2, -10), "LeakyReluOptions", Alpha=0.1)
    pool = {"StrideH": 2, "StrideW": 2, "FilterHeight": 2, "FilterWidth": 2, "Padding": _SAME}
    a = p.op("MAX_POOL_2D", [m], int8((1, 3, 3, 4), 0.2, -10), "Pool2DOptions", **pool)
    e = p.op("AVERAGE_POOL_2D", [m], int8((1, 3, 3, 4), 0.2, -10), "Pool2DOptions", **pool)
    q = p.op("CONCATENATION", [a, e], int8((1, 3, 3, 8), 0.2, -10), "ConcatenationOptions", Axis=3)
    t = p.op("TRANSPOSE", [q, p.add(int32(np.array([0, 2, 1, 3])))], int8((1, 3, 3, 8), 0.2, -10), "TransposeOptions")
    t = p.op("RELU", [t], int8((1, 3, 3, 8), 0.3, -128))
    t = p.op("RELU6", [t], int8((1, 3, 3, 8), 0.3, -128))
    v = p.op("MEAN", [t, p.add(int32(np.array([1, 2])))], int8((1, 8), 0.1, -20), "ReducerOptions", KeepDims=False)
    v = p.op("RESHAPE", [v], int8((2, 4), 0.1, -20), "ReshapeOptions", NewShape=(2, 4))
    w = p.add(int8((3, 4), 0.02, 0, r.integers(-127, 128, (3, 4)).astype(np.int8)))
    f = p.op("FULLY_CONNECTED", [v, w], int8((2, 3), 0.15, 10), "FullyConnectedOptions")
    f = p.op("QUANTIZE", [f], int8((2, 3), 0.2, 0), "QuantizeOptions")
    f = p.op("SOFTMAX", [f], int8((2, 3), 1 / 256, -128), "SoftmaxOptions", Beta=1.0)
    p.outputs = [p.op("DEQUANTIZE", [f], Tensor("float32", (2, 3)), "DequantizeOptions")]
    return p
