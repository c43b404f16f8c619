# SPDX-License-Identifier: Apache-2.0
"""One function a TFLite operator: from its options and tensors to nodes. Semantics: TFLite Micro's kernels."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import tflite

from smidgen.errors import MalformedModel
from smidgen.frontends.tflite.tensors import Refused, TensorTable
from smidgen.ir import Array, Node, Op, QuantParams, TensorType, Value
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
    Requantize,
    Reshape,
    Softmax,
    Transpose,
)
from smidgen.ops.arithmetic import NO_CLAMP

_HIGHEST_VERSION = {"CONV_2D": 8, "DEPTHWISE_CONV_2D": 7, "FULLY_CONNECTED": 13, "ADD": 5, "SUB": 5, "MUL": 7}
_DEFAULT_HIGHEST_VERSION = 6
"""Operator versions: tensorflow/lite/tools/versioning/op_version.cc. What a version adds shows in types and options."""

_ACTIVATIONS: dict[int, tuple[float, float]] = {
    tflite.ActivationFunctionType.NONE: NO_CLAMP,
    tflite.ActivationFunctionType.RELU: (0.0, math.inf),
    tflite.ActivationFunctionType.RELU_N1_TO_1: (-1.0, 1.0),
    tflite.ActivationFunctionType.RELU6: (0.0, 6.0),
}
_INT8_REMEDY = "Convert the model to full int8 quantisation"


@dataclass
class OpReader:
    """One operator while it is read: its number, schema name, version and tensors."""

    index: int
    kind: str
    version: int
    op: tflite.Operator
    table: TensorTable
    loc: str

    def check_version(self) -> None:
        highest = _HIGHEST_VERSION.get(self.kind, _DEFAULT_HIGHEST_VERSION)
        if not 1 <= self.version <= highest:
            raise Refused(f"operator version {self.version}", f"smidgen knows versions 1 to {highest}")

    @property
    def inputs(self) -> list[int]:
        return self.table.indices(self.op.InputsAsNumpy(), "operator inputs")

    @property
    def output_indices(self) -> list[int]:
        return self.table.indices(self.op.OutputsAsNumpy(), "operator outputs")

    @property
    def output_index(self) -> int:
        outputs = self.output_indices
        if len(outputs) != 1 or outputs[0] < 0:
            raise MalformedModel(f"{self.loc}: has {len(outputs)} outputs, expected 1")
        return outputs[0]

    @property
    def name(self) -> str:
        return f"{self.kind.lower()}_{self.index}"

    def input_index(self, position: int) -> int:
        inputs = self.inputs
        if position >= len(inputs) or inputs[position] < 0:
            raise MalformedModel(f"{self.loc}: input {position} is missing")
        return inputs[position]

    def has(self, position: int) -> bool:
        inputs = self.inputs
        return position < len(inputs) and inputs[position] >= 0

    def value(self, position: int) -> Value:
        """An input as a value: a computed one, or a constant with its declared type."""
        index = self.input_index(position)
        data = self.table.constant(index)
        if data is None:
            return self.table.activation(index)
        return Value(f"{self.name}_c{position}", self.table.type(index), data)

    def data(self, position: int) -> Array:
        """The data of an input that has to be constant."""
        index = self.input_index(position)
        data = self.table.constant(index)
        if data is None:
            raise Refused(f"input {position} is computed at run time", "Only constants are supported there")
        return data

    def constant(self, operand: str, of: TensorType, data: Array) -> Value:
        return Value(f"{self.name}_{operand}", of, np.ascontiguousarray(data))

    @property
    def output_type(self) -> TensorType:
        return self.table.type(self.output_index)

    def options(self, kind: Any, expected: int) -> Any:  # Any: generated classes share no base
        """The operator's option table. MalformedModel when the file holds another type of options."""
        table = self.op.BuiltinOptions()
        if self.op.BuiltinOptionsType() != expected or table is None:
            raise MalformedModel(f"{self.loc}: options of type {self.op.BuiltinOptionsType()}, expected {expected}")
        options = kind()
        options.Init(table.Bytes, table.Pos)
        return options

    def quant(self, t: TensorType) -> QuantParams:
        """The per-tensor int8 quantization of a tensor; Refused for other types."""
        if t.dtype != "int8":
            raise Refused(f"a tensor is {t.dtype}", _INT8_REMEDY)
        if t.quant is None or t.quant.axis is not None:
            raise MalformedModel(f"{self.loc}: an int8 activation has no per-tensor quantization")
        return t.quant

    def clamp(self, activation: int, out: QuantParams) -> tuple[float, float]:
        """A fused activation in output steps (kernel_util.cc, CalculateActivationRangeQuantized)."""
        if activation not in _ACTIVATIONS:
            raise Refused(f"fused activation {activation}", "Use RELU, RELU6, RELU_N1_TO_1 or none")
        lo, hi = (_quantized(bound, out) for bound in _ACTIVATIONS[activation])
        return lo, hi

    def node(self, op: Op, *inputs: Value) -> list[Node]:
        """The single node of this operator; its inferred type must be the declared one."""
        (inferred,) = op.infer([v.type for v in inputs])
        declared = self.output_type
        if (inferred.dtype, inferred.shape) != (declared.dtype, declared.shape):
            raise MalformedModel(f"{self.loc}: computes {inferred}, but the file declares its output as {declared}")
        return [Node(op, inputs, (Value(self.name, inferred),), self.loc)]


def _quantized(real: float, q: QuantParams) -> float:
    if math.isinf(real):
        return real
    ratio = float(np.float32(real) / np.float32(q.scale[0]))
    return q.zero_point[0] + math.copysign(math.floor(abs(ratio) + 0.5), ratio)


def _padding(
    kind: int, sizes: tuple[int, int], kernel: tuple[int, int], o: Any, r: OpReader
) -> tuple[int, int, int, int]:
    """(top, left, bottom, right) of SAME or VALID (tensorflow/lite/kernels/padding.h)."""
    strides = o.StrideH(), o.StrideW()
    dilations = _dilations(o)
    if min(*strides, *dilations) < 1:
        raise MalformedModel(f"{r.loc}: stride {strides} or dilation {dilations} below 1")
    if kind == tflite.Padding.VALID:
        return 0, 0, 0, 0
    if kind != tflite.Padding.SAME:
        raise MalformedModel(f"{r.loc}: padding kind {kind}")
    before, after = [], []
    for size, k, s, d in zip(sizes, kernel, strides, dilations, strict=True):
        total = max(0, (-(-size // s) - 1) * s + (k - 1) * d + 1 - size)
        before.append(total // 2)
        after.append(total - total // 2)
    return before[0], before[1], after[0], after[1]


def _dilations(o: Any) -> tuple[int, int]:
    return (o.DilationHFactor(), o.DilationWFactor()) if hasattr(o, "DilationHFactor") else (1, 1)


def _weights(r: OpReader, x: TensorType) -> tuple[TensorType, Array]:
    """The type and data of operand 1 of a convolution or dense layer."""
    data, of = r.data(1), r.table.type(r.input_index(1))
    if of.dtype != "int8" or x.dtype != "int8":
        raise Refused(f"{x.dtype} activations with {of.dtype} weights", _INT8_REMEDY)
    if of.quant is None or any(of.quant.zero_point):
        raise MalformedModel(f"{r.loc}: int8 weights need scales and zero points of 0")
    return of, data


def _bias(r: OpReader, x: TensorType, w: TensorType, out: QuantParams) -> list[Value]:
    """Operand 2, if present. Its scale must be scale(x) * scale(w) within 2 % of the output scale, as in TFLite."""
    if not r.has(2):
        return []
    data, of = r.data(2), r.table.type(r.input_index(2))
    if of.dtype != "int32":
        raise Refused(f"bias is {of.dtype}", "smidgen needs an int32 bias with int8 activations")
    if of.quant is not None and w.quant is not None and len(of.quant.scale) in (1, len(w.quant.scale)):
        product = x.scale * np.array(w.quant.scale)
        if np.abs(product - np.array(of.quant.scale)).max() > 0.02 * out.scale[0]:
            raise MalformedModel(
                f"{r.loc}: inconsistent quantisation: the bias scale {of.quant.scale[0]:g} is not "
                f"input scale times weight scale ({product[0]:g})"
            )
    return [r.constant("b", TensorType("int32", of.shape), data)]


def conv_2d(r: OpReader) -> list[Node]:
    o = r.options(tflite.Conv2DOptions, tflite.BuiltinOptions.Conv2DOptions)
    x, out = r.value(0), r.quant(r.output_type)
    w, data = _weights(r, x.type)
    if len(x.type.shape) != 4 or len(w.shape) != 4:
        raise MalformedModel(f"{r.loc}: input and weights need 4 dimensions")
    groups = max(x.type.shape[3] // w.shape[3], 1)
    kernel = w.shape[1], w.shape[2]
    op = Conv2D(
        stride=(o.StrideH(), o.StrideW()),
        dilation=_dilations(o),
        padding=_padding(o.Padding(), (x.type.shape[1], x.type.shape[2]), kernel, o, r),
        clamp=r.clamp(o.FusedActivationFunction(), out),
        out_quant=out,
        groups=groups,
    )
    return r.node(op, x, r.constant("w", w, data), *_bias(r, x.type, w, out))


def depthwise_conv_2d(r: OpReader) -> list[Node]:
    o = r.options(tflite.DepthwiseConv2DOptions, tflite.BuiltinOptions.DepthwiseConv2DOptions)
    x, out = r.value(0), r.quant(r.output_type)
    w, data = _weights(r, x.type)
    if len(x.type.shape) != 4 or len(w.shape) != 4 or w.shape[0] != 1 or w.quant is None:
        raise MalformedModel(f"{r.loc}: weights {list(w.shape)} are not (1, height, width, channels)")
    if w.quant.axis not in (None, 3):
        raise MalformedModel(f"{r.loc}: depthwise weights are quantised along axis {w.quant.axis}, expected 3")
    axis = None if w.quant.axis is None else 2
    hwc = TensorType("int8", w.shape[1:], QuantParams(w.quant.scale, w.quant.zero_point, axis))
    op = DepthwiseConv2D(
        stride=(o.StrideH(), o.StrideW()),
        dilation=_dilations(o),
        padding=_padding(o.Padding(), (x.type.shape[1], x.type.shape[2]), (w.shape[1], w.shape[2]), o, r),
        clamp=r.clamp(o.FusedActivationFunction(), out),
        out_quant=out,
    )
    return r.node(op, x, r.constant("w", hwc, data[0]), *_bias(r, x.type, hwc, out))


def fully_connected(r: OpReader) -> list[Node]:
    o = r.options(tflite.FullyConnectedOptions, tflite.BuiltinOptions.FullyConnectedOptions)
    if o.WeightsFormat() != tflite.FullyConnectedOptionsWeightsFormat.DEFAULT:
        raise Refused(f"shuffled weights (format {o.WeightsFormat()})", "Convert without weight shuffling")
    x, out = r.value(0), r.quant(r.output_type)
    w, data = _weights(r, x.type)
    if len(w.shape) != 2 or x.type.elements % w.shape[1]:
        raise MalformedModel(f"{r.loc}: weights {list(w.shape)} do not fit input {list(x.type.shape)}")
    declared, nodes = r.output_type.shape, []
    if x.type.shape[-1:] != (w.shape[1],) or len(declared) != len(x.type.shape):
        rows = (x.type.elements // w.shape[1], w.shape[1])
        nodes += _reshaped(r, x, rows, "flat")
        x = nodes[-1].output
    op = FullyConnected(clamp=r.clamp(o.FusedActivationFunction(), out), out_quant=out)
    operands = (x, r.constant("w", w, data), *_bias(r, x.type, w, out))
    (inferred,) = op.infer([v.type for v in operands])
    if inferred.shape == declared:
        return [*nodes, *r.node(op, *operands)]
    nodes.append(Node(op, operands, (Value(f"{r.name}_rows", inferred),), r.loc))
    return [*nodes, *r.node(Reshape(declared), nodes[-1].output)]


def _reshaped(r: OpReader, x: Value, shape: tuple[int, ...], suffix: str) -> list[Node]:
    op = Reshape(shape)
    return [Node(op, (x,), (Value(f"{r.name}_{suffix}", op.infer([x.type])[0]),), r.loc)]


def add(r: OpReader) -> list[Node]:
    o = r.options(tflite.AddOptions, tflite.BuiltinOptions.AddOptions)
    return _sum(r, o.FusedActivationFunction(), (1, 1))


def sub(r: OpReader) -> list[Node]:
    o = r.options(tflite.SubOptions, tflite.BuiltinOptions.SubOptions)
    return _sum(r, o.FusedActivationFunction(), (1, -1))


def _sum(r: OpReader, activation: int, signs: tuple[int, int]) -> list[Node]:
    a, b, out = r.value(0), r.value(1), r.quant(r.output_type)
    for v in (a, b):
        r.quant(v.type)
    return r.node(Add(clamp=r.clamp(activation, out), out_quant=out, signs=signs), a, b)


def mul(r: OpReader) -> list[Node]:
    o = r.options(tflite.MulOptions, tflite.BuiltinOptions.MulOptions)
    a, b, out = r.value(0), r.value(1), r.quant(r.output_type)
    for v in (a, b):
        r.quant(v.type)
    return r.node(Mul(clamp=r.clamp(o.FusedActivationFunction(), out), out_quant=out), a, b)


def _pool(r: OpReader) -> tuple[Value, QuantParams, dict[str, Any]]:  # Any: keyword arguments shared by both pools
    o = r.options(tflite.Pool2DOptions, tflite.BuiltinOptions.Pool2DOptions)
    x, out = r.value(0), r.quant(r.output_type)
    if out != r.quant(x.type):
        raise MalformedModel(f"{r.loc}: inconsistent quantisation: pooling needs equal scales in and out")
    kernel = o.FilterHeight(), o.FilterWidth()
    if len(x.type.shape) != 4 or min(kernel) < 1:
        raise MalformedModel(f"{r.loc}: a window of {kernel} over {list(x.type.shape)}")
    return (
        x,
        out,
        {
            "kernel": kernel,
            "stride": (o.StrideH(), o.StrideW()),
            "padding": _padding(o.Padding(), (x.type.shape[1], x.type.shape[2]), kernel, o, r),
            "clamp": r.clamp(o.FusedActivationFunction(), out),
        },
    )


def average_pool_2d(r: OpReader) -> list[Node]:
    x, out, window = _pool(r)
    return r.node(AveragePool2D(out_quant=out, **window), x)


def max_pool_2d(r: OpReader) -> list[Node]:
    x, _, window = _pool(r)
    return r.node(MaxPool2D(**window), x)


def mean(r: OpReader) -> list[Node]:
    x, out = r.value(0), r.quant(r.output_type)
    r.quant(x.type)
    rank = len(x.type.shape)
    axes = sorted({int(a) % rank for a in r.data(1).ravel() if -rank <= a < rank})
    if not axes:
        raise MalformedModel(f"{r.loc}: axes {r.data(1).ravel().tolist()} of {rank} dimensions")
    span = range(axes[0], axes[-1] + 1)
    if any(x.type.shape[a] != 1 for a in span if a not in axes):
        raise Refused(f"mean over axes {axes}, which are not adjacent", "Transpose first, or use two means")
    op = Mean(axes[0], axes[-1], out_quant=out)
    (kept,) = op.infer([x.type])
    if kept.shape == r.output_type.shape:
        return r.node(op, x)
    node = Node(op, (x,), (Value(f"{r.name}_kept", kept),), r.loc)
    return [node, *r.node(Reshape(r.output_type.shape), node.output)]


def softmax(r: OpReader) -> list[Node]:
    o = r.options(tflite.SoftmaxOptions, tflite.BuiltinOptions.SoftmaxOptions)
    x, out = r.value(0), r.quant(r.output_type)
    r.quant(x.type)
    if not (math.isfinite(o.Beta()) and o.Beta() > 0):
        raise MalformedModel(f"{r.loc}: softmax beta {o.Beta()}")
    if abs(out.scale[0] * 256 - 1) > 1e-3 or out.zero_point != (-128,):
        raise MalformedModel(
            f"{r.loc}: inconsistent quantisation: int8 softmax has output scale 1/256, zero point -128"
        )
    return r.node(Softmax(o.Beta(), QuantParams((1 / 256,), (-128,))), x)


def relu(r: OpReader) -> list[Node]:
    x, out = r.value(0), r.quant(r.output_type)
    r.quant(x.type)
    return r.node(Requantize(out, clamp=(out.zero_point[0], math.inf)), x)


def _bounded_relu(lo: float, hi: float) -> Callable[[OpReader], list[Node]]:
    def convert(r: OpReader) -> list[Node]:
        """TFLite Micro clamps in the input's steps and takes the result as the output's (activations.cc)."""
        x, out = r.value(0), r.quant(r.output_type)
        q = r.quant(x.type)
        if q != out:
            raise MalformedModel(f"{r.loc}: inconsistent quantisation: {r.kind} needs equal scales in and out")
        return r.node(Clamp((_quantized(lo, q), _quantized(hi, q))), x)

    return convert


def leaky_relu(r: OpReader) -> list[Node]:
    o = r.options(tflite.LeakyReluOptions, tflite.BuiltinOptions.LeakyReluOptions)
    x, out = r.value(0), r.quant(r.output_type)
    r.quant(x.type)
    if not math.isfinite(o.Alpha()):
        raise MalformedModel(f"{r.loc}: alpha {o.Alpha()}")
    return r.node(LeakyRelu(o.Alpha(), out), x)


def reshape(r: OpReader) -> list[Node]:
    x, out = r.value(0), r.output_type
    if (x.type.dtype, x.type.quant) != (out.dtype, out.quant):
        raise MalformedModel(f"{r.loc}: inconsistent quantisation: {x.type} becomes {out}")
    return r.node(Reshape(out.shape), x)


def transpose(r: OpReader) -> list[Node]:
    rank = len(r.value(0).type.shape)
    permutation = tuple(int(p) % rank if -rank <= p < rank else rank for p in r.data(1).ravel())
    return r.node(Transpose(permutation), _same_type(r))


def _same_type(r: OpReader) -> Value:
    x, out = r.value(0), r.output_type
    if (x.type.dtype, x.type.quant) != (out.dtype, out.quant):
        raise MalformedModel(f"{r.loc}: inconsistent quantisation: {x.type} becomes {out}")
    if x.type.dtype != "int8":
        raise Refused(f"a tensor is {x.type.dtype}", _INT8_REMEDY)
    return x


def pad(r: OpReader) -> list[Node]:
    x, widths = _same_type(r), r.data(1)
    if widths.shape != (len(x.type.shape), 2) or widths.dtype.kind != "i" or widths.min(initial=0) < 0:
        raise MalformedModel(f"{r.loc}: paddings of shape {list(widths.shape)} for {list(x.type.shape)}")
    value = int(r.data(2).ravel()[0]) if r.has(2) else x.type.zero_point
    before, after = (tuple(int(w) for w in widths[:, side]) for side in (0, 1))
    return r.node(Pad(before, after, value), x)


def concatenation(r: OpReader) -> list[Node]:
    o = r.options(tflite.ConcatenationOptions, tflite.BuiltinOptions.ConcatenationOptions)
    if o.FusedActivationFunction() != tflite.ActivationFunctionType.NONE:
        raise Refused("a fused activation", "TFLite Micro has none for concatenation either; use a separate one")
    values = [r.value(i) for i in range(len(r.inputs))]
    out = r.output_type
    if not values or any((v.type.dtype, v.type.quant) != (out.dtype, out.quant) for v in values):
        raise MalformedModel(f"{r.loc}: inconsistent quantisation: concatenation needs equal scales in and out")
    if out.dtype != "int8":
        raise Refused(f"a tensor is {out.dtype}", _INT8_REMEDY)
    return r.node(Concat(o.Axis() + len(out.shape) if o.Axis() < 0 else o.Axis()), *values)


def quantize(r: OpReader) -> list[Node]:
    x, out = r.value(0), r.output_type
    if out.dtype not in ("int8", "uint8") or out.quant is None or out.quant.axis is not None:
        raise Refused(f"quantising {x.type.dtype} to {out.dtype}", _INT8_REMEDY)
    if x.type.dtype == "float32" and out.dtype == "int8":
        return r.node(Quantize(out.quant), x)
    if x.type.dtype in ("int8", "uint8"):
        return r.node(Requantize(out.quant, out.dtype), x)
    raise Refused(f"quantising {x.type.dtype} to {out.dtype}", _INT8_REMEDY)


def dequantize(r: OpReader) -> list[Node]:
    x = r.value(0)
    r.quant(x.type)
    return r.node(Dequantize(), x)


class Importer(NamedTuple):
    """Reads one kind of operator; ``makes`` are the ops it can become (beside a Reshape)."""

    convert: Callable[[OpReader], list[Node]]
    makes: tuple[type[Op], ...]


IMPORTERS: dict[str, Importer] = {
    "ADD": Importer(add, (Add,)),
    "AVERAGE_POOL_2D": Importer(average_pool_2d, (AveragePool2D,)),
    "CONCATENATION": Importer(concatenation, (Concat,)),
    "CONV_2D": Importer(conv_2d, (Conv2D,)),
    "DEPTHWISE_CONV_2D": Importer(depthwise_conv_2d, (DepthwiseConv2D,)),
    "DEQUANTIZE": Importer(dequantize, (Dequantize,)),
    "EXPAND_DIMS": Importer(reshape, (Reshape,)),
    "FULLY_CONNECTED": Importer(fully_connected, (FullyConnected,)),
    "LEAKY_RELU": Importer(leaky_relu, (LeakyRelu,)),
    "MAX_POOL_2D": Importer(max_pool_2d, (MaxPool2D,)),
    "MEAN": Importer(mean, (Mean,)),
    "MUL": Importer(mul, (Mul,)),
    "PAD": Importer(pad, (Pad,)),
    "PADV2": Importer(pad, (Pad,)),
    "QUANTIZE": Importer(quantize, (Quantize, Requantize)),
    "RELU": Importer(relu, (Requantize,)),
    "RELU6": Importer(_bounded_relu(0.0, 6.0), (Clamp,)),
    "RELU_N1_TO_1": Importer(_bounded_relu(-1.0, 1.0), (Clamp,)),
    "RESHAPE": Importer(reshape, (Reshape,)),
    "SOFTMAX": Importer(softmax, (Softmax,)),
    "SQUEEZE": Importer(reshape, (Reshape,)),
    "SUB": Importer(sub, (Add,)),
    "TRANSPOSE": Importer(transpose, (Transpose,)),
}
