# SPDX-License-Identifier: Apache-2.0
"""What a user should know about a model that compiles: what was left out, and what computes in floats."""

from __future__ import annotations

from smidgen.ir import Graph, Node
from smidgen.ops import Dequantize, Quantize

_SHOWN = 3


def model_notes(graph: Graph) -> tuple[str, ...]:
    """Sentences about a lowered graph: the importer's, and one if layers of a quantised model stay in float32."""
    real = [n for n in graph.nodes if _computes_in_float(n)]
    total = sum(not n.op.view for n in graph.nodes)
    if not real:
        return graph.notes
    if len(real) == total:
        return (*graph.notes, "the model is float32: smidgen quantize makes integers of it, smaller and faster")
    names = ", ".join(n.output.name for n in real[:_SHOWN]) + (", ..." if len(real) > _SHOWN else "")
    verb = "computes" if len(real) == 1 else "compute"
    return (*graph.notes, f"{len(real)} of {total} steps {verb} in float32, as nothing quantises them: {names}")


def _computes_in_float(node: Node) -> bool:
    moves = isinstance(node.op, Quantize | Dequantize) or node.op.view
    return not moves and any(v.type.dtype == "float32" for v in node.outputs)
