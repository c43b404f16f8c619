# SPDX-License-Identifier: Apache-2.0
"""Random integer networks with zeroed channels, residual additions, concatenations and odd padding, for tests."""

from __future__ import annotations

import numpy as np

from smidgen.ir import Array, Graph, QuantParams, Rounding, TensorType, Value
from smidgen.ops import (
    Add,
    AveragePool2D,
    Clamp,
    Concat,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    Lookup,
    MaxPool2D,
    Mean,
    Mul,
    Pad,
    Reshape,
)
from tests.op_graphs import Builder

_STEPS = 7


class RandomNetwork:
    """The same network for the same seed: up to ``_STEPS`` layers on maps of a few pixels, then perhaps a dense end."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.builder = Builder()
        self.rounding: Rounding = "double" if seed % 2 else "even"
        self.maps: list[Value] = []

    def graph(self) -> Graph:
        r = self.random
        shape = (int(r.integers(1, 3)), int(r.integers(1, 6)), int(r.integers(2, 6)), int(r.integers(1, 5)))
        self.maps.append(self.builder.input(TensorType("int8", shape, self._quant())))
        x = self._conv(self.maps[0])
        for _ in range(int(r.integers(1, _STEPS))):
            self.maps.append(x)
            steps = (self._conv, self._conv, self._depthwise, self._pool, self._add, self._join, self._other)
            x = steps[int(r.integers(len(steps)))](x)
        outputs = [self._end(x)]
        if r.random() < 0.1 and self.maps[-1] not in self.builder.inputs:
            outputs.append(self.maps[-1])
        return self.builder.graph(*outputs)

    def _quant(self, scale: float = 0.0) -> QuantParams:
        return QuantParams(
            (scale or float(self.random.choice([0.1, 0.5, 1.0])),), (int(self.random.integers(-128, 128)),)
        )

    def _weights(self, *shape: int, axis: int) -> tuple[Value, Value]:
        """Weights with some result and operand channels zeroed, and biases of which some saturate."""
        r, count = self.random, shape[axis]
        w = r.integers(-127, 128, shape) * (r.random(shape) < r.choice([0.3, 1.0]))
        w = w * np.expand_dims(r.random(count) < 0.7, tuple(i for i in range(len(shape)) if i != axis % len(shape)))
        if axis == 0:
            w = w * (r.random(shape[-1]) < 0.7)
        quant = QuantParams(tuple(float(s) for s in r.choice([0.01, 0.03], count)), (0,) * count, axis % len(shape))
        bias = r.integers(-3000, 3000, count) * r.choice([1, 1, 1, 500], count)
        operands = self.builder.constant(TensorType("int8", shape, quant), w)
        return operands, self.builder.constant(TensorType("int32", (count,)), bias)

    def _clamp(self, quant: QuantParams) -> tuple[float, float]:
        return (quant.zero_point[0], 127) if self.random.random() < 0.5 else (-np.inf, np.inf)

    def _padding(self, kernel: tuple[int, int], most: int = 3) -> tuple[int, int, int, int]:
        top, left, bottom, right = (int(self.random.integers(0, min(most, k))) for k in (*kernel, *kernel))
        return top, left, bottom, right

    def _kernel(self, x: Value) -> tuple[int, int]:
        return tuple(int(self.random.integers(1, min(4, d + 1))) for d in x.type.shape[1:3])  # type: ignore[return-value]

    def _conv(self, x: Value) -> Value:
        kernel, quant, count = self._kernel(x), self._quant(8.0), int(self.random.integers(1, 7))
        in_c, groups = x.type.shape[3], 1
        if in_c % 2 == 0 and self.random.random() < 0.3:
            groups, count = 2, 2 * count
        op = Conv2D(
            (1, int(self.random.integers(1, 3))),
            (1, 1),
            self._padding(kernel),
            self._clamp(quant),
            quant,
            self.rounding,
            groups,
        )
        return self.builder.op(op, x, *self._weights(count, *kernel, in_c // groups, axis=0))

    def _depthwise(self, x: Value) -> Value:
        kernel, quant = self._kernel(x), self._quant(4.0)
        count = x.type.shape[3] * int(self.random.integers(1, 3))
        op = DepthwiseConv2D((1, 1), (1, 1), self._padding(kernel), self._clamp(quant), quant, self.rounding)
        return self.builder.op(op, x, *self._weights(*kernel, count, axis=2))

    def _pool(self, x: Value) -> Value:
        kernel = self._kernel(x)
        if self.random.random() < 0.5:
            return self.builder.op(MaxPool2D(kernel, (1, 2), self._padding(kernel)), x)
        quant = x.type.quant if self.rounding == "double" else self._quant()
        included = self.rounding == "even" and bool(self.random.random() < 0.5)
        op = AveragePool2D(
            kernel, (1, 1), self._padding(kernel), out_quant=quant, count_include_pad=included, rounding=self.rounding
        )
        return self.builder.op(op, x)

    def _add(self, x: Value) -> Value:
        """Of the map and another of its shape (a constant where there is none), or its own convolution."""
        alike = [v for v in self.maps if v.type.shape == x.type.shape]
        if self.random.random() < 0.4:
            other = self.builder.op(
                Conv2D(out_quant=self._quant(8.0), rounding=self.rounding),
                x,
                *self._weights(x.type.shape[3], 1, 1, x.type.shape[3], axis=0),
            )
        elif alike and self.random.random() < 0.7:
            other = alike[int(self.random.integers(len(alike)))]
        else:
            shape = (1, 1, 1, int(self.random.choice([1, x.type.shape[3]])))
            other = self.builder.constant(
                TensorType("int8", shape, self._quant()), self.random.integers(-128, 128, shape)
            )
        kind = Add if self.random.random() < 0.7 else Mul
        return self.builder.op(kind(out_quant=self._quant(), rounding=self.rounding), x, other)

    def _join(self, x: Value) -> Value:
        """Concatenation with a map of the same rows and columns, made to have the same scale."""
        alike = [v for v in (*self.maps, x) if v.type.shape[:3] == x.type.shape[:3]]
        other = alike[int(self.random.integers(len(alike)))]
        if other.type.quant != x.type.quant:
            other = self.builder.op(Clamp((-100, 100), x.type.quant), other)
        return self.builder.op(Concat(3), x, other)

    def _other(self, x: Value) -> Value:
        r = self.random
        kind = int(r.integers(4))
        if kind == 0:
            table: Array = r.integers(-128, 128, 256)
            return self.builder.op(Lookup(self._quant()), x, self.builder.constant(TensorType("int8", (256,)), table))
        if kind == 1:
            before, after = ((0, *(int(n) for n in r.integers(0, 2, 3))) for _ in range(2))
            return self.builder.op(Pad(before, after, int(r.choice([x.type.zero_point, 5]))), x)
        if kind == 2:
            return self.builder.op(Clamp((-50, 60)), x)
        n, h, w, c = x.type.shape
        return self.builder.op(Reshape((n, w, h, c) if r.random() < 0.5 else (n, 1, h, w * c)), x)

    def _end(self, x: Value) -> Value:
        kind = int(self.random.integers(3))
        if kind == 0:
            return x
        if kind == 1:
            x = self.builder.op(Mean(1, 2, out_quant=self._quant(), rounding=self.rounding), x)
        x = self.builder.op(Reshape((x.type.shape[0], x.type.elements // x.type.shape[0])), x)
        quant = self._quant(8.0)
        op = FullyConnected(self._clamp(quant), quant, self.rounding)
        return self.builder.op(op, x, *self._weights(3, x.type.shape[1], axis=0))
