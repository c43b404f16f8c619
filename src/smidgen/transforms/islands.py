# SPDX-License-Identifier: Apache-2.0
"""Whether a graph is one of floats, free to be rewritten, or quantised already."""

from __future__ import annotations

from smidgen.ir import Graph
from smidgen.ops import Dequantize, Quantize


def is_quantized(graph: Graph) -> bool:
    """True with a Quantize or Dequantize anywhere: integerize reads such graphs as they are written."""
    return any(isinstance(n.op, Quantize | Dequantize) for n in graph.nodes)
