# SPDX-License-Identifier: Apache-2.0
"""Removes ops that return their input unchanged."""

from __future__ import annotations

import numpy as np

from smidgen.ir import Graph, Node, Value
from smidgen.ops import Clamp, Concat, Crop, Pad, Requantize, Reshape, Transpose
from smidgen.ops.arithmetic import NO_CLAMP


def drop_identity(graph: Graph) -> Graph:
    """y = f(x), f(x) == x of the same type -> uses of y read x. A graph output that is also an input keeps its node."""
    mapping: dict[Value, Value] = {}
    kept: list[Node] = []
    for node in graph.nodes:
        x = node.inputs[0] if node.inputs else None
        if x is not None and _is_identity(node) and not (node.output in graph.outputs and x in graph.inputs):
            mapping[node.output] = x
        else:
            kept.append(node)
    return graph.with_nodes(tuple(kept)).substitute(mapping)


def _is_identity(node: Node) -> bool:
    x, y, op = node.inputs[0], node.output, node.op
    if x.type != y.type or x.data is not None:
        return False
    if isinstance(op, Crop | Reshape) or (isinstance(op, Concat) and len(node.inputs) == 1):
        return True
    if isinstance(op, Transpose):
        return op.permutation == tuple(range(len(op.permutation)))
    if isinstance(op, Pad):
        return not any((*op.before, *op.after))
    if isinstance(op, Clamp | Requantize) and x.type.dtype in ("int8", "uint8"):
        every_byte = np.arange(256, dtype=np.uint8).view(x.type.dtype)
        return bool(np.array_equal(op.evaluate([x.type], [every_byte])[0], every_byte))
    if isinstance(op, Clamp):
        return op.clamp == NO_CLAMP
    return False
