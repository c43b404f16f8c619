# SPDX-License-Identifier: Apache-2.0
"""A float graph, plain or with Quantize and Dequantize nodes, as a standard ONNX file.

Windows (Conv, pools) are channels first in ONNX, last here. Each value is written in the layout that its readers need,
as far as ops that do not care which it is (elementwise ones, Q and DQ) pass the wish on; a Transpose is left only where
the graph's inputs and outputs, which keep their shapes and names, or a Reshape need our order.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

from smidgen.errors import Finding, UnsupportedModel
from smidgen.exporters.onnx_layers import average_pool, conv, depthwise, fully_connected, max_pool
from smidgen.exporters.onnx_simple import (
    add,
    clamp,
    concat,
    crop,
    curve,
    curve_opset,
    dequantize,
    leaky_relu,
    mean,
    mul,
    pad,
    quantize,
    requantize,
    reshape,
    softmax,
    transpose,
)
from smidgen.exporters.onnx_writer import INT4_OPSET, Writer, constant_of, make_model
from smidgen.ir import FourBit, Graph, Node, Op, Value
from smidgen.ops import (
    Add,
    AveragePool2D,
    Clamp,
    Concat,
    Conv2D,
    Crop,
    Curve,
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

OLDEST_OPSET = 13  # per-axis DequantizeLinear; what most runtimes read
_WINDOWED = (Conv2D, DepthwiseConv2D, MaxPool2D, AveragePool2D)
_KEEPS_ORDER = (FullyConnected, Reshape, Transpose)  # written in the graph's order, whoever reads them
_MOVES = (Concat, Crop, Dequantize, MaxPool2D, Pad, Requantize, Reshape, Transpose)  # take integers in ONNX too

EMITTERS: dict[type[Op], Callable[[Writer, Node], None]] = {
    Add: add,
    AveragePool2D: average_pool,
    Clamp: clamp,
    Concat: concat,
    Conv2D: conv,
    Crop: crop,
    Curve: curve,
    DepthwiseConv2D: depthwise,
    Dequantize: dequantize,
    FullyConnected: fully_connected,
    LeakyRelu: leaky_relu,
    MaxPool2D: max_pool,
    Mean: mean,
    Mul: mul,
    Pad: pad,
    Quantize: quantize,
    Requantize: requantize,
    Reshape: reshape,
    Softmax: softmax,
    Transpose: transpose,
}


def to_onnx(graph: Graph) -> bytes:
    """The ONNX file of a graph in imported form: the same bytes for the same graph.

    Opset 13; 14 or 20 where an activation function needs it, 21 for 16-bit activations and four-bit weights. Raises
    UnsupportedModel for a graph of integer ops, which ONNX has no standard spelling for.
    """
    findings = [f for n in graph.nodes if (f := _finding(n)) is not None]
    if findings:
        places = "".join(f"\n  {f.node} ({f.op}): {f.reason}" for f in findings[:10])
        raise UnsupportedModel(
            f"{graph.name} cannot be written as ONNX ({len(findings)} places):{places}\n{findings[0].remedy}", findings
        )
    writer = Writer(graph, _opset(graph), _wants_channels_first(graph))
    for node in graph.nodes:
        if isinstance(node.op, Dequantize) and constant_of(node.output, writer.producers) is not None:
            continue  # written, laid out, where it is read
        writer.doc = node.loc
        EMITTERS[type(node.op)](writer, node)
    writer.doc = ""
    writer.finish()
    model = make_model(writer, _version())
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def _finding(node: Node) -> Finding | None:
    """Why this node has no place in a QDQ file, if it has none."""
    op, name = node.op, type(node.op).__name__
    remedy = "Export the float model, or what quantisation made of it (form imported), not a compiled graph"
    if type(op) not in EMITTERS:
        return Finding(name, node.loc, "it is made when the graph is lowered and has no ONNX operator", remedy)
    if isinstance(op, Quantize | Requantize) and op.rounding != "even":
        return Finding(name, node.loc, "it rounds ties as TFLite does, ONNX to even", remedy)
    reals = all(v.type.dtype == "float32" for v in node.inputs)
    if not reals and not isinstance(op, _MOVES):
        return Finding(name, node.loc, "it computes on integers", remedy)
    return None


def _opset(graph: Graph) -> int:
    """The least operator set that has all types and ops of the graph."""
    wide = any(v.type.dtype == "int16" or isinstance(v.type.storage, FourBit) for v in graph.values())
    curves = [curve_opset(n.op) for n in graph.nodes if isinstance(n.op, Curve)]
    return max([INT4_OPSET if wide else OLDEST_OPSET, *curves])


def _wants_channels_first(graph: Graph) -> frozenset[Value]:
    """The values that some window reads, directly or through ops that do not care about the order of dimensions."""
    wants: set[Value] = set()
    for node in reversed(graph.nodes):
        if isinstance(node.op, _WINDOWED):
            wants.add(node.inputs[0])
        elif wants.intersection(node.outputs) and not isinstance(node.op, _KEEPS_ORDER):
            wants.update(v for v in node.inputs if len(v.type.shape) == 4)
    return frozenset(wants)


def _version() -> str:
    try:
        return version("smidgen")
    except PackageNotFoundError:
        return "not installed"
