# SPDX-License-Identifier: Apache-2.0
"""Computes at compile time what depends on constants only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from smidgen.ir import Graph, Node, Value

_MOST_BYTES = 16 << 20  # of one result: above any microcontroller's flash, below what a hostile file could ask for


def fold_constants(graph: Graph) -> Graph:
    """y = f(c), c constant -> y constant."""
    return _fold(graph, lambda _: True)


def fold_real_constants(graph: Graph) -> Graph:
    """y = f(c), c constant, both float32 -> y constant: what is quantised stays behind its Dequantize."""
    return _fold(graph, lambda node: {v.type.dtype for v in (*node.inputs, *node.outputs)} == {"float32"})


def _fold(graph: Graph, may: Callable[[Node], bool]) -> Graph:
    made: dict[Value, Value] = {}
    kept: list[Node] = []
    for node in graph.nodes:
        inputs = tuple(made.get(v, v) for v in node.inputs)
        constant = bool(inputs) and all(v.data is not None for v in inputs) and may(node)
        if constant and sum(v.type.nbytes for v in node.outputs) <= _MOST_BYTES:
            arrays = node.op.evaluate(node.types, [v.constant for v in inputs])
            made.update({v: Value(v.name, v.type, a.copy()) for v, a in zip(node.outputs, arrays, strict=True)})
        else:
            kept.append(replace(node, inputs=inputs))
    return replace(graph, nodes=tuple(kept), outputs=tuple(made.get(v, v) for v in graph.outputs))
