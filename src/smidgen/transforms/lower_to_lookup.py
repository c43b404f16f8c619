# SPDX-License-Identifier: Apache-2.0
"""Turns every elementwise function of one byte into a 256-entry table, made by evaluating it on every byte."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from smidgen.errors import InvalidGraph
from smidgen.ir import Graph, Node, TensorType, Value
from smidgen.ir.names import Names
from smidgen.ops import ByteOp, Lookup


def lower_to_lookup(graph: Graph) -> Graph:
    """y = f(x), f a ByteOp, x of bytes -> y = Lookup(x, table)."""
    names = Names(v.name for v in graph.values())
    return graph.with_nodes(tuple(_lower(n, names) if _of_bytes(n) else n for n in graph.nodes))


def _of_bytes(node: Node) -> bool:
    return isinstance(node.op, ByteOp) and node.inputs[0].type.dtype in ("int8", "uint8")


def _lower(node: Node, names: Names) -> Node:
    (x,), y = node.inputs, node.output
    every_byte = np.arange(256, dtype=np.uint8).view(x.type.dtype)
    (table,) = node.op.evaluate([replace(x.type, shape=(256,))], [every_byte])
    if y.type.quant is None:
        raise InvalidGraph(f"{node.loc}: {y.name} carries no quantization")
    operand = Value(names.fresh(f"{y.name}_table"), TensorType(y.type.dtype, (256,)), table)
    return Node(Lookup(y.type.quant, y.type.dtype), (x, operand), (y,), node.loc)
