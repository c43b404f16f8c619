# SPDX-License-Identifier: Apache-2.0
"""The five MLPerf Tiny topologies built in code with fixed-seed weights.

Shapes, strides and paddings follow the reference models (github.com/mlcommons/tiny, benchmark/training); weights are
noise, so these models serve for latency, memory and tests, never for accuracy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from smidgen.ir import Array, Graph, Node, Op, QuantParams, TensorType, Value
from smidgen.ops import Add, AveragePool2D, Conv2D, DepthwiseConv2D, FullyConnected, Reshape, Softmax
from smidgen.ops.conv import Pair

_RELU = (-128.0, math.inf)
_NONE = (-math.inf, math.inf)
_UNIFORM_SIGMA = 74.0  # of uniform int8
_OUTPUT_SIGMA = 40.0  # steps: what a layer's outputs should spread over


class _Builder:
    """Appends layers. ``rms`` is roughly the root mean square of x - zero_point of each value; weight scales follow
    from it and the number of taps, so that every layer's outputs spread and few saturate.
    """

    def __init__(self, name: str, shape: tuple[int, ...], seed: int) -> None:
        self.name, self.rng, self.nodes = name, np.random.default_rng(seed), list[Node]()
        self.rms: dict[Value, float] = {}
        self.input = self.x = Value("input", TensorType("int8", shape, QuantParams((float(np.float32(0.05)),), (-3,))))

    def apply(self, op: Op, *inputs: Value) -> Value:
        kind = type(op).__name__.lower()
        index = len(self.nodes)
        (t,) = op.infer([v.type for v in inputs])
        self.x = Value(f"{kind}_{index}", t)
        self.nodes.append(Node(op, inputs, (self.x,), f"{self.name}:{kind} {index}"))
        return self.x

    def _spread(self, value: Value, rms: float, relu: bool) -> Value:
        """Note a layer's rms; relu halves the mean square of a symmetric distribution."""
        self.rms[value] = rms / math.sqrt(2) if relu else rms
        return value

    def _weights(self, shape: tuple[int, ...], channels: int, axis: int | None) -> tuple[Value, Value]:
        """(w, b), scaled so that the output can keep the input's scale; channels' scales differ by up to two."""
        prefix = f"c{len(self.nodes)}"
        w: Array = self.rng.integers(-127, 128, shape).astype(np.int8)
        sigma = math.sqrt(w.size / channels) * _UNIFORM_SIGMA * self.rms.get(self.x, _UNIFORM_SIGMA)  # of accumulators
        typical = _OUTPUT_SIGMA / sigma
        spread = typical * self.rng.uniform(0.7, 1.4, channels if axis is not None else 1).astype(np.float32)
        quant = QuantParams(tuple(float(s) for s in spread), (0,) * len(spread), axis)
        bias: Array = self.rng.integers(-int(sigma / 2), int(sigma / 2), channels).astype(np.int32)
        return (
            Value(f"{prefix}_w", TensorType("int8", shape, quant), w),
            Value(f"{prefix}_b", TensorType("int32", (channels,)), bias),
        )

    def _out(self, relu: bool) -> QuantParams:
        return QuantParams((float(np.float32(self.x.type.scale)),), (-128 if relu else 0,))

    def conv(
        self, channels: int, kernel: Pair, stride: Pair = (1, 1), *, same: bool = True, relu: bool = True
    ) -> Value:
        x = self.x
        w, b = self._weights((channels, *kernel, x.type.shape[3]), channels, 0)
        out = self._out(relu)
        padding = _same(x.type.shape[1:3], kernel, stride) if same else (0, 0, 0, 0)
        clamp = _RELU if relu else _NONE
        y = self.apply(Conv2D(stride, padding=padding, clamp=clamp, out_quant=out), x, w, b)
        return self._spread(y, _OUTPUT_SIGMA, relu)

    def depthwise(self, kernel: Pair, stride: Pair = (1, 1), *, same: bool = True, relu: bool = True) -> Value:
        x = self.x
        channels = x.type.shape[3]
        w, b = self._weights((*kernel, channels), channels, 2)
        out = self._out(relu)
        padding = _same(x.type.shape[1:3], kernel, stride) if same else (0, 0, 0, 0)
        clamp = _RELU if relu else _NONE
        y = self.apply(DepthwiseConv2D(stride, padding=padding, clamp=clamp, out_quant=out), x, w, b)
        return self._spread(y, _OUTPUT_SIGMA, relu)

    def dense(self, channels: int, *, relu: bool = False) -> Value:
        x = self.x
        w, b = self._weights((channels, x.type.shape[-1]), channels, None)
        out = self._out(relu)
        y = self.apply(FullyConnected(clamp=_RELU if relu else _NONE, out_quant=out), x, w, b)
        return self._spread(y, _OUTPUT_SIGMA, relu)

    def add(self, other: Value) -> Value:
        x = self.x
        scale = float(np.float32(1.5 * max(other.type.scale, x.type.scale)))
        rms = math.hypot(self.rms[other] * other.type.scale, self.rms[x] * x.type.scale) / scale
        y = self.apply(Add(clamp=_RELU, out_quant=QuantParams((scale,), (-128,))), other, x)
        return self._spread(y, rms, relu=True)

    def pool(self) -> Value:
        _, h, w, _ = self.x.type.shape
        rms = self.rms[self.x]
        y = self.apply(AveragePool2D((h, w), (h, w), out_quant=self.x.type.quant), self.x)
        return self._spread(y, rms, relu=True)  # a mean of positive values has less than their rms

    def flatten(self) -> Value:
        rms = self.rms[self.x]
        return self._spread(self.apply(Reshape((1, self.x.type.elements)), self.x), rms, relu=False)

    def softmax(self) -> Value:
        return self.apply(Softmax(out_quant=QuantParams((1 / 256,), (-128,))), self.x)

    def graph(self) -> Graph:
        return Graph(self.name, "tflm-int8.v1", (self.input,), (self.x,), tuple(self.nodes))


def _same(size: tuple[int, ...], kernel: Pair, stride: Pair) -> tuple[int, int, int, int]:
    total = [max(0, (-(-n // s) - 1) * s + k - n) for n, k, s in zip(size, kernel, stride, strict=True)]
    return total[0] // 2, total[1] // 2, total[0] - total[0] // 2, total[1] - total[1] // 2


def keyword_spotting() -> Graph:
    """DS-CNN: one 10x4 convolution and four depthwise-separable blocks of 64 channels on 49x10 MFCC features."""
    b = _Builder("kws", (1, 49, 10, 1), 1)
    b.conv(64, (10, 4), (2, 2))
    for _ in range(4):
        b.depthwise((3, 3))
        b.conv(64, (1, 1))
    b.pool()
    b.flatten()
    b.dense(12)
    b.softmax()
    return b.graph()


def image_classification() -> Graph:
    """ResNet-8 on 32x32x3: three residual stacks of 16, 32 and 64 channels."""
    b = _Builder("ic", (1, 32, 32, 3), 2)
    trunk = b.conv(16, (3, 3))
    for channels in (16, 32, 64):
        stride = (1, 1) if channels == 16 else (2, 2)
        b.conv(channels, (3, 3), stride)
        branch = b.conv(channels, (3, 3), relu=False)
        b.x = trunk
        short = trunk if stride == (1, 1) else b.conv(channels, (1, 1), stride, relu=False)
        b.x = branch
        trunk = b.add(short)
    b.pool()
    b.flatten()
    b.dense(10)
    b.softmax()
    return b.graph()


def visual_wake_words() -> Graph:
    """MobileNetV1, width 0.25, on 96x96x3: a convolution and thirteen depthwise-separable blocks."""
    b = _Builder("vww", (1, 96, 96, 3), 3)
    b.conv(8, (3, 3), (2, 2))
    for channels, stride in (
        (16, 1),
        (32, 2),
        (32, 1),
        (64, 2),
        (64, 1),
        (128, 2),
        *((128, 1),) * 5,
        (256, 2),
        (256, 1),
    ):
        b.depthwise((3, 3), (stride, stride))
        b.conv(channels, (1, 1))
    b.pool()
    b.flatten()
    b.dense(2)
    b.softmax()
    return b.graph()


def anomaly_detection() -> Graph:
    """Autoencoder 640-128-128-128-128-8-128-128-128-128-640."""
    b = _Builder("ad", (1, 640), 4)
    for channels in (128, 128, 128, 128, 8, 128, 128, 128, 128):
        b.dense(channels, relu=True)
    b.dense(640)
    return b.graph()


def streaming_wakeword() -> Graph:
    """Separable convolutions over time, 30 frames of 40 features: temporal windows 3, 5, 10 and 15."""
    b = _Builder("sww", (1, 30, 1, 40), 5)
    for frames, channels in ((3, 128), (5, 128), (10, 128), (15, 32)):
        b.depthwise((frames, 1), same=False, relu=False)
        b.conv(channels, (1, 1))
    b.flatten()
    b.dense(3)
    b.softmax()
    return b.graph()


SYNTHETIC: Mapping[str, Callable[[], Graph]] = {
    "kws": keyword_spotting,
    "ic": image_classification,
    "vww": visual_wake_words,
    "ad": anomaly_detection,
    "sww": streaming_wakeword,
}
