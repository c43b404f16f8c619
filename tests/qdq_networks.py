# SPDX-License-Identifier: Apache-2.0
"""Random float networks, and float graphs with Quantize and Dequantize nodes put in by the ranges of a few inputs."""

from __future__ import annotations

import numpy as np

from smidgen.ir import Array, Graph, Node, QuantParams, TensorType, Value
from smidgen.ir.evaluate import evaluate_all
from smidgen.ir.names import Names
from smidgen.ir.types import FourBit
from smidgen.ops import (
    Add,
    AveragePool2D,
    Clamp,
    Concat,
    Conv2D,
    DepthwiseConv2D,
    Dequantize,
    FullyConnected,
    LeakyRelu,
    MaxPool2D,
    Mean,
    Mul,
    Pad,
    Quantize,
    Reshape,
    Softmax,
    Transpose,
)
from tests.op_graphs import Builder

_WEIGHTED = (Conv2D, DepthwiseConv2D, FullyConnected)
_FREE = (MaxPool2D, Transpose, Reshape)  # their results have their operand's steps
_CLAMPS = ((-np.inf, np.inf), (0.0, np.inf), (0.0, 6.0), (-1.0, 1.0))


class FloatNetwork:
    """The same network for the same seed: layers on small maps, branches, then perhaps a dense end and a softmax."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.b = Builder()
        self.maps: list[Value] = []

    def graph(self) -> Graph:
        r = self.random
        x = self.b.input(
            self._type(int(r.integers(1, 3)), *(int(n) for n in r.integers(3, 8, 2)), int(r.integers(1, 5)))
        )
        if r.random() < 0.2:
            x = self.b.op(Transpose((0, 2, 1, 3)), x)
        for _ in range(int(r.integers(1, 7))):
            self.maps.append(x)
            steps = (self._conv, self._conv, self._depthwise, self._pool, self._binary, self._concat, self._other)
            x = steps[int(r.integers(len(steps)))](x)
        outputs = [self._end(x)]
        if r.random() < 0.2 and self.maps[-1] not in self.b.inputs:
            outputs.append(self.maps[-1])
        return self.b.graph(*outputs)

    def _type(self, *shape: int) -> TensorType:
        return TensorType("float32", shape)

    def _constant(self, *shape: int, spread: float = 1.0) -> Value:
        data = self.random.normal(0, spread, shape)
        if self.random.random() < 0.1:
            data = data * (self.random.random(shape) < 0.5)
        return self.b.constant(self._type(*shape), data)

    def _clamp(self) -> tuple[float, float]:
        return _CLAMPS[int(self.random.integers(len(_CLAMPS)))]

    def _layer(self, x: Value, weights: tuple[int, ...], channels: int) -> tuple[Value, ...]:
        fan_in = np.prod(weights) / channels
        operands = (x, self._constant(*weights, spread=float(fan_in**-0.5)))
        return (*operands, self._constant(channels)) if self.random.random() < 0.8 else operands

    def _kernel(self, x: Value) -> tuple[int, int]:
        return tuple(int(self.random.integers(1, min(4, d + 1))) for d in x.type.shape[1:3])  # type: ignore[return-value]

    def _padding(self, kernel: tuple[int, int]) -> tuple[int, int, int, int]:
        top, left, bottom, right = (int(self.random.integers(0, k)) for k in (*kernel, *kernel))
        return top, left, bottom, right

    def _conv(self, x: Value) -> Value:
        r, kernel, in_c, groups = self.random, self._kernel(x), x.type.shape[3], 1
        count = int(r.integers(1, 9))
        if in_c % 2 == 0 and in_c > 2 and r.random() < 0.3:
            groups, count = 2, 2 * count
        dilation = (2, 1) if x.type.shape[1] > 2 * kernel[0] and r.random() < 0.2 else (1, 1)
        op = Conv2D((1, int(r.integers(1, 3))), dilation, self._padding(kernel), self._clamp(), groups=groups)
        return self.b.op(op, *self._layer(x, (count, *kernel, in_c // groups), count))

    def _depthwise(self, x: Value) -> Value:
        kernel, count = self._kernel(x), x.type.shape[3] * int(self.random.integers(1, 3))
        if x.type.shape[3] == 1:  # in ONNX that is a plain convolution
            return self._conv(x)
        op = DepthwiseConv2D((1, 1), (1, 1), self._padding(kernel), self._clamp())
        return self.b.op(op, *self._layer(x, (*kernel, count), count))

    def _pool(self, x: Value) -> Value:
        kernel = self._kernel(x)
        if self.random.random() < 0.5:
            return self.b.op(MaxPool2D(kernel, (1, 2), self._padding(kernel), self._clamp()), x)
        included = bool(self.random.random() < 0.5)
        padding = self._padding(kernel)
        op = AveragePool2D(kernel, (1, 1), padding, self._clamp(), count_include_pad=included and any(padding))
        return self.b.op(op, x)

    def _binary(self, x: Value) -> Value:
        r = self.random
        alike = [v for v in self.maps if v.type.shape == x.type.shape]
        other = (
            alike[int(r.integers(len(alike)))]
            if alike and r.random() < 0.7
            else self._constant(1, 1, 1, int(r.choice([1, x.type.shape[3]])))
        )
        if r.random() < 0.3:
            return self.b.op(Mul(self._clamp()), x, other)
        signs = ((1, 1), (1, -1), (-1, 1))[int(r.integers(3))]
        return self.b.op(Add(self._clamp(), signs=signs), x, other)

    def _concat(self, x: Value) -> Value:
        axis = int(self.random.integers(1, 4))
        alike = [
            v
            for v in (*self.maps, x)
            if all(a == b for i, (a, b) in enumerate(zip(v.type.shape, x.type.shape, strict=True)) if i != axis)
        ]
        return self.b.op(Concat(axis), x, alike[int(self.random.integers(len(alike)))])

    def _other(self, x: Value) -> Value:
        r, (n, h, w, c) = self.random, x.type.shape
        kind = int(r.integers(6))
        if kind == 0:
            before, after = ((0, *(int(n) for n in r.integers(0, 2, 3))) for _ in range(2))
            return self.b.op(Pad(before, after, float(r.choice([0.0, 0.5]))), x)
        if kind == 1:
            return self.b.op(Clamp(_CLAMPS[int(r.integers(1, 4))]), x)
        if kind == 2:
            return self.b.op(LeakyRelu(float(np.float32(0.1))), x)
        if kind == 3:
            return self.b.op(Softmax(), x)
        return self.b.op(Reshape((n, w, h, c) if kind == 4 else (n, 1, h, w * c)), x)

    def _end(self, x: Value) -> Value:
        kind, r = int(self.random.integers(4)), self.random
        if kind == 0:
            return x
        if kind == 1:
            x = self.b.op(Mean(1, 2), x)
        if kind < 3:
            x = self.b.op(Reshape((x.type.shape[0], x.type.elements // x.type.shape[0])), x)
        count = int(r.integers(1, 20))
        x = self.b.op(FullyConnected(self._clamp()), *self._layer(x, (count, x.type.shape[-1]), count))
        return self.b.op(Softmax(), x) if r.random() < 0.3 else x


def float_inputs(graph: Graph, seed: int = 0) -> list[Array]:
    r = np.random.default_rng(seed)
    return [r.normal(0, 1, v.type.shape).astype(np.float32) for v in graph.inputs]


class _Quantizer:
    """Min/max ranges, int8; ``four_bit`` says which layers' weights are kept in four bits and in which groups."""

    def __init__(
        self, graph: Graph, inputs: list[Array], four_bit: dict[Value, FourBit], wide: frozenset[Value]
    ) -> None:
        self.graph, self.four_bit, self.wide = graph, four_bit, wide
        self.names = Names(v.name for v in graph.values())
        self.arrays = evaluate_all(graph, inputs)
        self.nodes: list[Node] = []
        self.real: dict[Value, Value] = {}

    def run(self) -> Graph:
        inputs = tuple(self.graph.inputs)
        for v in inputs:
            self._activation(v)
        for node in self.graph.nodes:
            operands = [self.real.get(v, v) for v in node.inputs]
            if isinstance(node.op, _WEIGHTED):
                operands = [operands[0], *self._constants(node, operands)]
            elif isinstance(node.op, Add | Mul):
                operands = [self._small(v) for v in operands]
            self.nodes.append(Node(node.op, tuple(operands), node.outputs, node.loc))
            self._activation(node.output)
        outputs = tuple(self.real.get(v, v) for v in self.graph.outputs)
        return Graph(self.graph.name, "onnx-qdq.v1", inputs, outputs, tuple(self.nodes))

    def _emit(self, op: Quantize | Dequantize, x: Value, name: str) -> Value:
        (t,) = op.infer([x.type])
        y = Value(self.names.fresh(name), t)
        self.nodes.append(Node(op, (x,), (y,), f"test: {name}"))
        return y

    def _activation(self, v: Value) -> None:
        data = self.arrays[v]
        if v in self.wide:
            scale = float(np.float32(np.abs(data).max() / 32767 or 1.0))
            q = self._emit(Quantize(QuantParams((scale,), (0,)), "int16", "even"), v, f"{v.name}_q")
            self.real[v] = self._emit(Dequantize(), q, f"{v.name}_dq")
            return
        lo, hi = min(float(data.min()), 0.0), max(float(data.max()), 0.0)
        scale = float(np.float32((hi - lo) / 255 or 1.0))
        quant = QuantParams((scale,), (int(np.clip(round(-128 - lo / scale), -128, 127)),))
        q = self._emit(Quantize(quant, "int8", "even"), v, f"{v.name}_q")
        self.real[v] = self._emit(Dequantize(), q, f"{v.name}_dq")

    def _small(self, v: Value) -> Value:
        """A constant operand of an elementwise op."""
        if v.data is None:
            return v
        scale = float(np.float32(np.abs(v.data).max() / 127 or 1.0))
        t = TensorType("int8", v.type.shape, QuantParams((scale,), (0,)))
        q = Value(self.names.fresh(f"{v.name}_q"), t, np.rint(v.data / scale).astype(np.int8))
        return self._emit(Dequantize(), q, f"{v.name}_dq")

    def _constants(self, node: Node, operands: list[Value]) -> list[Value]:
        w, axis = operands[1], 2 if isinstance(node.op, DepthwiseConv2D) else 0
        storage = self.four_bit.get(w)
        flat = np.moveaxis(w.constant, axis, 0).reshape(w.type.shape[axis], -1)
        ints, scales = _weights(flat, storage)
        shape = tuple(np.moveaxis(w.constant, axis, 0).shape)
        data = np.ascontiguousarray(np.moveaxis(ints.reshape(shape), 0, axis))
        quant = QuantParams(tuple(scales.tolist()), (0,) * len(scales), axis)
        q = Value(self.names.fresh(f"{w.name}_q"), TensorType("int8", data.shape, quant, storage), data)
        made = [self._emit(Dequantize(), q, f"{w.name}_dq")]
        if len(operands) > 2:
            made.append(self._bias(node, operands[2], scales))
        return made

    def _bias(self, node: Node, b: Value, scales: Array) -> Value:
        producer = next(n for n in self.nodes if node.inputs and n.output is self.real.get(node.inputs[0]))
        wanted = np.float32(producer.inputs[0].type.scale) * scales
        data = np.clip(np.rint(b.constant / wanted.astype(np.float64)), -(2**30), 2**30).astype(np.int32)
        quant = QuantParams(tuple(wanted.tolist()), (0,) * len(wanted), 0)
        return self._emit(
            Dequantize(),
            Value(self.names.fresh(f"{b.name}_q"), TensorType("int32", data.shape, quant), data),
            f"{b.name}_dq",
        )


def _weights(flat: Array, storage: FourBit | None) -> tuple[Array, Array]:
    """(channels, k) as integers and float32 scales: int8, four bits, or four bits times a factor of the group."""
    most = np.maximum(np.abs(flat).max(axis=1, keepdims=True), 1e-6)
    if storage is None:
        scale = (most / 127).astype(np.float32)
        return np.clip(np.rint(flat / scale), -127, 127).astype(np.int8), scale.ravel()
    if storage.group is None:
        scale = (most / 7).astype(np.float32)
        return np.clip(np.rint(flat / scale), -8, 7).astype(np.int8), scale.ravel()
    scale = (most / (7 * 15)).astype(np.float32)
    ints = np.zeros(flat.shape, np.int8)
    for at in range(0, flat.shape[1], storage.group):
        part = flat[:, at : at + storage.group]
        factor = np.clip(np.ceil(np.abs(part).max(axis=1, keepdims=True) / (7 * scale)), 1, 15)
        ints[:, at : at + storage.group] = np.clip(np.rint(part / (scale * factor)), -8, 7) * factor
    return ints, scale.ravel()


def quantized(
    graph: Graph,
    inputs: list[Array] | None = None,
    four_bit: dict[Value, FourBit] | None = None,
    wide: frozenset[Value] = frozenset(),
) -> Graph:
    """``graph`` with every activation quantised to int8 (int16 for ``wide``), weights per channel, biases int32."""
    return _Quantizer(graph, inputs or float_inputs(graph), four_bit or {}, wide).run()


def in_four_bits(graph: Graph, groups: tuple[int | None, ...], seed: int) -> dict[Value, FourBit]:
    """Some of the weights that may be kept in four bits, each with one of these groups."""
    r, chosen = np.random.default_rng(seed), {}
    for node in graph.nodes:
        fits = isinstance(node.op, FullyConnected) or (isinstance(node.op, Conv2D) and node.op.groups == 1)
        if fits and r.random() < 0.8:
            chosen[node["w"]] = FourBit(groups[int(r.integers(len(groups)))])
    return chosen
