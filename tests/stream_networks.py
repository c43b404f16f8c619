# SPDX-License-Identifier: Apache-2.0
"""Random networks that have a streaming form: stride 1 and no padding along time, everything else as it comes."""

from __future__ import annotations

import numpy as np

from smidgen.ir import Array, Graph, QuantParams, TensorType, Value
from smidgen.ops import (
    Add,
    AveragePool2D,
    Clamp,
    Concat,
    Conv2D,
    Crop,
    DepthwiseConv2D,
    FullyConnected,
    MaxPool2D,
    Mean,
    Mul,
    Reshape,
)
from tests.random_networks import RandomNetwork


class StreamNetwork(RandomNetwork):
    """Time in dimension ``axis`` of the input, 1 or 2, by the seed."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.axis = 1 if seed % 4 < 2 else 2

    def graph(self) -> Graph:
        r = self.random
        frames, width, channels = int(r.integers(8, 14)), int(r.choice([1, 1, 2, 3, 5])), int(r.choice([1, 3, 4, 8]))
        x = self.builder.input(TensorType("int8", (1, *self._pair(frames, width), channels), self._quant()))
        for _ in range(int(r.integers(1, 6))):
            if x.type.shape[self.axis] < 4:
                break
            steps = (self._conv, self._depthwise, self._pool, self._branches, self._scaled, self._residual)
            x = steps[int(r.integers(len(steps)))](x)
        return self.builder.graph(self._end(x))

    def _pair(self, time: int, other: int) -> tuple[int, int]:
        return (time, other) if self.axis == 1 else (other, time)

    def _weights(self, *shape: int, axis: int) -> tuple[Value, Value]:
        """All live, so that every frame can be told from the others."""
        r, count = self.random, shape[axis]
        scales = QuantParams(tuple(float(s) for s in r.choice([0.01, 0.03], count)), (0,) * count, axis)
        w = self.builder.constant(TensorType("int8", shape, scales), r.integers(-127, 128, shape))
        return w, self.builder.constant(TensorType("int32", (count,)), r.integers(-3000, 3000, count))

    def _window(self, x: Value, span: int = 0) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
        """Kernel, dilation and stride; ``span``: frames it has to reach over, 0: any number up to 4."""
        r, across = self.random, x.type.shape[3 - self.axis]
        span = span or int(r.integers(1, 5))
        dilation = 2 if span > 1 and span % 2 and r.random() < 0.5 else 1
        kernel = self._pair((span - 1) // dilation + 1, int(r.integers(1, min(3, across) + 1)))
        return kernel, self._pair(dilation, 1), self._pair(1, int(r.integers(1, 3)))

    def _margin(self, kernel: tuple[int, int]) -> tuple[int, int, int, int]:
        """Padding, across time only."""
        before, after = (int(self.random.integers(0, kernel[2 - self.axis])) for _ in range(2))
        return (0, before, 0, after) if self.axis == 1 else (before, 0, after, 0)

    def _conv(self, x: Value, span: int = 0, count: int = 0, same: bool = False) -> Value:
        kernel, dilation, stride = self._window(x, span)
        if same:
            kernel, stride = self._pair(kernel[self.axis - 1], 1), (1, 1)
        quant, in_c = self._quant(8.0), x.type.shape[3]
        margin = (0, 0, 0, 0) if same else self._margin(kernel)
        op = Conv2D(stride, dilation, margin, self._clamp(quant), quant, self.rounding)
        weights = self._weights(count or int(self.random.integers(1, 9)), *kernel, in_c, axis=0)
        return self.builder.op(op, x, *weights)

    def _depthwise(self, x: Value) -> Value:
        kernel, dilation, stride = self._window(x)
        quant, count = self._quant(4.0), x.type.shape[3] * int(self.random.integers(1, 3))
        op = DepthwiseConv2D(stride, dilation, self._margin(kernel), self._clamp(quant), quant, self.rounding)
        return self.builder.op(op, x, *self._weights(*kernel, count, axis=2))

    def _pool(self, x: Value) -> Value:
        kernel, _, stride = self._window(x, int(self.random.integers(2, 4)))
        kernel = self._pair(min(kernel[self.axis - 1], 3), kernel[2 - self.axis])
        if self.random.random() < 0.5:
            return self.builder.op(MaxPool2D(kernel, stride, self._margin(kernel)), x)
        quant = x.type.quant if self.rounding == "double" else self._quant()
        op = AveragePool2D(kernel, stride, self._margin(kernel), out_quant=quant, rounding=self.rounding)
        return self.builder.op(op, x)

    def _branches(self, x: Value) -> Value:
        """A convolution, and two shorter ones that together reach as far, joined, added or multiplied."""
        r, span, count = self.random, int(self.random.integers(2, 4)), int(self.random.integers(1, 6))
        one = self._conv(x, span, count, same=True)
        other = self._conv(self._conv(x, span - 1, same=True), 2, count, same=True)
        if r.random() < 0.3:  # of one scale, to be joined
            other = self.builder.op(Clamp((-100, 100), one.type.quant), other)
        if one.type.quant == other.type.quant:
            return self.builder.op(Concat(3), one, other)
        kind = Add if r.random() < 0.5 else Mul
        quant = self._quant(8.0 if kind is Add else 16.0)
        return self.builder.op(kind(out_quant=quant, rounding=self.rounding), one, other)

    def _residual(self, x: Value) -> Value:
        """A convolution, and what it convolves, cropped to the same frames from any of those left over on."""
        y = self._conv(x, int(self.random.integers(2, 4)), x.type.shape[3], same=True)
        most = x.type.shape[self.axis] - y.type.shape[self.axis]
        start = int(self.random.integers(0, most + 1))
        skip = self.builder.op(Crop(self.axis, start, y.type.shape[self.axis]), x)
        return self.builder.op(Add(out_quant=self._quant(8.0), rounding=self.rounding), y, skip)

    def _scaled(self, x: Value) -> Value:
        shape = (1, 1, 1, int(self.random.choice([1, x.type.shape[3]])))
        other = self.builder.constant(TensorType("int8", shape, self._quant()), self.random.integers(-128, 128, shape))
        return self.builder.op(Mul(out_quant=self._quant(), rounding=self.rounding), x, other)

    def _end(self, x: Value) -> Value:
        kind = int(self.random.integers(4))
        if kind == 0:
            return x
        if kind == 1:
            x = self.builder.op(Mean(1, 2, out_quant=self._quant(), rounding=self.rounding), x)
        if kind == 2:
            kernel = (x.type.shape[1], x.type.shape[2])
            op = AveragePool2D(kernel, kernel, out_quant=x.type.quant, rounding=self.rounding)
            x = self.builder.op(op, x)
        x = self.builder.op(Reshape((1, x.type.elements)), x)
        quant = self._quant(8.0)
        op_out = FullyConnected(self._clamp(quant), quant, self.rounding)
        return self.builder.op(op_out, x, *self._weights(3, x.type.shape[1], axis=0))


def draw_frames(shape: tuple[int, ...], count: int, seed: int) -> list[Array]:
    """Frames of a stream: uniform bytes, long runs of one frame now and then."""
    r = np.random.default_rng(seed)
    frames = [r.integers(-128, 128, shape).astype(np.int8) for _ in range(count)]
    return [frames[0] if i % 17 < 3 else f for i, f in enumerate(frames)]
