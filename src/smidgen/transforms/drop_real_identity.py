# SPDX-License-Identifier: Apache-2.0
"""Removes float ops that change nothing, and products with ones that only broadcast."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from smidgen.ir import Graph, Node, Value
from smidgen.ops import Add, AveragePool2D, Clamp, MaxPool2D, Mean, Mul
from smidgen.ops.arithmetic import NO_CLAMP
from smidgen.ops.elementwise import broadcast_shape
from smidgen.transforms.islands import is_quantized


def drop_real_identity(graph: Graph) -> Graph:
    """x * 1, x + 0, a clamp without bounds, a 1x1 pool -> x; f(x * ones, y) -> f(x, y) where f broadcasts as well."""
    if is_quantized(graph):
        return graph
    mapping: dict[Value, Value] = {}
    spread: dict[Value, Value] = {}
    kept: list[Node] = []
    for node in graph.nodes:
        node = replace(node, inputs=tuple(mapping.get(v, v) for v in node.inputs))
        if isinstance(node.op, Add | Mul):
            node = _unspread(node, spread)
        x = _neutral(node)
        if x is not None and x.type == node.output.type and not (node.output in graph.outputs and x in graph.inputs):
            mapping[node.output] = x
            continue
        if x is not None:
            spread[node.output] = x
        kept.append(node)
    return graph.with_nodes(tuple(kept)).substitute(mapping)


def _unspread(node: Node, spread: dict[Value, Value]) -> Node:
    """Without the products with ones before it, if its own broadcasting does the same."""
    inputs = tuple(spread.get(v, v) for v in node.inputs)
    same = all(len(a.type.shape) == len(b.type.shape) for a, b in zip(inputs, node.inputs, strict=True))
    if same and broadcast_shape([v.type for v in inputs]) == node.output.type.shape:
        return replace(node, inputs=inputs)
    return node


def _neutral(node: Node) -> Value | None:
    """The operand that the result equals, broadcast perhaps."""
    op = node.op
    if node.output.type.dtype != "float32" or getattr(op, "clamp", NO_CLAMP) != NO_CLAMP:
        return None
    if isinstance(op, Add | Mul):
        return _beside_neutral_constant(node)
    if isinstance(op, Clamp):
        return node.inputs[0]
    if isinstance(op, AveragePool2D | MaxPool2D):
        return node.inputs[0] if (op.kernel, op.stride, any(op.padding)) == ((1, 1), (1, 1), False) else None
    return node.inputs[0] if isinstance(op, Mean) and op.count(node.inputs[0].type) == 1 else None


def _beside_neutral_constant(node: Node) -> Value | None:
    neutral = 1.0 if isinstance(node.op, Mul) else 0.0
    for i in (0, 1):
        x, constant = node.inputs[i], node.inputs[1 - i]
        positive = not isinstance(node.op, Add) or node.op.signs[i] == 1
        if constant.data is not None and x.data is None and positive and np.all(constant.data == neutral):
            return x
    return None
