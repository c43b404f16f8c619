# SPDX-License-Identifier: Apache-2.0
"""Merges chains of reshapes."""

from __future__ import annotations

from dataclasses import replace

from smidgen.ir import Graph, Node, Value
from smidgen.ops import Reshape


def merge_reshapes(graph: Graph) -> Graph:
    """Reshape(Reshape(x)) -> Reshape(x)."""
    sources: dict[Value, Value] = {}
    nodes: list[Node] = []
    for node in graph.nodes:
        if isinstance(node.op, Reshape):
            x = node.inputs[0]
            source = sources.get(x, x)
            sources[node.output] = source
            quant = node.output.type.quant
            op = node.op if quant == source.type.quant else replace(node.op, out_quant=quant)
            node = replace(node, op=op, inputs=(source,))
        nodes.append(node)
    return graph.with_nodes(tuple(nodes))
