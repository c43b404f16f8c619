# SPDX-License-Identifier: Apache-2.0
"""Convolutions, dense layers and pools. Semantics: TFLite Micro's kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import tflite

from smidgen.errors import MalformedModel
from smidgen.frontends.tflite.operator import INT8_REMEDY, OpReader, rounding
from smidgen.frontends.tflite.tensors import Refused
from smidgen.ir import Array, Node, QuantParams, TensorType, Value
from smidgen.ops import AveragePool2D, Conv2D, DepthwiseConv2D, FullyConnected, MaxPool2D, Reshape


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
    if of.dtype == "float32" and x.dtype == "float32":
        return TensorType("float32", of.shape), data
    if of.dtype != "int8" or x.dtype != "int8":
        raise Refused(f"{x.dtype} activations with {of.dtype} weights", INT8_REMEDY)
    if of.quant is None or any(of.quant.zero_point):
        raise MalformedModel(f"{r.loc}: int8 weights need scales and zero points of 0")
    return of, data


def _bias(r: OpReader, x: TensorType, w: TensorType, out: QuantParams | None) -> list[Value]:
    """Operand 2, if present. Its scale must be scale(x) * scale(w) within 2 % of the output scale, as in TFLite."""
    if not r.has(2):
        return []
    data, of = r.data(2), r.table.type(r.input_index(2))
    if out is None and of.dtype == "float32":
        return [r.constant("b", TensorType("float32", of.shape), data)]
    if of.dtype != "int32" or out is None:
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
    x, out = r.value(0), r.steps(r.output_type)
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
        rounding=rounding(out),
        groups=groups,
    )
    return r.node(op, x, r.constant("w", w, data), *_bias(r, x.type, w, out))


def depthwise_conv_2d(r: OpReader) -> list[Node]:
    o = r.options(tflite.DepthwiseConv2DOptions, tflite.BuiltinOptions.DepthwiseConv2DOptions)
    x, out = r.value(0), r.steps(r.output_type)
    w, data = _weights(r, x.type)
    if len(x.type.shape) != 4 or len(w.shape) != 4 or w.shape[0] != 1:
        raise MalformedModel(f"{r.loc}: weights {list(w.shape)} are not (1, height, width, channels)")
    hwc = _without_first(r, w)
    op = DepthwiseConv2D(
        stride=(o.StrideH(), o.StrideW()),
        dilation=_dilations(o),
        padding=_padding(o.Padding(), (x.type.shape[1], x.type.shape[2]), (w.shape[1], w.shape[2]), o, r),
        clamp=r.clamp(o.FusedActivationFunction(), out),
        out_quant=out,
        rounding=rounding(out),
    )
    return r.node(op, x, r.constant("w", hwc, data[0]), *_bias(r, x.type, hwc, out))


def _without_first(r: OpReader, w: TensorType) -> TensorType:
    """Depthwise weights (1, h, w, c) as (h, w, c)."""
    if w.quant is None:
        return TensorType(w.dtype, w.shape[1:])
    if w.quant.axis not in (None, 3):
        raise MalformedModel(f"{r.loc}: depthwise weights are quantised along axis {w.quant.axis}, expected 3")
    axis = None if w.quant.axis is None else 2
    return TensorType("int8", w.shape[1:], QuantParams(w.quant.scale, w.quant.zero_point, axis))


def fully_connected(r: OpReader) -> list[Node]:
    o = r.options(tflite.FullyConnectedOptions, tflite.BuiltinOptions.FullyConnectedOptions)
    if o.WeightsFormat() != tflite.FullyConnectedOptionsWeightsFormat.DEFAULT:
        raise Refused(f"shuffled weights (format {o.WeightsFormat()})", "Convert without weight shuffling")
    x, out = r.value(0), r.steps(r.output_type)
    w, data = _weights(r, x.type)
    if len(w.shape) != 2 or x.type.elements % w.shape[1]:
        raise MalformedModel(f"{r.loc}: weights {list(w.shape)} do not fit input {list(x.type.shape)}")
    declared, nodes = r.output_type.shape, []
    if x.type.shape[-1:] != (w.shape[1],) or len(declared) != len(x.type.shape):
        rows = (x.type.elements // w.shape[1], w.shape[1])
        nodes += _reshaped(r, x, rows, "flat")
        x = nodes[-1].output
    op = FullyConnected(r.clamp(o.FusedActivationFunction(), out), out, rounding(out))
    operands = (x, r.constant("w", w, data), *_bias(r, x.type, w, out))
    (inferred,) = op.infer([v.type for v in operands])
    if inferred.shape == declared:
        return [*nodes, *r.node(op, *operands)]
    nodes.append(Node(op, operands, (Value(r.name("rows"), inferred),), r.loc))
    return [*nodes, *r.node(Reshape(declared), nodes[-1].output)]


def _reshaped(r: OpReader, x: Value, shape: tuple[int, ...], suffix: str) -> list[Node]:
    op = Reshape(shape)
    return [Node(op, (x,), (Value(r.name(suffix), op.infer([x.type])[0]),), r.loc)]


def _window(r: OpReader, x: TensorType) -> dict[str, Any]:  # Any: keyword arguments shared by both pools
    o = r.options(tflite.Pool2DOptions, tflite.BuiltinOptions.Pool2DOptions)
    kernel = o.FilterHeight(), o.FilterWidth()
    if len(x.shape) != 4 or min(kernel) < 1:
        raise MalformedModel(f"{r.loc}: a window of {kernel} over {list(x.shape)}")
    return {
        "kernel": kernel,
        "stride": (o.StrideH(), o.StrideW()),
        "padding": _padding(o.Padding(), (x.shape[1], x.shape[2]), kernel, o, r),
        "clamp": r.clamp(o.FusedActivationFunction(), r.steps(x)),
    }


def average_pool_2d(r: OpReader) -> list[Node]:
    renaming, x = r.same_steps(0)
    out = r.steps(x.type)
    return [*renaming, *r.node(AveragePool2D(out_quant=out, rounding=rounding(out), **_window(r, x.type)), x)]


def max_pool_2d(r: OpReader) -> list[Node]:
    renaming, x = r.same_steps(0)
    return [*renaming, *r.node(MaxPool2D(**_window(r, x.type)), x)]
