# SPDX-License-Identifier: Apache-2.0
"""Moves the transposes that are left towards the inputs, where they end or meet their inverses."""

from __future__ import annotations

from dataclasses import replace

from smidgen.ir import Graph, Node, Value
from smidgen.ir.names import Names
from smidgen.ops import Add, Clamp, Concat, Crop, Curve, LeakyRelu, Mul, Pad, Transpose
from smidgen.transforms.permutations import Permutation, inverse, keeps_order
from smidgen.transforms.sink_transposes import data_operands, mover, renamed, transposed_constant

_ELEMENTWISE = (Add, Clamp, Concat, Crop, Curve, LeakyRelu, Mul, Pad)


def hoist_transposes(graph: Graph) -> Graph:
    """Transpose(f(x)) -> f'(Transpose(x)), f elementwise on reals and read by nothing else, up to the graph's inputs.

    Only where each transpose that this makes is one of a graph input or of a constant, or meets its inverse.
    """
    return _Hoist(graph).run()


class _Hoist:
    def __init__(self, graph: Graph) -> None:
        self.graph, self.users, self.producers = graph, graph.users(), graph.producers()
        self.names = Names(v.name for v in graph.values())
        self.made: dict[tuple[Value, Permutation], Value] = {}
        self.new: list[Node] = []

    def run(self) -> Graph:
        mapping: dict[Value, Value] = {}
        nodes: list[Node] = []
        for node in self.graph.nodes:
            kept = node
            if isinstance(node.op, Transpose) and node.output not in self.graph.outputs:
                x, permutation = node.inputs[0], node.op.permutation
                if x in self.producers and self._ends(x, permutation, 0) and not self._is_turned_back(x, permutation):
                    mapping[node.output] = self._transposed(x, permutation)
                    nodes += self.new
                    self.new = []
                    continue
            nodes.append(kept)
        return self.graph.with_nodes(tuple(nodes)).substitute(mapping)

    def _is_turned_back(self, x: Value, permutation: Permutation) -> bool:
        """A transpose right behind another one is left to the sinking pass."""
        return isinstance(self.producers[x].op, Transpose)

    def _ends(self, value: Value, permutation: Permutation, depth: int) -> bool:
        """True if all transposes that replace the one of this value end at inputs, constants or inverses."""
        if value.data is not None or value in self.graph.inputs:
            return len(value.type.shape) == len(permutation)
        node = self.producers.get(value)
        if node is None or depth > 64:
            return False
        if isinstance(node.op, Transpose):
            total = tuple(node.op.permutation[p] for p in permutation)
            return keeps_order(node.inputs[0].type.shape, total)
        if keeps_order(value.type.shape, permutation):
            return True
        if not isinstance(node.op, _ELEMENTWISE) or value.type.dtype != "float32" or not self._only_so(value, node):
            return False
        operands = data_operands(node)
        return renamed(node, inverse(permutation)) is not None and all(
            self._ends(v, permutation, depth + 1) for v in operands
        )

    def _only_so(self, value: Value, node: Node) -> bool:
        """Nothing but one further op reads the value, or transposes that are all the same."""
        readers = self.users.get(value, [])
        same = {r.op.permutation if isinstance(r.op, Transpose) else None for r in readers}
        return value not in self.graph.outputs and (len(readers) == 1 or (len(same) == 1 and None not in same))

    def _transposed(self, value: Value, permutation: Permutation) -> Value:
        """The value with its dimensions permuted."""
        key = value, permutation
        if key not in self.made:
            self.made[key] = self._make(value, permutation)
        return self.made[key]

    def _make(self, value: Value, permutation: Permutation) -> Value:
        if value.data is not None:
            return transposed_constant(value, permutation, self.names)
        node = self.producers.get(value)
        if node is not None and isinstance(node.op, Transpose):
            return self._move(node.inputs[0], tuple(node.op.permutation[p] for p in permutation), node.loc)
        if node is None or keeps_order(value.type.shape, permutation):
            return self._move(value, permutation, f"input {value.name}" if node is None else node.loc)
        op = renamed(node, inverse(permutation))
        assert op is not None
        inputs = tuple(self._transposed(v, permutation) for v in node.inputs)
        out = Value(self.names.fresh(value.name), op.infer([v.type for v in inputs])[0])
        self.new.append(replace(node, op=op, inputs=inputs, outputs=(out,)))
        return out

    def _move(self, value: Value, permutation: Permutation, loc: str) -> Value:
        if permutation == tuple(range(len(permutation))):
            return value
        op = mover(value, permutation)
        out = Value(self.names.fresh(f"{value.name}_moved"), op.infer([value.type])[0])
        self.new.append(Node(op, (value,), (out,), loc))
        return out
