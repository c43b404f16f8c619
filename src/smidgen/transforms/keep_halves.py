# SPDX-License-Identifier: Apache-2.0
"""Keeps float32 weights that half precision holds exactly in half the flash."""

from __future__ import annotations

from dataclasses import replace

from smidgen.ir import Graph, Half, Node, Value, in_half_precision
from smidgen.ir.names import Names
from smidgen.ops import Conv2D, DepthwiseConv2D, FullyConnected

_LAYERS = (Conv2D, DepthwiseConv2D, FullyConnected)


def keep_halves(graph: Graph) -> Graph:
    """w: float32[...], every value finite and a float16 value -> the same w, kept in 16 bits.

    Weights come so from models that were converted to float16, and from layers quantised to it. What a layer computes
    with is not changed, so it does not matter how they came by their values.
    """
    kept: dict[Value, Value] = {}
    names = Names(v.name for v in graph.values())
    others = {v for n in graph.nodes for i, v in enumerate(n.inputs) if i != 1 or not isinstance(n.op, _LAYERS)}

    def visit(node: Node) -> Node:
        if not isinstance(node.op, _LAYERS):
            return node
        w = node["w"]
        if w.data is None or w.type.dtype != "float32" or any(v.data is None for v in node.inputs[1:]):
            return node
        if w not in kept:
            same = w.type.storage is not None or in_half_precision(w.data) is None
            name = names.fresh(w.name) if w in others else w.name
            kept[w] = w if same else Value(name, replace(w.type, storage=Half()), w.data)
        return replace(node, inputs=tuple(kept[w] if v is w else v for v in node.inputs))

    return graph.with_nodes(tuple(visit(n) for n in graph.nodes))
