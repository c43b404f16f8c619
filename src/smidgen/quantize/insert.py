# SPDX-License-Identifier: Apache-2.0
"""Puts Quantize and Dequantize nodes into a float graph where a plan says, with the numbers it is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from smidgen.ir import Array, Graph, Half, Node, QuantParams, TensorType, Value
from smidgen.ir.names import Names
from smidgen.ops import DepthwiseConv2D, Dequantize, Pad, Quantize
from smidgen.quantize.plan import MOVERS, Plan, fused_clamp, halved, is_weighted
from smidgen.quantize.schemes import params
from smidgen.quantize.weights import Weights


@dataclass(frozen=True, slots=True)
class Numbers:
    """``activations`` by group; ``weights`` and real ``biases`` (None: without) by the layer's output name."""

    activations: Mapping[Value, QuantParams]
    weights: Mapping[str, Weights]
    biases: Mapping[str, Array | None]


def insert(graph: Graph, plan: Plan, numbers: Numbers) -> Graph:
    """The same float graph with its activations, weights and biases going through integers: imported form."""
    return _Inserter(graph, plan, numbers).run()


def quantized_constant(value: Value) -> tuple[Array, TensorType] | None:
    """A constant operand of an elementwise op as int8; None for a single number, which is exact as it is."""
    data = value.constant.astype(np.float64)
    if np.unique(data).size == 1:
        return None
    quant = params(min(float(data.min()), 0.0), max(float(data.max()), 0.0), "int8", "affine")
    steps = np.clip(np.rint(data / quant.scale[0]) + quant.zero_point[0], -128, 127).astype(np.int8)
    return steps, TensorType("int8", value.type.shape, quant)


class _Inserter:
    def __init__(self, graph: Graph, plan: Plan, numbers: Numbers) -> None:
        self.graph, self.plan, self.numbers = graph, plan, numbers
        self.names = Names(v.name for v in graph.values())
        self.users = graph.users()
        self.nodes: list[Node] = []
        self.mapping: dict[Value, Value] = {}
        self.halves: dict[Value, Value] = {}
        self.shared: dict[tuple[str, bytes, QuantParams], Value] = {}

    def run(self) -> Graph:
        for v in self.graph.inputs:
            self._around(v, v, f"input {v.name}")
        for node, kind in zip(self.graph.nodes, self.plan.kind, strict=True):
            self._node(node, kind == "integer")
        outputs = tuple(self.mapping.get(v, v) for v in self.graph.outputs)
        return replace(self.graph, outputs=outputs, nodes=tuple(self.nodes), numerics="onnx-qdq.v1")

    def _node(self, node: Node, integer: bool) -> None:
        if is_weighted(node) and integer:
            inputs = self._layer_operands(node)
        else:
            inputs = tuple(self._operand(v, integer) for v in node.inputs)
        if self.plan.precision.get(node.outputs[0].name) == "float16":
            inputs = (inputs[0], self._half(node), *inputs[2:])
        result = node.outputs
        if self._is_point(node):
            result = (Value(self.names.fresh(f"{node.output.name}_real"), node.output.type),)
        op = replace(node.op, rounding="even") if hasattr(node.op, "rounding") else node.op  # type: ignore[type-var]
        self.nodes.append(replace(node, op=op, inputs=inputs, outputs=result))
        if result is not node.outputs:
            self._around(node.output, result[0], node.loc)

    def _is_point(self, node: Node) -> bool:
        """True where the node's result is to be quantised: a quantised group, entered by no mover, without a clamp."""
        if len(node.outputs) != 1 or self.plan.dtype_of(node.output) is None:
            return False
        if isinstance(node.op, MOVERS):
            same = self.plan.dtype_of(node.inputs[0]) is not None and not isinstance(node.op, Pad)
            return not same
        return fused_clamp(node, self.users, self.graph.outputs) is None

    def _around(self, value: Value, real: Value, loc: str) -> None:
        """real -> Quantize -> Dequantize, read wherever ``value`` was."""
        dtype = self.plan.dtype_of(value)
        if dtype is None:
            return
        is_output, is_input = value in self.graph.outputs, real is value
        plain = value.name if not is_output and not is_input else f"{value.name}_quantized"
        quant = self.numbers.activations[self.plan.group[value]]
        shape = value.type.shape
        stored = Value(plain if plain == value.name else self.names.fresh(plain), TensorType(dtype, shape, quant))
        name = value.name if is_output and not is_input else self.names.fresh(f"{value.name}_dequantized")
        back = Value(name, TensorType("float32", shape))
        self.nodes.append(Node(Quantize(quant, dtype, "even"), (real,), (stored,), loc))
        self.nodes.append(Node(Dequantize(), (stored,), (back,), loc))
        self.mapping[value] = back

    def _operand(self, value: Value, integer: bool) -> Value:
        """What a node reads: the dequantized tensor, a quantised constant, or what there is."""
        if value.data is None or not integer or value.type.dtype != "float32":
            return self.mapping.get(value, value)
        kept = quantized_constant(value)
        return value if kept is None else self._constant(value.name, *kept)

    def _half(self, node: Node) -> Value:
        """The layer's weights in half precision."""
        w, weights = node["w"], halved(node)
        assert weights is not None, "planned so"
        if w not in self.halves:
            t = replace(w.type, storage=Half())
            self.halves[w] = Value(self.names.fresh(f"{w.name}_half"), t, weights)
        return self.halves[w]

    def _layer_operands(self, node: Node) -> tuple[Value, ...]:
        x, w = self._operand(node.inputs[0], True), node["w"]
        kept = self.numbers.weights[node.output.name]
        axis = 2 if isinstance(node.op, DepthwiseConv2D) else 0
        quant = QuantParams(kept.scale, (0,) * len(kept.scale), axis if len(kept.scale) > 1 else None)
        if len(kept.scale) == 1 and kept.per_channel:
            quant = replace(quant, axis=axis)
        weights = self._constant(w.name, kept.data, TensorType("int8", w.type.shape, quant, kept.storage))
        bias = self.numbers.biases[node.output.name]
        if bias is None:
            return x, weights
        scale = self.numbers.activations[self.plan.group[node.inputs[0]]].scale[0]
        steps = tuple(float(np.float32(scale * s)) for s in kept.scale)
        data = np.rint(bias / (scale * np.array(kept.scale))).astype(np.int32)
        b = node.get("b")
        name = b.name if b is not None else f"{node.output.name}_bias"
        quant = QuantParams(steps, (0,) * len(steps), 0 if quant.axis is not None else None)
        return x, weights, self._constant(name, data, TensorType("int32", data.shape, quant))

    def _constant(self, name: str, data: Array, t: TensorType) -> Value:
        """The Dequantize of an integer constant; equal ones are kept once."""
        assert t.quant is not None
        key = (str(t), data.tobytes(), t.quant)
        if key not in self.shared:
            constant = Value(self.names.fresh(f"{name}_quantized"), t, np.ascontiguousarray(data))
            self.shared[key] = Value(self.names.fresh(f"{name}_dequantized"), TensorType("float32", t.shape))
            self.nodes.append(Node(Dequantize(), (constant,), (self.shared[key],), f"constant {name}"))
        return self.shared[key]
