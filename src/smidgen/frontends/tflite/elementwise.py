# SPDX-License-Identifier: Apache-2.0
"""Sums, products, activations and means. Semantics: TFLite Micro's kernels."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import tflite

from smidgen.errors import MalformedModel
from smidgen.frontends.tflite.operator import OpReader, quantized, rounding
from smidgen.frontends.tflite.tensors import Refused
from smidgen.ir import Node, QuantParams, TensorType, Value
from smidgen.ops import Add, Clamp, Curve, LeakyRelu, MaxPool2D, Mean, Mul, Requantize, Reshape, Softmax


def add(r: OpReader) -> list[Node]:
    o = r.options(tflite.AddOptions, tflite.BuiltinOptions.AddOptions)
    return _sum(r, o.FusedActivationFunction(), (1, 1))


def sub(r: OpReader) -> list[Node]:
    o = r.options(tflite.SubOptions, tflite.BuiltinOptions.SubOptions)
    return _sum(r, o.FusedActivationFunction(), (1, -1))


def _sum(r: OpReader, activation: int, signs: tuple[int, int]) -> list[Node]:
    a, b, out = r.value(0), r.value(1), r.steps(r.output_type)
    for v in (a, b):
        r.steps(v.type)
    return r.node(Add(r.clamp(activation, out), out, rounding(out), signs), a, b)


def mul(r: OpReader) -> list[Node]:
    o = r.options(tflite.MulOptions, tflite.BuiltinOptions.MulOptions)
    a, b, out = r.value(0), r.value(1), r.steps(r.output_type)
    for v in (a, b):
        r.steps(v.type)
    return r.node(Mul(r.clamp(o.FusedActivationFunction(), out), out, rounding(out)), a, b)


def _axes(r: OpReader, x: TensorType) -> tuple[int, int]:
    """The first and last of adjacent axes, given as input 1."""
    rank = len(x.shape)
    written = [int(a) for a in r.integers(1).ravel()]
    if not written or any(not -rank <= a < rank for a in written):
        raise MalformedModel(f"{r.loc}: {r.kind.lower()} over axes {written} of {rank} dimensions")
    axes = sorted({a % rank for a in written})
    if any(x.shape[a] != 1 for a in range(axes[0], axes[-1] + 1) if a not in axes):
        reason = f"{r.kind.lower()} over axes {axes}, which are not adjacent"
        raise Refused(reason, "Transpose first, or use two of them")
    return axes[0], axes[-1]


def mean(r: OpReader) -> list[Node]:
    x, out = r.value(0), r.steps(r.output_type)
    r.steps(x.type)
    op = Mean(*_axes(r, x.type), out_quant=out, rounding=rounding(out))
    (kept,) = op.infer([x.type])
    if kept.shape == r.output_type.shape:
        return r.node(op, x)
    node = Node(op, (x,), (Value(r.name("kept"), kept),), r.loc)
    return [node, *r.node(Reshape(r.output_type.shape), node.output)]


def sum_(r: OpReader) -> list[Node]:
    """A mean times the number of elements, of reals."""
    x = real(r, 0)
    op = Mean(*_axes(r, x.type), rounding="even")
    (kept,) = op.infer([x.type])
    ones = (1,) * len(kept.shape)
    count = r.constant("count", TensorType("float32", ones), np.full(ones, op.count(x.type), np.float32))
    mean_of, total = Value(r.name("mean"), kept), Value(r.name("sum"), kept)
    nodes = [
        Node(op, (x,), (mean_of,), r.loc),
        Node(Mul(rounding="even"), (mean_of, count), (total,), r.loc),
    ]
    return [*nodes, *r.node(Reshape(r.output_type.shape), total)]


def reduce_max(r: OpReader) -> list[Node]:
    """A max pool whose window is all of the reduced dimensions, taken as rows; of reals."""
    x = real(r, 0)
    first, last = _axes(r, x.type)
    shape = x.type.shape
    count = math.prod(shape[first : last + 1])
    rows = TensorType("float32", (math.prod(shape[:first]), count, 1, math.prod(shape[last + 1 :])))
    pool = MaxPool2D((count, 1))
    made = [Value(r.name(name), t) for name, t in (("rows", rows), ("largest", pool.infer([rows])[0]))]
    nodes = [Node(Reshape(rows.shape), (x,), (made[0],), r.loc), Node(pool, (made[0],), (made[1],), r.loc)]
    return [*nodes, *r.node(Reshape(r.output_type.shape), made[1])]


def softmax(r: OpReader) -> list[Node]:
    o = r.options(tflite.SoftmaxOptions, tflite.BuiltinOptions.SoftmaxOptions)
    x, out = r.value(0), r.steps(r.output_type)
    r.steps(x.type)
    if not (math.isfinite(o.Beta()) and o.Beta() > 0):
        raise MalformedModel(f"{r.loc}: softmax beta {o.Beta()}")
    if out is None:
        return r.node(Softmax(o.Beta(), rounding="even"), x)
    if abs(out.scale[0] * 256 - 1) > 1e-3 or out.zero_point != (-128,):
        raise MalformedModel(
            f"{r.loc}: inconsistent quantisation: int8 softmax has output scale 1/256, zero point -128"
        )
    return r.node(Softmax(o.Beta(), QuantParams((1 / 256,), (-128,))), x)


def relu(r: OpReader) -> list[Node]:
    x, out = r.value(0), r.steps(r.output_type)
    r.steps(x.type)
    if out is None:
        return r.node(Clamp((0.0, math.inf)), x)
    return r.node(Requantize(out, clamp=(out.zero_point[0], math.inf)), x)


def relu6(r: OpReader) -> list[Node]:
    return _bounded_relu(r, 0.0, 6.0)


def relu_n1_to_1(r: OpReader) -> list[Node]:
    return _bounded_relu(r, -1.0, 1.0)


def _bounded_relu(r: OpReader, lo: float, hi: float) -> list[Node]:
    """TFLite Micro clamps in the input's steps and takes the bytes as the output's, whose scale it never reads."""
    x, out = r.value(0), r.steps(r.output_type)
    q = r.steps(x.type)
    if q is None:
        return r.node(Clamp((lo, hi)), x)
    return r.node(Clamp((quantized(lo, q), quantized(hi, q)), out), x)


def leaky_relu(r: OpReader) -> list[Node]:
    o = r.options(tflite.LeakyReluOptions, tflite.BuiltinOptions.LeakyReluOptions)
    x, out = r.value(0), r.steps(r.output_type)
    r.steps(x.type)
    if not math.isfinite(o.Alpha()):
        raise MalformedModel(f"{r.loc}: alpha {o.Alpha()}")
    return r.node(LeakyRelu(o.Alpha(), out, rounding(out)), x)


def relu_0_to_1(r: OpReader) -> list[Node]:
    return r.node(Clamp((0.0, 1.0)), real(r, 0))


def real(r: OpReader, position: int) -> Value:
    """A float32 input, for operators that smidgen reads in floats only: their int8 forms are functions of their own."""
    x = r.value(position)
    if x.type.dtype != "float32":
        raise Refused(f"{r.kind} of {x.type.dtype}", "Give smidgen the float32 model and let it quantise")
    return x


def curve(op: Curve) -> Callable[[OpReader], list[Node]]:
    """An importer of one curved function."""
    return lambda r: r.node(op, real(r, 0))


def gelu(r: OpReader) -> list[Node]:
    o = r.options(tflite.GeluOptions, tflite.BuiltinOptions.GeluOptions)
    return r.node(Curve("gelu_tanh" if o.Approximate() else "gelu"), real(r, 0))


def div(r: OpReader) -> list[Node]:
    """Division by a constant: multiplication by its reciprocal."""
    o = r.options(tflite.DivOptions, tflite.BuiltinOptions.DivOptions)
    x, divisor = real(r, 0), r.data(1).astype(np.float64)
    with np.errstate(all="ignore"):
        reciprocal = (1.0 / divisor).astype(np.float32)
    if not np.all(np.isfinite(reciprocal)):
        raise Refused("it divides by 0, or by a number too small", "Multiply by the reciprocal instead")
    c = r.constant("reciprocal", TensorType("float32", reciprocal.shape), reciprocal)
    return r.node(Mul(r.clamp(o.FusedActivationFunction(), None), rounding="even"), x, c)


def _against_number(r: OpReader) -> tuple[Value, float]:
    """The tensor and the number that MINIMUM or MAXIMUM compares."""
    a, b = real(r, 0), real(r, 1)
    x, number = (a, b) if b.data is not None else (b, a)
    if x.data is not None or number.data is None or number.data.size != 1 or np.isnan(number.data).any():
        raise Refused("it compares tensors", "Only a tensor and one constant number are supported")
    return x, float(number.data.reshape(()))


def minimum(r: OpReader) -> list[Node]:
    x, number = _against_number(r)
    return r.node(Clamp((-math.inf, number)), x)


def maximum(r: OpReader) -> list[Node]:
    x, number = _against_number(r)
    return r.node(Clamp((number, math.inf)), x)


def p_relu(r: OpReader) -> list[Node]:
    """One slope: LeakyRelu. A slope a channel: max(x, 0) + slope * min(x, 0)."""
    x, slope = real(r, 0), r.data(1).astype(np.float32)
    if np.unique(slope).size == 1 and np.isfinite(slope).all():
        return r.node(LeakyRelu(float(slope.flat[0]), rounding="even"), x)
    c = r.constant("slope", TensorType("float32", slope.shape), slope)
    above, below, sloped = (Value(r.name(name), x.type) for name in ("above", "below", "sloped"))
    return [
        Node(Clamp((0.0, math.inf)), (x,), (above,), r.loc),
        Node(Clamp((-math.inf, 0.0)), (x,), (below,), r.loc),
        Node(Mul(rounding="even"), (below, c), (sloped,), r.loc),
        *r.node(Add(rounding="even"), above, sloped),
    ]
