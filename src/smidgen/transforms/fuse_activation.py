# SPDX-License-Identifier: Apache-2.0
"""Folds a clamp into the op that feeds it, where both speak the same steps."""

from __future__ import annotations

from dataclasses import replace

from smidgen.ir import Graph, Node, Op, Value
from smidgen.ops import (
    Add,
    AveragePool2D,
    Clamp,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    MaxPool2D,
    Mean,
    Mul,
    Requantize,
)
from smidgen.transforms.pass_ import only_user

_CLAMPING = (Add, AveragePool2D, Conv2D, DepthwiseConv2D, FullyConnected, MaxPool2D, Mean, Mul, Requantize)


def fuse_activation(graph: Graph) -> Graph:
    """y = Clamp(f(x)) -> y = f(x) with the tighter clamp, when f clamps, only y reads it and the scale is the same."""
    users = graph.users()
    merged: dict[Node, Node] = {}
    gone: set[Node] = set()
    for node in graph.nodes:
        producer = merged.get(node, node)
        clamp = only_user(producer.output, users, graph.outputs) if isinstance(producer.op, _CLAMPING) else None
        if clamp is not None and isinstance(clamp.op, Clamp) and clamp.output.type == producer.output.type:
            gone.add(node)
            merged[clamp] = _merge(producer, clamp)
    return graph.with_nodes(tuple(merged.get(n, n) for n in graph.nodes if n not in gone))


def _merge(producer: Node, clamp: Node) -> Node:
    op, bounds = producer.op, clamp.op
    assert isinstance(op, _CLAMPING)
    assert isinstance(bounds, Clamp)
    least, most = bounds.clamp
    lo, hi = (min(max(bound, least), most) for bound in op.clamp)
    fused: Op = replace(op, clamp=(lo, hi))
    outputs: tuple[Value, ...] = clamp.outputs
    return replace(producer, op=fused, outputs=outputs, loc=f"{producer.loc} + {clamp.loc}")
