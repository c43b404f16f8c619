# SPDX-License-Identifier: Apache-2.0
"""Takes a transpose before a flattening into the weights of the dense layer behind it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from smidgen.ir import Graph, Node, Value
from smidgen.ir.names import Names
from smidgen.ir.types import storage_after
from smidgen.ops import Clamp, FullyConnected, LeakyRelu, Lookup, Requantize, Reshape, Transpose
from smidgen.transforms.pass_ import only_user

_ELEMENTWISE = (Clamp, LeakyRelu, Lookup, Requantize)


def permute_dense_weights(graph: Graph) -> Graph:
    """FullyConnected(Reshape(Transpose(x)), w) -> FullyConnected(Reshape(x), w's columns permuted), in integers.

    Elementwise ops may lie between. The reshape flattens all but the first dimension, which the transpose leaves.
    """
    names = Names(v.name for v in graph.values())
    for node in graph.nodes:
        integers = node.types[0].dtype in ("int8", "int16")
        if isinstance(node.op, FullyConnected) and integers and node["w"].data is not None:
            graph = _rewrite(graph, node, names)
    return graph


def _rewrite(graph: Graph, dense: Node, names: Names) -> Graph:
    producers, users = graph.producers(), graph.users()
    reshape = _producer(dense["x"], graph, producers, users)
    while reshape is not None and isinstance(reshape.op, _ELEMENTWISE):
        reshape = _producer(reshape.inputs[0], graph, producers, users)
    if reshape is None or not isinstance(reshape.op, Reshape):
        return graph
    transpose = producers.get(reshape.inputs[0])
    if transpose is None or not isinstance(transpose.op, Transpose) or not _flattens(reshape, transpose):
        return graph
    flat = replace(reshape, inputs=transpose.inputs, loc=f"{transpose.loc} + {reshape.loc}")
    fed = replace(dense, inputs=(dense["x"], _permuted(dense["w"], transpose, names), *dense.inputs[2:]))
    return graph.with_nodes(tuple({reshape: flat, dense: fed}.get(n, n) for n in graph.nodes))


def _producer(v: Value, graph: Graph, producers: dict[Value, Node], users: dict[Value, list[Node]]) -> Node | None:
    """What computes a value that nothing else reads."""
    return producers.get(v) if only_user(v, users, graph.outputs) is not None else None


def _flattens(reshape: Node, transpose: Node) -> bool:
    assert isinstance(transpose.op, Transpose)
    shape, flat = reshape.inputs[0].type.shape, reshape.output.type.shape
    return transpose.op.permutation[0] == 0 and len(flat) == 2 and flat[0] == shape[0]


def _permuted(w: Value, transpose: Node, names: Names) -> Value:
    """Columns in the order in which the transpose's input holds them; eight bits each if groups of four do not last."""
    assert isinstance(transpose.op, Transpose)
    shape = transpose.output.type.shape[1:]
    back = np.argsort(transpose.op.permutation)[1:] - 1
    columns = np.arange(int(np.prod(shape))).reshape(shape).transpose(back).ravel()
    data = np.array(w.constant[:, columns], order="C")
    return Value(names.fresh(w.name), replace(w.type, storage=storage_after(data, w.type.storage)), data)
