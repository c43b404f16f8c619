# SPDX-License-Identifier: Apache-2.0
"""Convolutions, pools and dense layers as ONNX nodes: channels first, padding explicit, clamps as Relu or Clip."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from smidgen.exporters.onnx_writer import Layout, Writer, constant_of
from smidgen.ir import Node
from smidgen.ops import AveragePool2D, Conv2D, DepthwiseConv2D, FullyConnected, MaxPool2D
from smidgen.ops.arithmetic import NO_CLAMP

CHANNELS_FIRST: Layout = "channels first"


def clamped(writer: Writer, x: str, clamp: tuple[float, float], output: str) -> None:
    """Write clip(x) as ``output``: a Relu where it is one."""
    lo, hi = clamp
    if (lo, hi) == (0.0, math.inf):
        writer.node("Relu", [x], output)
        return
    bounds = [
        "" if math.isinf(b) else writer.initializer(np.array(b, np.float32), f"{output}_{end}")
        for b, end in ((lo, "least"), (hi, "most"))
    ]
    writer.node("Clip", [x, *bounds], output)


def emit(writer: Writer, op: str, node: Node, inputs: list[str], layout: Layout, **attributes: Any) -> None:
    """The node's value by one ONNX op, and its clamp, if it has one, by another."""
    output = writer.write(node.output, layout)
    clamp = getattr(node.op, "clamp", NO_CLAMP)
    if clamp == NO_CLAMP:
        writer.node(op, inputs, output, **attributes)
        return
    clamped(writer, writer.node(op, inputs, writer.fresh(f"{output}_unclamped"), **attributes), clamp, output)


def _bias(writer: Writer, node: Node) -> list[str]:
    bias = node.get("b")
    return [] if bias is None else [writer.constant(bias, (0,), bias.type.shape)]


def _windows(op: Conv2D | DepthwiseConv2D | MaxPool2D | AveragePool2D, kernel: tuple[int, int]) -> dict[str, Any]:
    return {"kernel_shape": list(kernel), "pads": list(op.padding), "strides": list(op.stride)}


def conv(writer: Writer, node: Node) -> None:
    op, w = node.op, node["w"]
    assert isinstance(op, Conv2D)
    o, kh, kw, i = w.type.shape
    weights = writer.constant(w, (0, 3, 1, 2), (o, i, kh, kw))
    _conv(writer, node, weights, (kh, kw), op.groups)


def depthwise(writer: Writer, node: Node) -> None:
    """A Conv with a group for each input channel; weights (kh, kw, c) become (c, 1, kh, kw)."""
    w = node["w"]
    kh, kw, c = w.type.shape
    weights = writer.constant(w, (2, 0, 1), (c, 1, kh, kw))
    _conv(writer, node, weights, (kh, kw), node["x"].type.shape[3])


def _conv(writer: Writer, node: Node, weights: str, kernel: tuple[int, int], groups: int) -> None:
    op = node.op
    assert isinstance(op, Conv2D | DepthwiseConv2D)
    inputs = [writer.at(node["x"], CHANNELS_FIRST), weights, *_bias(writer, node)]
    attributes = {**_windows(op, kernel), "dilations": list(op.dilation), "group": groups}
    emit(writer, "Conv", node, inputs, CHANNELS_FIRST, **attributes)


def max_pool(writer: Writer, node: Node) -> None:
    op = node.op
    assert isinstance(op, MaxPool2D)
    emit(writer, "MaxPool", node, [writer.at(node["x"], CHANNELS_FIRST)], CHANNELS_FIRST, **_windows(op, op.kernel))


def average_pool(writer: Writer, node: Node) -> None:
    op = node.op
    assert isinstance(op, AveragePool2D)
    attributes = {**_windows(op, op.kernel), "count_include_pad": int(op.count_include_pad)}
    emit(writer, "AveragePool", node, [writer.at(node["x"], CHANNELS_FIRST)], CHANNELS_FIRST, **attributes)


def fully_connected(writer: Writer, node: Node) -> None:
    """Gemm of a matrix; MatMul and Add where x has other than two dimensions."""
    assert isinstance(node.op, FullyConnected)
    x, w = writer.at(node["x"], "graph"), node["w"]
    o, k = w.type.shape
    if len(node["x"].type.shape) == 2:
        inputs = [x, writer.constant(w, (0, 1), (o, k)), *_bias(writer, node)]
        emit(writer, "Gemm", node, inputs, "graph", transB=1)
        return
    inputs, bias = [x, writer.constant(w, (1, 0), (k, o))], _bias(writer, node)
    if not bias:
        emit(writer, "MatMul", node, inputs, "graph")
        return
    product = writer.node("MatMul", inputs, writer.fresh(f"{node.output.name}_product"))
    emit(writer, "Add", node, [product, *bias], "graph")


def layout_of(writer: Writer, node: Node) -> Layout:
    """Channels first where the result is wanted so, or an operand is at hand only so; ops that take either ask."""
    computed = [v for v in node.inputs if constant_of(v, writer.producers) is None]
    if any(len(v.type.shape) != 4 for v in (*computed, node.output)):
        return "graph"
    only = any(writer.has(v, CHANNELS_FIRST) and not writer.has(v, "graph") for v in computed)
    return CHANNELS_FIRST if node.output in writer.wants or only else "graph"
