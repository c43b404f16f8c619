# SPDX-License-Identifier: Apache-2.0
"""Random networks of the layers that fast kernels are made for, with values spread between the clamps, for tests."""

from __future__ import annotations

import math

import numpy as np

from smidgen.ir import Graph, QuantParams, Rounding, TensorType, Value
from smidgen.ops import Add, AveragePool2D, Conv2D, DepthwiseConv2D, FullyConnected, MaxPool2D, Mean, Reshape
from tests.op_graphs import Builder

_ZERO_POINTS = (-128, -128, -1, 0, 3, 77, 127)
_FILTERS = ((3, 3), (3, 3), (3, 3), (1, 1), (5, 5), (3, 1), (1, 5), (10, 4), (2, 2), (4, 3))
_CHANNELS = (2, 3, 4, 5, 7, 8, 9, 12, 16, 17, 20, 31, 32)
_IMAGES = ((1, 9), (1, 17), (11, 1), (7, 7), (8, 8), (9, 13), (12, 5), (10, 10), (16, 6), (13, 14))


class LayerNetwork:
    """The same network for the same seed: three to six convolutions, depthwise, pointwise or pooled layers and sums.

    Images may be one row or column, batches two; strides, dilations and paddings are any; zero points often lie at the
    ends, clamps often at the zero point.
    """

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.builder = Builder()
        self.rounding: Rounding = "double" if seed % 2 else "even"

    def graph(self) -> Graph:
        r = self.random
        h, w = _IMAGES[r.integers(len(_IMAGES))]
        shape = (int(r.choice([1, 1, 1, 2])), h, w, int(r.choice([1, 2, 3, 4, 8])))
        x = self.conv(self.builder.input(TensorType("int8", shape, self._quant())))
        steps = (self.conv, self.depthwise, self.depthwise, self.pointwise, self.pointwise, self.residual, self.pool)
        for _ in range(int(r.integers(2, 6))):
            x = steps[int(r.integers(len(steps)))](x)
        return self.builder.graph(self._end(x))

    def _quant(self, scale: float = 0.5) -> QuantParams:
        return QuantParams((float(np.float32(scale)),), (int(self.random.choice(_ZERO_POINTS)),))

    def _clamp(self, zero_point: int) -> tuple[float, float]:
        if zero_point > 20:
            return -math.inf, math.inf
        clamps = ((-math.inf, math.inf), (zero_point, 127), (zero_point, zero_point + 90))
        return clamps[int(self.random.integers(3))]

    def _weights(
        self, x: Value, terms: int, shape: tuple[int, ...], axis: int, out: QuantParams
    ) -> tuple[Value, Value]:
        """Sums of about 40 steps either side of a value near the middle, so that a wrong one shows."""
        r, count = self.random, shape[axis]
        scale = 2.0 ** r.uniform(-1, 1, count) * 40 / (70 * 70 * math.sqrt(terms))
        if r.random() < 0.3:  # one scale for all
            scale = scale[:1]
        axes = axis % len(shape) if len(scale) > 1 else None
        low = int(r.choice([-127, -128]))
        quant = QuantParams(tuple(float(np.float32(s)) for s in scale), (0,) * len(scale), axes)
        data = r.integers(low, 128, shape) if r.random() < 0.9 else r.choice([low, 127], shape)
        weights = self.builder.constant(TensorType("int8", shape, quant), data)
        sums = data.sum(axis=tuple(i for i in range(len(shape)) if i != axis % len(shape)))
        centre = (r.integers(-30, 30, count) - out.zero_point[0]) / scale
        bias = np.rint(centre) + x.type.zero_point * sums  # the scales of all maps are alike
        return weights, self.builder.constant(TensorType("int32", (count,)), bias)

    def _window(self, x: Value) -> tuple[tuple[int, int], dict[str, tuple[int, ...]]]:
        """A filter that fits, and its stride, dilation and padding: none, as for equal sizes, or any."""
        r, size = self.random, x.type.shape[1:3]
        kernel = _FILTERS[int(r.integers(len(_FILTERS)))]
        stride = [(1, 1), (1, 1), (2, 2), (1, 2), (2, 1)][int(r.integers(5))]
        dilation = (1, 1) if r.random() < 0.85 else (2, int(r.integers(1, 3)))
        span = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
        kind = int(r.integers(4))
        around = [(0, 0) if kind == 0 else ((s - 1) // 2, s // 2) for s in span]
        if kind == 1:
            around = [(int(r.integers(0, k)), int(r.integers(0, k))) for k in kernel]
        fitted = [(a, b + max(0, s - n - a - b)) for (a, b), s, n in zip(around, span, size, strict=True)]
        (t, b), (left, right) = fitted
        return kernel, {"stride": stride, "dilation": dilation, "padding": (t, left, b, right)}

    def conv(self, x: Value) -> Value:
        kernel, attributes = self._window(x)
        count, in_c, quant = int(self.random.choice(_CHANNELS)), x.type.shape[3], self._quant()
        op = Conv2D(clamp=self._clamp(quant.zero_point[0]), out_quant=quant, rounding=self.rounding, **attributes)  # type: ignore[arg-type]
        return self.builder.op(op, x, *self._weights(x, math.prod(kernel) * in_c, (count, *kernel, in_c), 0, quant))

    def depthwise(self, x: Value) -> Value:
        kernel, attributes = self._window(x)
        count, quant = x.type.shape[3] * int(self.random.choice([1, 1, 1, 1, 2])), self._quant()
        op = DepthwiseConv2D(
            clamp=self._clamp(quant.zero_point[0]), out_quant=quant, rounding=self.rounding, **attributes
        )  # type: ignore[arg-type]
        return self.builder.op(op, x, *self._weights(x, math.prod(kernel), (*kernel, count), 2, quant))

    def pointwise(self, x: Value, count: int = 0, strided: bool = True) -> Value:
        r, in_c, quant = self.random, x.type.shape[3], self._quant()
        count = count or int(r.choice([*_CHANNELS, 64]))
        stride = (2, 2) if strided and r.random() < 0.2 else (1, 1)
        op = Conv2D(stride, clamp=self._clamp(quant.zero_point[0]), out_quant=quant, rounding=self.rounding)
        return self.builder.op(op, x, *self._weights(x, in_c, (count, 1, 1, in_c), 0, quant))

    def residual(self, x: Value) -> Value:
        """The sum of a map and a pointwise convolution of it."""
        branch = self.pointwise(x, x.type.shape[3], strided=False)
        quant = self._quant(self.random.choice([0.5, 0.77]))
        op = Add(clamp=self._clamp(quant.zero_point[0]), out_quant=quant, rounding=self.rounding)
        return self.builder.op(op, *((x, branch) if self.random.random() < 0.5 else (branch, x)))

    def pool(self, x: Value) -> Value:
        kernel = tuple(min(int(self.random.integers(2, 4)), d) for d in x.type.shape[1:3])
        stride = tuple(min(2, k) for k in kernel)
        if self.random.random() < 0.5:
            return self.builder.op(MaxPool2D(kernel, stride), x)  # type: ignore[arg-type]
        return self.builder.op(AveragePool2D(kernel, stride, out_quant=x.type.quant, rounding=self.rounding), x)  # type: ignore[arg-type]

    def _end(self, x: Value) -> Value:
        kind, batch = int(self.random.integers(3)), x.type.shape[0]
        if kind == 0:
            return x
        if kind == 1:
            x = self.builder.op(Mean(1, 2, out_quant=x.type.quant, rounding=self.rounding), x)
        x = self.builder.op(Reshape((batch, x.type.elements // batch)), x)
        quant, width = self._quant(), x.type.shape[1]
        op = FullyConnected(self._clamp(quant.zero_point[0]), quant, self.rounding)
        return self.builder.op(op, x, *self._weights(x, width, (int(self.random.choice([3, 10, 12])), width), 0, quant))
