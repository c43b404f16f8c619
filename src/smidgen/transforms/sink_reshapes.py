# SPDX-License-Identifier: Apache-2.0
"""Moves reshapes of reals behind elementwise ops, where they merge with the next reshape."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from smidgen.ir import Graph, Node, TensorType, Value
from smidgen.ir.names import Names
from smidgen.ops import Add, Clamp, Concat, Curve, LeakyRelu, Mul, Reshape

_UNARY = (Clamp, Curve, LeakyRelu)


def sink_reshapes(graph: Graph) -> Graph:
    """f(Reshape(x)) -> Reshape(f(x)), f elementwise on reals; constants may vary along the last dimension."""
    return _Sweep(graph).run()


class _Sweep:
    """One walk over the nodes; a reshape is held back until something needs its result."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.names = Names(v.name for v in graph.values())
        self.nodes: list[Node] = []
        self.held: dict[Value, tuple[Value, str]] = {}

    def run(self) -> Graph:
        for node in self.graph.nodes:
            x = node.inputs[0] if node.inputs else None
            if x is not None and isinstance(node.op, Reshape) and x.type.dtype == "float32" and x.data is None:
                base, loc = self.held.get(x, (x, node.loc))
                self.held[node.output] = base, loc
                if node.output in self.graph.outputs:
                    self._write(node.output)
            elif not self._sink(node):
                for v in dict.fromkeys(node.inputs):
                    self._write(v)
                self.nodes.append(node)
        return self.graph.with_nodes(tuple(self.nodes))

    def _write(self, value: Value) -> None:
        """Emit the reshape that was held back."""
        if value in self.held:
            base, loc = self.held.pop(value)
            self.nodes.append(Node(Reshape(value.type.shape), (base,), (value,), loc))

    def _sink(self, node: Node) -> bool:
        if node.output.type.dtype != "float32":
            return False
        if isinstance(node.op, _UNARY):
            inputs = self._unary(node)
        elif isinstance(node.op, Add | Mul):
            inputs = self._binary(node)
        elif isinstance(node.op, Concat):
            return self._concat(node)
        else:
            return False
        if inputs is None:
            return False
        self._emit(node, inputs)
        return True

    def _emit(self, node: Node, inputs: tuple[Value, ...]) -> None:
        (t,) = node.op.infer([v.type for v in inputs])
        out = Value(self.names.fresh(node.output.name), t)
        self.nodes.append(replace(node, inputs=inputs, outputs=(out,)))
        self.held[node.output] = out, node.loc
        if node.output in self.graph.outputs:
            self._write(node.output)

    def _base(self, value: Value) -> Value | None:
        return self.held[value][0] if value in self.held else None

    def _unary(self, node: Node) -> tuple[Value, ...] | None:
        base = self._base(node.inputs[0])
        return None if base is None else (base,)

    def _binary(self, node: Node) -> tuple[Value, ...] | None:
        bases = [self._base(v) for v in node.inputs]
        known = [b for b in bases if b is not None]
        if not known or any(v.data is None and v.type.shape != node.output.type.shape for v in node.inputs):
            return None
        first = known[0]
        operands = [
            self._constant(v, first) if v.data is not None else b for v, b in zip(node.inputs, bases, strict=True)
        ]
        inputs = tuple(v for v in operands if v is not None)
        same = {v.type.shape for v in known} == {first.type.shape}
        return inputs if same and len(inputs) == len(node.inputs) else None

    def _constant(self, value: Value, base: Value) -> Value | None:
        """A constant for tensors of the base's shape: one number, or one for each index of the last dimension."""
        shape = value.type.shape
        if value.type.dtype != "float32" or (value.type.elements != 1 and shape[-1:] != base.type.shape[-1:]):
            return None
        if value.type.elements not in (1, base.type.shape[-1] if base.type.shape else 1):
            return None
        new = (1,) * (len(base.type.shape) - 1) + (value.type.elements,) if base.type.shape else ()
        data = np.array(value.constant.reshape(new))
        return Value(self.names.fresh(value.name), TensorType("float32", new), data)

    def _concat(self, node: Node) -> bool:
        """Along the last dimension, of tensors whose bases have it too."""
        assert isinstance(node.op, Concat)
        bases = [self._base(v) for v in node.inputs]
        known = [b for b in bases if b is not None]
        if len(known) != len(bases) or node.op.axis != len(node.output.type.shape) - 1:
            return False
        if len({b.type.shape[:-1] for b in known}) > 1 or any(
            not b.type.shape or b.type.shape[-1] != v.type.shape[-1] for b, v in zip(known, node.inputs, strict=True)
        ):
            return False
        axis = len(known[0].type.shape) - 1
        self._emit(replace(node, op=replace(node.op, axis=axis)), tuple(known))
        return True
