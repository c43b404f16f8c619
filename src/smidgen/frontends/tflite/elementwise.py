# SPDX-License-Identifier: Apache-2.0
"""Sums, products, activations and means. Semantics: TFLite Micro's kernels."""

from __future__ import annotations

import math
from collections.abc import Callable

import tflite

from smidgen.errors import MalformedModel
from smidgen.frontends.tflite.operator import OpReader, quantized
from smidgen.frontends.tflite.tensors import Refused
from smidgen.ir import Node, QuantParams, Value
from smidgen.ops import Add, Clamp, Curve, LeakyRelu, Mean, Mul, Requantize, Reshape, Softmax


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


def mean(r: OpReader) -> list[Node]:
    x, out = r.value(0), r.quant(r.output_type)
    r.quant(x.type)
    rank = len(x.type.shape)
    written = [int(a) for a in r.integers(1).ravel()]
    if not written or any(not -rank <= a < rank for a in written):
        raise MalformedModel(f"{r.loc}: mean over axes {written} of {rank} dimensions")
    axes = sorted({a % rank for a in written})
    span = range(axes[0], axes[-1] + 1)
    if any(x.type.shape[a] != 1 for a in span if a not in axes):
        raise Refused(f"mean over axes {axes}, which are not adjacent", "Transpose first, or use two means")
    op = Mean(axes[0], axes[-1], out_quant=out)
    (kept,) = op.infer([x.type])
    if kept.shape == r.output_type.shape:
        return r.node(op, x)
    node = Node(op, (x,), (Value(r.name("kept"), kept),), r.loc)
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


def relu6(r: OpReader) -> list[Node]:
    return _bounded_relu(r, 0.0, 6.0)


def relu_n1_to_1(r: OpReader) -> list[Node]:
    return _bounded_relu(r, -1.0, 1.0)


def _bounded_relu(r: OpReader, lo: float, hi: float) -> list[Node]:
    """TFLite Micro clamps in the input's steps and takes the bytes as the output's, whose scale it never reads."""
    x, out = r.value(0), r.quant(r.output_type)
    q = r.quant(x.type)
    return r.node(Clamp((quantized(lo, q), quantized(hi, q)), out), x)


def leaky_relu(r: OpReader) -> list[Node]:
    o = r.options(tflite.LeakyReluOptions, tflite.BuiltinOptions.LeakyReluOptions)
    x, out = r.value(0), r.quant(r.output_type)
    r.quant(x.type)
    if not math.isfinite(o.Alpha()):
        raise MalformedModel(f"{r.loc}: alpha {o.Alpha()}")
    return r.node(LeakyRelu(o.Alpha(), out), x)


def curve(op: Curve) -> Callable[[OpReader], list[Node]]:
    """An importer of one curved function, of float32 only: TFLite Micro's int8 forms are no rounded float function."""

    def convert(r: OpReader) -> list[Node]:
        x = r.value(0)
        if x.type.dtype != "float32":
            raise Refused(f"{r.kind} of {x.type.dtype}", "Give smidgen the float32 model and let it quantise")
        return r.node(op, x)

    return convert


def gelu(r: OpReader) -> list[Node]:
    o = r.options(tflite.GeluOptions, tflite.BuiltinOptions.GeluOptions)
    return curve(Curve("gelu_tanh" if o.Approximate() else "gelu"))(r)
