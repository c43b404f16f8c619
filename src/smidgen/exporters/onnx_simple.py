# SPDX-License-Identifier: Apache-2.0
"""Ops that compute element by element or over one dimension, or only move elements, as ONNX nodes."""

from __future__ import annotations

from typing import Any

import numpy as np

from smidgen.errors import InvalidGraph
from smidgen.exporters.onnx_layers import clamped, emit, layout_of
from smidgen.exporters.onnx_writer import (
    LAYOUTS,
    Layout,
    Permutation,
    Writer,
    constant_of,
    inverse,
    permutation,
)
from smidgen.ir import Node, Value
from smidgen.ops import (
    Add,
    Clamp,
    Concat,
    Crop,
    Curve,
    LeakyRelu,
    Mean,
    Mul,
    Pad,
    Quantize,
    Requantize,
    Softmax,
    Transpose,
)

_OPSET_AXES_AS_INPUT = 18  # of ReduceMean


def _moved(writer: Writer, node: Node, op: str, **attributes: Any) -> None:
    """One operand, one result, no dimension named: in whichever layout is at hand."""
    layout = layout_of(writer, node)
    emit(writer, op, node, [writer.at(node.inputs[0], layout)], layout, **attributes)


def clamp(writer: Writer, node: Node) -> None:
    op, layout = node.op, layout_of(writer, node)
    assert isinstance(op, Clamp)
    x = writer.at(node["x"], layout)
    clamped(writer, x, op.clamp, writer.write(node.output, layout))


_CURVES = {  # function: ONNX op, the opset it came with
    "sigmoid": ("Sigmoid", 13),
    "tanh": ("Tanh", 13),
    "hard_sigmoid": ("HardSigmoid", 13),
    "hard_swish": ("HardSwish", 14),
    "elu": ("Elu", 13),
    "silu": ("Sigmoid", 13),
    "gelu": ("Gelu", 20),
    "gelu_tanh": ("Gelu", 20),
    "erf": ("Erf", 13),
    "exp": ("Exp", 13),
}


def curve_opset(op: Curve) -> int:
    """The least operator set that has this function."""
    return _CURVES[op.function][1]


def curve(writer: Writer, node: Node) -> None:
    """One op; SiLU, which has none before opset 24, as x times its sigmoid."""
    op = node.op
    assert isinstance(op, Curve)
    attributes: dict[str, Any] = {}
    name = _CURVES[op.function][0]
    if op.function == "elu":
        attributes = {"alpha": op.alpha} if op.beta == 0 else {"alpha": op.alpha, "gamma": op.beta}
        name = "Elu" if op.beta == 0 else "Selu"
    elif op.function == "hard_sigmoid":
        attributes = {"alpha": op.alpha, "beta": op.beta}
    elif op.function == "gelu_tanh":
        attributes = {"approximate": "tanh"}
    elif op.function == "silu":
        layout = layout_of(writer, node)
        x = writer.at(node["x"], layout)
        gate = writer.node("Sigmoid", [x], writer.fresh(f"{node.output.name}_gate"))
        emit(writer, "Mul", node, [x, gate], layout)
        return
    _moved(writer, node, name, **attributes)


def leaky_relu(writer: Writer, node: Node) -> None:
    assert isinstance(node.op, LeakyRelu)
    _moved(writer, node, "LeakyRelu", alpha=node.op.alpha)


def _binary(writer: Writer, node: Node, op: str, operands: tuple[Value, Value]) -> None:
    layout, rank = layout_of(writer, node), len(node.output.type.shape)
    names = [_operand(writer, v, layout, rank) for v in operands]
    emit(writer, op, node, names, layout)


def _operand(writer: Writer, value: Value, layout: Layout, rank: int) -> str:
    """An operand of a broadcasting op; a constant of lower rank gets leading dimensions of 1 to be laid out."""
    if layout == "graph" or constant_of(value, writer.producers) is None or len(value.type.shape) == rank:
        return writer.at(value, layout)
    full = (1,) * (rank - len(value.type.shape)) + value.type.shape
    return writer.constant(
        value, tuple(range(len(value.type.shape))), tuple(full[i] for i in permutation(layout, rank))
    )


def add(writer: Writer, node: Node) -> None:
    """Add, or Sub in the order that the signs say."""
    assert isinstance(node.op, Add)
    a, b = node["a"], node["b"]
    if node.op.signs == (1, 1):
        _binary(writer, node, "Add", (a, b))
    else:
        _binary(writer, node, "Sub", (a, b) if node.op.signs == (1, -1) else (b, a))


def mul(writer: Writer, node: Node) -> None:
    assert isinstance(node.op, Mul)
    _binary(writer, node, "Mul", (node["a"], node["b"]))


def softmax(writer: Writer, node: Node) -> None:
    """Softmax over what is our last dimension, the factor beta before it."""
    op, layout = node.op, layout_of(writer, node)
    assert isinstance(op, Softmax)
    rank = len(node.output.type.shape)
    x = writer.at(node["x"], layout)
    if op.beta != 1.0:
        beta = writer.initializer(np.array(op.beta, np.float32), f"{node.output.name}_beta")
        x = writer.node("Mul", [x, beta], writer.fresh(f"{node.output.name}_scaled"))
    emit(writer, "Softmax", node, [x], layout, axis=permutation(layout, rank).index(rank - 1))


def mean(writer: Writer, node: Node) -> None:
    """ReduceMean that keeps dimensions; its axes are an input since opset 18."""
    op, layout = node.op, layout_of(writer, node)
    assert isinstance(op, Mean)
    order = permutation(layout, len(node.output.type.shape))
    axes = sorted(order.index(i) for i in range(op.first, op.last + 1))
    inputs = [writer.at(node["x"], layout)]
    if writer.opset < _OPSET_AXES_AS_INPUT:
        emit(writer, "ReduceMean", node, inputs, layout, axes=axes, keepdims=1)
        return
    inputs.append(writer.initializer(np.array(axes, np.int64), f"{node.output.name}_axes"))
    emit(writer, "ReduceMean", node, inputs, layout, keepdims=1)


def pad(writer: Writer, node: Node) -> None:
    op, layout = node.op, layout_of(writer, node)
    assert isinstance(op, Pad)
    order, name, x = permutation(layout, len(node.output.type.shape)), node.output.name, node["x"]
    pads = [*(op.before[i] for i in order), *(op.after[i] for i in order)]
    inputs = [
        writer.at(x, layout),
        writer.initializer(np.array(pads, np.int64), f"{name}_pads"),
        writer.initializer(np.array(op.value, x.type.dtype), f"{name}_value"),
    ]
    emit(writer, "Pad", node, inputs, layout)


def concat(writer: Writer, node: Node) -> None:
    op, layout = node.op, layout_of(writer, node)
    assert isinstance(op, Concat)
    axis = permutation(layout, len(node.output.type.shape)).index(op.axis)
    emit(writer, "Concat", node, [writer.at(v, layout) for v in node.inputs], layout, axis=axis)


def crop(writer: Writer, node: Node) -> None:
    op, layout, name = node.op, layout_of(writer, node), node.output.name
    assert isinstance(op, Crop)
    axis = permutation(layout, len(node.output.type.shape)).index(op.axis)
    bounds = (("starts", op.start), ("ends", op.start + op.length), ("axes", axis))
    given = [writer.initializer(np.array([v], np.int64), f"{name}_{what}") for what, v in bounds]
    emit(writer, "Slice", node, [writer.at(node["x"], layout), *given], layout)


def reshape(writer: Writer, node: Node) -> None:
    """From our order of dimensions, or from channels first where that is the same sequence of elements."""
    x, shape = node["x"], node.output.type.shape
    _, h, w, c = x.type.shape if len(x.type.shape) == 4 else (1, 1, 2, 2)
    same = writer.has(x, "channels first") and (c == 1 or h * w == 1)
    source = writer.at(x, "channels first" if same and not writer.has(x, "graph") else "graph")
    wanted = writer.initializer(np.array(shape, np.int64), f"{node.output.name}_shape")
    emit(writer, "Reshape", node, [source, wanted], "graph")


def transpose(writer: Writer, node: Node) -> None:
    """From whichever layout is at hand to the one that is wanted; nothing where that is the same tensor."""
    op, x, y = node.op, node["x"], node.output
    assert isinstance(op, Transpose)
    to: Layout = "channels first" if y in writer.wants and len(y.type.shape) == 4 else "graph"
    have = [layout for layout in LAYOUTS if writer.has(x, layout)] or ["graph"]
    orders = {layout: _composed(permutation(layout, len(op.permutation)), op.permutation, to) for layout in have}
    nothing = tuple(range(len(op.permutation)))
    best = min(have, key=lambda layout: orders[layout] != nothing)
    source, order = writer.at(x, best), orders[best]
    if order == nothing and y not in writer.graph.outputs:
        writer.alias(y, to, source)
    else:
        emit(writer, "Transpose", node, [source], to, perm=list(order))


def _composed(have: Permutation, op: Permutation, to: Layout) -> Permutation:
    """The permutation of the ONNX tensor of x that gives that of y."""
    back = inverse(have)
    return tuple(back[op[i]] for i in permutation(to, len(op)))


def quantize(writer: Writer, node: Node) -> None:
    assert isinstance(node.op, Quantize)
    layout = layout_of(writer, node)
    inputs = [writer.at(node["x"], layout), *writer.parameters(node.output)]
    emit(writer, "QuantizeLinear", node, inputs, layout)


def dequantize(writer: Writer, node: Node) -> None:
    layout, x = layout_of(writer, node), node["x"]
    inputs = [writer.at(x, layout), *writer.parameters(x)]
    emit(writer, "DequantizeLinear", node, inputs, layout)


def requantize(writer: Writer, node: Node) -> None:
    """DequantizeLinear, a clamp of the reals if there is one, QuantizeLinear."""
    op, x, layout = node.op, node["x"], layout_of(writer, node)
    assert isinstance(op, Requantize)
    name = node.output.name
    inputs = [writer.at(x, layout), *writer.parameters(x)]
    real = writer.node("DequantizeLinear", inputs, writer.fresh(f"{name}_real"))
    if np.isfinite(op.clamp).any():
        raise InvalidGraph(f"{node.loc}: a requantisation with a clamp does not occur before integers")
    inputs = [real, *writer.parameters(node.output)]
    writer.node("QuantizeLinear", inputs, writer.write(node.output, layout))
