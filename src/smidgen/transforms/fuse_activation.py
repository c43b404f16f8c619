# SPDX-License-Identifier: Apache-2.0
"""Folds a clamp into the op that feeds it, where both speak the same steps."""

from __future__ import annotations

from dataclasses import replace

from smidgen.ir import Graph, Node, Op, Value
from smidgen.ir.names import Names
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
from smidgen.transforms.islands import is_quantized
from smidgen.transforms.pass_ import only_user

_Clamping = Add | AveragePool2D | Conv2D | DepthwiseConv2D | FullyConnected | MaxPool2D | Mean | Mul | Requantize
_CLAMPING = (Add, AveragePool2D, Conv2D, DepthwiseConv2D, FullyConnected, MaxPool2D, Mean, Mul, Requantize)
_CLAMPING_REALS = (Add, AveragePool2D, Clamp, Conv2D, DepthwiseConv2D, FullyConnected, Mean, Mul)


def fuse_activation(graph: Graph) -> Graph:
    """y = Clamp(f(x)) -> y = f(x) with the tighter clamp, when f clamps, only y reads it and the scale is the same."""
    return _fuse(graph, _CLAMPING)


def fuse_real_activation(graph: Graph) -> Graph:
    """y = Clamp(f(x)) -> y = f(x) with a clamp of reals; Clamp(MaxPool2D(x)) -> MaxPool2D(Clamp(x)) before that.

    MaxPool2D itself takes none: integerize moves it across Quantize, where a clamp of reals means nothing.
    """
    return graph if is_quantized(graph) else _fuse(_lift_clamps(graph), _CLAMPING_REALS)


def _lift_clamps(graph: Graph) -> Graph:
    names = Names(v.name for v in graph.values())
    while True:
        users = graph.users()
        pairs = ((n, only_user(n.output, users, graph.outputs)) for n in graph.nodes if isinstance(n.op, MaxPool2D))
        found = [(pool, c) for pool, c in pairs if c is not None and isinstance(c.op, Clamp)]
        if not found:
            return graph
        replaced: dict[Node, tuple[Node, ...]] = {}
        for pool, clamp in found:
            x = pool.inputs[0]
            clamped = Value(names.fresh(clamp.output.name), x.type)
            first = replace(clamp, inputs=(x,), outputs=(clamped,))
            replaced[pool] = (first, replace(pool, inputs=(clamped,), outputs=clamp.outputs))
            replaced[clamp] = ()
        graph = graph.with_nodes(tuple(m for n in graph.nodes for m in replaced.get(n, (n,))))


def _fuse(graph: Graph, clamping: tuple[type[Op], ...]) -> Graph:
    users = graph.users()
    merged: dict[Node, Node] = {}
    gone: set[Node] = set()
    for node in graph.nodes:
        producer = merged.get(node, node)
        clamp = only_user(producer.output, users, graph.outputs) if isinstance(producer.op, clamping) else None
        if clamp is not None and isinstance(clamp.op, Clamp) and clamp.output.type == producer.output.type:
            gone.add(node)
            merged[clamp] = _merge(producer, clamp)
    return graph.with_nodes(tuple(merged.get(n, n) for n in graph.nodes if n not in gone))


def _merge(producer: Node, clamp: Node) -> Node:
    op, bounds = producer.op, clamp.op
    assert isinstance(op, Clamp | _Clamping)
    assert isinstance(bounds, Clamp)
    least, most = bounds.clamp
    lo, hi = (min(max(bound, least), most) for bound in op.clamp)
    fused: Op = replace(op, clamp=(lo, hi))
    outputs: tuple[Value, ...] = clamp.outputs
    return replace(producer, op=fused, outputs=outputs, loc=f"{producer.loc} + {clamp.loc}")
