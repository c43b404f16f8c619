# SPDX-License-Identifier: Apache-2.0
"""Notes how much work the model is on paper, before other passes remove what need not be done."""

from __future__ import annotations

from dataclasses import replace

from smidgen.ir import Graph


def note_macs(graph: Graph) -> Graph:
    """Nodes and graph get their present MACs as ``imported_macs``, where these are not noted yet."""
    nodes = tuple(replace(n, imported_macs=n.nominal_macs) if n.macs else n for n in graph.nodes)
    return replace(graph, nodes=nodes, imported_macs=graph.nominal_macs)
