# SPDX-License-Identifier: Apache-2.0
"""Which tensors of a float graph get which integers, given the precision of each layer: no numbers yet.

Tensors that must share a quantization form a *group*: what a mover (Reshape, Transpose, MaxPool, Pad, Crop) reads and
writes, a concatenation with the inputs that nothing else reads, and with ``tie_ranges`` an addition with its inputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from smidgen.errors import UsageError
from smidgen.ir import Array, DType, Graph, Node, Value
from smidgen.ops import (
    Add,
    AveragePool2D,
    Clamp,
    Concat,
    Conv2D,
    Crop,
    DepthwiseConv2D,
    FullyConnected,
    MaxPool2D,
    Mean,
    Mul,
    Pad,
    Reshape,
    Transpose,
)
from smidgen.quantize.recipe import FLOATS, Precision, Recipe

MOVERS = (Reshape, Transpose, MaxPool2D, Pad, Crop)
WEIGHTED = (Conv2D, DepthwiseConv2D, FullyConnected)
_SIXTEEN_BITS = (*WEIGHTED, Add, Mul, AveragePool2D, Mean, Clamp, Concat, *MOVERS)
_SAME_DTYPE = (Add, Mul, Concat)  # all operands have one element type
Kind = Literal["integer", "float"]


@dataclass(frozen=True, slots=True)
class Plan:
    """``group``: each float tensor's representative. ``dtype``: of groups that are quantised. ``kind``: by node index.

    ``precision``: of each layer with weights, by output name, as it will be (int4, float16 only where weights can).
    """

    group: Mapping[Value, Value]
    dtype: Mapping[Value, DType]
    kind: tuple[Kind, ...]
    precision: Mapping[str, Precision]

    def dtype_of(self, value: Value) -> DType | None:
        return self.dtype.get(self.group[value]) if value in self.group else None


def layers(graph: Graph) -> tuple[Node, ...]:
    """The layers that a recipe may give a precision each: those with constant weights, in order."""
    return tuple(n for n in graph.nodes if is_weighted(n))


def is_weighted(node: Node) -> bool:
    """A float layer with constant weights (and bias)."""
    if not isinstance(node.op, WEIGHTED) or node.output.type.dtype != "float32":
        return False
    return all(v.data is not None for v in node.inputs[1:])


def has_integer_form(node: Node) -> bool:
    """An op that integers can compute, with operands that can be integers."""
    op = node.op
    if any(v.type.dtype != "float32" for v in (*node.inputs, *node.outputs)) or len(node.outputs) != 1:
        return False
    if isinstance(op, WEIGHTED):
        return is_weighted(node)
    return isinstance(op, (Clamp, Concat, *MOVERS)) or hasattr(op, "out_quant")


def allows_int4(node: Node) -> bool:
    """Four-bit weights: dense layers and convolutions in one group."""
    return isinstance(node.op, FullyConnected) or (isinstance(node.op, Conv2D) and node.op.groups == 1)


def halved(node: Node) -> Array | None:
    """A layer's weights rounded to half precision, ties to even, as float32; None where that has no such value."""
    with np.errstate(over="ignore"):
        rounded: Array = node["w"].constant.astype(np.float16).astype(np.float32)
    return rounded if np.isfinite(rounded).all() else None


def fused_clamp(node: Node, users: Mapping[Value, list[Node]], outputs: tuple[Value, ...]) -> Node | None:
    """The Clamp that alone reads this node's result, which then needs no quantization of its own."""
    readers = users.get(node.output, [])
    alone = len(readers) == 1 and node.output not in outputs and not isinstance(node.op, (Clamp, Concat, *MOVERS))
    return readers[0] if alone and isinstance(readers[0].op, Clamp) else None


def check_precisions(graph: Graph, recipe: Recipe) -> None:
    """UsageError for a precision given to a layer that is none."""
    names = {n.output.name for n in graph.nodes}
    for name, precision in recipe.precisions.items():
        if name not in names:
            raise UsageError(f"the recipe gives {precision} to {name!r}, but {graph.name} computes no such tensor")


def make_plan(graph: Graph, recipe: Recipe) -> Plan:
    """The plan for a recipe's precisions."""
    check_precisions(graph, recipe)
    return _Planner(graph, recipe).run()


class _Planner:
    def __init__(self, graph: Graph, recipe: Recipe) -> None:
        self.graph, self.recipe = graph, recipe
        self.users = graph.users()
        self.parent: dict[Value, Value] = {}
        self.fused: dict[Node, Node] = {}
        self.wanted = [self._wanted(n) for n in graph.nodes]
        self.kind: list[Kind] = []

    def run(self) -> Plan:
        for node in self.graph.nodes:
            clamp = fused_clamp(node, self.users, self.graph.outputs)
            if clamp is not None:
                self.fused[clamp] = node
        for v in (*self.graph.inputs, *(o for n in self.graph.nodes for o in n.outputs)):
            if v.type.dtype == "float32":
                self.parent[v] = v
        for node in self.graph.nodes:
            self._tie(node)
        sixteen = self._sixteen()
        self._kinds(sixteen)
        quantised = self._quantised()
        dtype: dict[Value, DType] = {r: "int16" if r in sixteen else "int8" for r in quantised}
        precision = {n.output.name: self._precision(i, n) for i, n in enumerate(self.graph.nodes) if is_weighted(n)}
        return Plan({v: self._root(v) for v in self.parent}, dtype, tuple(self.kind), precision)

    def _root(self, v: Value) -> Value:
        while self.parent[v] is not v:
            v = self.parent[v]
        return v

    def _join(self, a: Value, b: Value) -> None:
        a, b = self._root(a), self._root(b)
        if a is not b:
            self.parent[b] = a

    def _tie(self, node: Node) -> None:
        if not has_integer_form(node):
            return
        computed = [v for v in node.inputs if v in self.parent]
        if isinstance(node.op, MOVERS):
            self._join(computed[0], node.output) if computed else None
        elif isinstance(node.op, Concat) or (isinstance(node.op, Add) and self.recipe.tie_ranges):
            for v in computed:
                if len(self.users[v]) == 1 and v not in self.graph.outputs:
                    self._join(v, self._point(node))

    def _point(self, node: Node) -> Value:
        """Where the result of a node is quantised: behind its clamp."""
        clamp = fused_clamp(node, self.users, self.graph.outputs)
        return node.output if clamp is None else clamp.output

    def _wanted(self, node: Node) -> Precision | None:
        """What the recipe says of this node; None where it follows its neighbours."""
        precisions = self.recipe.precisions
        names = [node.output.name] if len(node.outputs) == 1 else []
        clamp = fused_clamp(node, self.users, self.graph.outputs) if names else None
        names += [clamp.output.name] if clamp is not None else []
        for name in names:
            if name in precisions:
                return precisions[name]
        return self.recipe.precision if is_weighted(node) or self.recipe.precision in ("int16", *FLOATS) else None

    def _precision(self, index: int, node: Node) -> Precision:
        if self.kind[index] == "float":
            return "float16" if self.wanted[index] == "float16" and halved(node) is not None else "float"
        wanted = self.wanted[index] or "int8"
        return "int8" if wanted == "int4" and not allows_int4(node) else wanted

    def _touched(self, node: Node) -> list[Value]:
        """The groups that a node reads and writes."""
        values = [v for v in node.inputs if v in self.parent]
        return [self._root(v) for v in (*values, self._point(node))] if len(node.outputs) == 1 else []

    def _sixteen(self) -> set[Value]:
        """The groups with 16 bits: what int16 layers touch, and the other operands of their elementwise neighbours."""
        chosen: set[Value] = set()
        for node, wanted in zip(self.graph.nodes, self.wanted, strict=True):
            if wanted == "int16" and has_integer_form(node) and isinstance(node.op, _SIXTEEN_BITS):
                chosen.update(self._touched(node))
        while True:
            before = len(chosen)
            for node in self.graph.nodes:
                if isinstance(node.op, _SAME_DTYPE):
                    operands = {self._root(v) for v in node.inputs if v in self.parent}
                    chosen |= operands if operands & chosen else set()
            if len(chosen) == before:
                return chosen

    def _kinds(self, sixteen: set[Value]) -> None:
        """Integer or float for each node, in order: a node without precision of its own is float among floats."""
        real: dict[Value, bool] = {}
        for node, wanted in zip(self.graph.nodes, self.wanted, strict=True):
            curve = not isinstance(node.op, _SIXTEEN_BITS) and bool(sixteen.intersection(self._touched(node)))
            among_floats = False
            if wanted is None:
                computed = [v for v in node.inputs if v in self.parent]
                among_floats = bool(computed) and all(real.get(v, False) for v in computed)
            is_float = wanted in FLOATS or curve or among_floats or not has_integer_form(node)
            kind: Kind = "float" if is_float else "integer"
            self.kind.append(kind)
            real.update(dict.fromkeys(node.outputs, kind == "float"))
        indexes = {n: i for i, n in enumerate(self.graph.nodes)}
        for clamp, producer in self.fused.items():
            self.kind[indexes[clamp]] = self.kind[indexes[producer]]

    def _quantised(self) -> set[Value]:
        """The groups that some integer node, other than a mover, reads or writes."""
        chosen: set[Value] = set()
        for node, kind in zip(self.graph.nodes, self.kind, strict=True):
            if kind == "integer" and not isinstance(node.op, MOVERS) and node not in self.fused:
                chosen.update(self._touched(node))
        return chosen
