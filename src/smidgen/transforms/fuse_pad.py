# SPDX-License-Identifier: Apache-2.0
"""Folds constant padding into the convolution or float pool that reads it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from smidgen.ir import Graph, Node, Op, Value
from smidgen.ops import AveragePool2D, Conv2D, DepthwiseConv2D, MaxPool2D, Pad
from smidgen.ops.conv import MOST_PADDING
from smidgen.transforms.islands import is_quantized

_Padding = AveragePool2D | Conv2D | DepthwiseConv2D | MaxPool2D


def fuse_pad(graph: Graph) -> Graph:
    """y = conv(Pad(x, zero point)) -> y = conv(x) with that padding added, if it touches only rows and columns.

    In floats also an average pool that counts the padding, and a max pool of padding below all numbers.
    """
    producers, users = graph.producers(), graph.users()
    merged: dict[Node, Node] = {}
    for node in graph.nodes:
        pad = producers.get(node.inputs[0]) if isinstance(node.op, _Padding) else None
        if pad is not None and _fusible(pad, node) and max(_padding(node, pad)) <= MOST_PADDING:
            merged[node] = _merge(node, pad)
    nodes = tuple(merged.get(n, n) for n in graph.nodes)
    gone = {n for n in graph.nodes if isinstance(n.op, Pad) and _unused(n.output, users, merged, graph)}
    return graph.with_nodes(tuple(n for n in nodes if n not in gone))


def fuse_real_pad(graph: Graph) -> Graph:
    """The same, in a graph of floats."""
    return graph if is_quantized(graph) else fuse_pad(graph)


def _unused(value: Value, users: dict[Value, list[Node]], merged: dict[Node, Node], graph: Graph) -> bool:
    return value not in graph.outputs and all(u in merged for u in users.get(value, []))


def _fusible(pad: Node, node: Node) -> bool:
    op, x = pad.op, pad.inputs[0]
    if not isinstance(op, Pad) or len(op.before) != 4 or op.before[0] or op.before[3] or op.after[0] or op.after[3]:
        return False
    if isinstance(node.op, AveragePool2D | MaxPool2D):
        return x.type.dtype == "float32" and _fits_pool(op, node.op)
    return op.value == (0 if x.type.dtype == "float32" else x.type.zero_point) and _harmless(node)


def _harmless(layer: Node) -> bool:
    """Zeros that the padding adds change no sum: true of integers, and of finite float32 weights."""
    w = layer["w"]
    return w.type.dtype != "float32" or (w.data is not None and bool(np.isfinite(w.data).all()))


def _fits_pool(pad: Pad, pool: AveragePool2D | MaxPool2D) -> bool:
    if any(pool.padding) or any(max(pad.before[i], pad.after[i]) >= pool.kernel[i - 1] for i in (1, 2)):
        return False
    return pad.value == 0 if isinstance(pool, AveragePool2D) else pad.value <= float(np.finfo(np.float32).min)


def _padding(node: Node, pad: Node) -> tuple[int, int, int, int]:
    op, p = node.op, pad.op
    assert isinstance(op, _Padding)
    assert isinstance(p, Pad)
    t, left, b, r = op.padding
    return t + p.before[1], left + p.before[2], b + p.after[1], r + p.after[2]


def _merge(node: Node, pad: Node) -> Node:
    op = node.op
    assert isinstance(op, _Padding)
    inputs = (pad.inputs[0], *node.inputs[1:])
    padded: Op = replace(op, padding=_padding(node, pad))
    if isinstance(padded, AveragePool2D):
        padded = replace(padded, count_include_pad=True)
    return replace(node, op=padded, inputs=inputs, loc=f"{pad.loc} + {node.loc}")
