# SPDX-License-Identifier: Apache-2.0
"""Makes the addition of a constant channel vector the bias of the layer before it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from smidgen.ir import Graph, Node, TensorType, Value
from smidgen.ir.names import Names
from smidgen.ops import Add, Conv2D, DepthwiseConv2D, Dequantize, FullyConnected
from smidgen.ops.arithmetic import NO_CLAMP
from smidgen.transforms.pass_ import only_user

_BIASED = (Conv2D, DepthwiseConv2D, FullyConnected)


def fuse_bias(graph: Graph) -> Graph:
    """Add(f(x, w), constant[..., channels]) -> f(x, w, constant), float f without a bias, read by nothing else."""
    users, producers = graph.users(), graph.producers()
    names = Names(v.name for v in graph.values())
    replaced: dict[Node, list[Node]] = {}
    for layer in graph.nodes:
        if not isinstance(layer.op, _BIASED) or len(layer.inputs) != 2 or layer.op.clamp != NO_CLAMP:
            continue
        add = only_user(layer.output, users, graph.outputs)
        if add is None or layer.output.type.dtype != "float32":
            continue
        bias = _bias_operand(add, layer, producers)
        if bias is not None:
            replaced[layer] = []
            replaced[add] = _fuse(layer, add, bias, producers, names)
    return graph.with_nodes(tuple(m for n in graph.nodes for m in replaced.get(n, [n])))


def _bias_operand(add: Node, layer: Node, producers: dict[Value, Node]) -> Value | None:
    """The other operand of the addition, if it is a constant (or a dequantized one) along the channels."""
    if not isinstance(add.op, Add) or add.op.signs != (1, 1) or add.inputs[0] is add.inputs[1]:
        return None
    (other,) = (v for v in add.inputs if v is not layer.output)
    channels = layer.output.type.shape[-1]
    producer = producers.get(other)
    constant = producer.inputs[0] if producer is not None and isinstance(producer.op, Dequantize) else other
    fits = other.type.elements == channels and other.type.shape[-1:] == (channels,)
    return other if constant.data is not None and fits and add.output.type.shape == layer.output.type.shape else None


def _fuse(layer: Node, add: Node, bias: Value, producers: dict[Value, Node], names: Names) -> list[Node]:
    nodes: list[Node] = []
    clamp = getattr(add.op, "clamp", NO_CLAMP)
    if bias.data is not None:
        vector = _as_vector(bias, names)
    else:
        producer = producers[bias]
        constant = _as_vector(producer.inputs[0], names)
        (t,) = producer.op.infer([constant.type])
        vector = Value(names.fresh(bias.name), t)
        nodes.append(Node(producer.op, (constant,), (vector,), producer.loc))
    assert isinstance(layer.op, _BIASED)
    op = replace(layer.op, clamp=clamp)
    nodes.append(Node(op, (*layer.inputs, vector), add.outputs, f"{layer.loc} + {add.loc}"))
    return nodes


def _as_vector(value: Value, names: Names) -> Value:
    """The constant as one dimension; scales per axis can only lie on it."""
    quant = value.type.quant
    if quant is not None and quant.axis is not None:
        quant = replace(quant, axis=0)
    data = np.array(value.constant.reshape(-1))
    return Value(names.fresh(value.name), TensorType(value.type.dtype, data.shape, quant), data)
