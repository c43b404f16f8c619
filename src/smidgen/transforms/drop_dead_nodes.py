# SPDX-License-Identifier: Apache-2.0
"""Removes nodes whose outputs nobody reads."""

from __future__ import annotations

from smidgen.ir import Graph, Node


def drop_dead_nodes(graph: Graph) -> Graph:
    """y = f(x), y unused -> nothing."""
    live = set(graph.outputs)
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if live.intersection(node.outputs):
            live.update(node.inputs)
            kept.append(node)
    return graph.with_nodes(tuple(reversed(kept)))
