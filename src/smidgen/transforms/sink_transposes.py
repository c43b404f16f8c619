# SPDX-License-Identifier: Apache-2.0
"""Moves transposes towards the outputs until they cancel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from smidgen.ir import Graph, Node, Op, TensorType, Value
from smidgen.ir.names import Names
from smidgen.ops import (
    Add,
    Clamp,
    Concat,
    Crop,
    Curve,
    Dequantize,
    FullyConnected,
    LeakyRelu,
    Lookup,
    Mean,
    Mul,
    Pad,
    Quantize,
    Requantize,
    Reshape,
    Softmax,
    Transpose,
)
from smidgen.transforms.permutations import Permutation, inverse, keeps_order, moved_reshape

_PER_TENSOR = (Clamp, Curve, Dequantize, LeakyRelu, Lookup, Quantize, Requantize)


def sink_transposes(graph: Graph) -> Graph:
    """f(Transpose(x)) -> Transpose(f'(x)); a transpose of its inverse, or of lengths 1 only, vanishes or is a Reshape.

    f' is f with its dimensions renamed. Constants beside a transposed operand are transposed here. Float sums are never
    reordered: a float Mean is passed only where its dimensions keep their order. Dequantize is not passed: bytes are
    cheaper to move than words.
    """
    return _Sweep(graph, through_dequantize=False).run()


def sink_transposes_through_dequantize(graph: Graph) -> Graph:
    """The same, past Dequantize too: towards the QuantizeLinear at the other end of a float op."""
    return _Sweep(graph, through_dequantize=True).run()


class _Sweep:
    """One walk over the nodes; a transpose is held back (``pending``) until something needs its result."""

    def __init__(self, graph: Graph, *, through_dequantize: bool) -> None:
        self.graph, self.through_dequantize = graph, through_dequantize
        self.names = Names(v.name for v in graph.values())
        self.producers = graph.producers()
        self.nodes: list[Node] = []
        self.pending: dict[Value, tuple[Value, Permutation]] = {}
        self.made: dict[tuple[Value, Permutation], Value] = {}
        self.locs: dict[Value, str] = {}
        self.renamed: dict[Value, Value] = {}

    def run(self) -> Graph:
        for node in self.graph.nodes:
            self._visit(node)
        for value in self.graph.outputs:
            self._output(value)
        nodes = tuple(replace(n, outputs=tuple(self.renamed.get(v, v) for v in n.outputs)) for n in self.nodes)
        return replace(self.graph, nodes=nodes).substitute(self.renamed)

    def _output(self, value: Value) -> None:
        """Write a graph output that was held back, under its own name."""
        if value not in self.pending:
            return
        base, permutation = self.pending.pop(value)
        kept = {*self.graph.inputs, *self.graph.outputs, *self.renamed}
        if permutation == tuple(range(len(permutation))) and base not in kept and base.data is None:
            self.renamed[base] = value
        elif (base, permutation) in self.made and self.made[base, permutation] not in kept:
            self.renamed[self.made[base, permutation]] = value
        else:
            self.nodes.append(Node(mover(base, permutation), (base,), (value,), self.locs[value]))

    def _visit(self, node: Node) -> None:
        if isinstance(node.op, Transpose):
            base, permutation = self.pending.get(node.inputs[0], (node.inputs[0], None))
            total = node.op.permutation if permutation is None else tuple(permutation[p] for p in node.op.permutation)
            self._hold(node.output, base, total, node.loc)
        elif not self._sink(node) and not self._sink_reshape(node):
            inputs = tuple(self._base(v) if self._may_skip(node, v) else self._need(v) for v in node.inputs)
            self.nodes.append(replace(node, inputs=inputs))

    def _hold(self, value: Value, base: Value, permutation: Permutation, loc: str) -> None:
        self.pending[value] = (base, permutation)
        self.locs[value] = loc

    def _base(self, value: Value) -> Value:
        return self.pending[value][0]

    def _may_skip(self, node: Node, value: Value) -> bool:
        """A Reshape does not see a transpose that moves no element."""
        held = self.pending.get(value)
        return isinstance(node.op, Reshape) and held is not None and keeps_order(held[0].type.shape, held[1])

    def _need(self, value: Value) -> Value:
        """The value itself, its transpose emitted now if it was held back."""
        if value not in self.pending:
            return value
        base, permutation = self.pending[value]
        if permutation == tuple(range(len(permutation))):
            return base
        if (base, permutation) not in self.made:
            op = mover(base, permutation)
            (t,) = op.infer([base.type])
            moved = Value(self.names.fresh(f"{base.name}_moved"), t)
            self.nodes.append(Node(op, (base,), (moved,), self.locs[value]))
            self.made[base, permutation] = moved
        return self.made[base, permutation]

    def _sink(self, node: Node) -> bool:
        """Put ``node`` before the transposes it reads, if all of them agree; False leaves it as it is."""
        if isinstance(node.op, Dequantize) and not self.through_dequantize:
            return False
        data = data_operands(node)
        held = [self.pending[v] for v in data if v in self.pending]
        if not held or any(p != held[0][1] for _, p in held):
            return False
        permutation = held[0][1]
        op = renamed(node, permutation)
        if op is None:
            return False
        if not all(v in self.pending or self._can_move(v, permutation) for v in data):
            return False
        moved = tuple(self._moved(v, permutation) for v in data)
        inputs = (*moved, *(self._need(v) for v in node.inputs[len(data) :]))
        (t,) = op.infer([v.type for v in inputs])
        name = node.output.name  # free: the value that had it is held back, or written last as a graph output
        out = Value(self.names.fresh(name) if node.output in self.graph.outputs else name, t)
        self.nodes.append(replace(node, op=op, inputs=inputs, outputs=(out,)))
        self._hold(node.output, out, permutation, self.locs[next(v for v in data if v in self.pending)])
        return True

    def _sink_reshape(self, node: Node) -> bool:
        """Reshape before the transpose instead of after it, where it splits and joins dimensions that stay together."""
        held = self.pending.get(node.inputs[0]) if node.inputs else None
        if not isinstance(node.op, Reshape) or held is None or self._may_skip(node, node.inputs[0]):
            return False
        base, permutation = held
        split = moved_reshape(base.type.shape, permutation, node.output.type.shape)
        if split is None:
            return False
        op = replace(node.op, shape=split.shape)
        (t,) = op.infer([base.type])
        name = node.output.name
        out = Value(self.names.fresh(name) if node.output in self.graph.outputs else name, t)
        self.nodes.append(replace(node, op=op, inputs=(base,), outputs=(out,)))
        self._hold(node.output, out, split.permutation, self.locs[node.inputs[0]])
        return True

    def _can_move(self, value: Value, permutation: Permutation) -> bool:
        constant = self._constant_of(value)
        if constant is not None or set(value.type.shape) == {1}:
            return len(value.type.shape) == len(permutation)
        return (value, inverse(permutation)) in self.made or _is_view(value, permutation)

    def _constant_of(self, value: Value) -> Value | None:
        """The constant behind a constant or a Dequantize of one."""
        producer = self.producers.get(value)
        if producer is not None and isinstance(producer.op, Dequantize):
            value = producer.inputs[0]
        return value if value.data is not None else None

    def _moved(self, value: Value, permutation: Permutation) -> Value:
        """An operand whose Transpose by ``permutation`` is ``value``."""
        if value in self.pending:
            return self.pending[value][0]
        if set(value.type.shape) == {1}:
            return value
        back = inverse(permutation)
        constant = self._constant_of(value)
        if constant is None:
            return self._as_view(value, back)
        moved = transposed_constant(constant, back, self.names)
        if constant is value:
            return moved
        producer = self.producers[value]
        (t,) = producer.op.infer([moved.type])
        real = Value(self.names.fresh(value.name), t)
        self.nodes.append(Node(producer.op, (moved,), (real,), producer.loc))
        return real

    def _as_view(self, value: Value, back: Permutation) -> Value:
        """A computed operand, transposed by ``back``: made before, or the same elements under another shape."""
        if (value, back) not in self.made:
            op = mover(value, back)
            moved = Value(self.names.fresh(f"{value.name}_view"), op.infer([value.type])[0])
            self.nodes.append(Node(op, (value,), (moved,), self.locs.get(value, f"view of {value.name}")))
            self.made[value, back] = moved
        return self.made[value, back]


def _is_view(value: Value, permutation: Permutation) -> bool:
    """True where undoing the permutation moves no element of this value."""
    shape = value.type.shape
    return len(shape) == len(permutation) and keeps_order(shape, inverse(permutation))


def transposed_constant(value: Value, permutation: Permutation, names: Names) -> Value:
    """A constant with its dimensions permuted, the axis of its scales with them."""
    t, quant = value.type, value.type.quant
    if quant is not None and quant.axis is not None:
        quant = replace(quant, axis=permutation.index(quant.axis))
    data = np.array(value.constant.transpose(permutation), order="C")
    return Value(names.fresh(value.name), TensorType(t.dtype, data.shape, quant), data)


def mover(base: Value, permutation: Permutation) -> Op:
    shape = tuple(base.type.shape[p] for p in permutation)
    return Reshape(shape) if keeps_order(base.type.shape, permutation) else Transpose(permutation)


def data_operands(node: Node) -> tuple[Value, ...]:
    """The operands whose dimensions the result shares; the others (weights, tables) stay as they are."""
    return node.inputs if isinstance(node.op, Add | Mul | Concat) else node.inputs[:1]


def renamed(node: Node, permutation: Permutation) -> Op | None:
    """The op with its dimensions as they are before the transpose, or None where it cannot move."""
    op, rank = node.op, len(permutation)
    if isinstance(op, _PER_TENSOR):
        quant = node.inputs[0].type.quant if isinstance(op, Dequantize) else None
        per_axis = (quant is not None and quant.axis is not None) or (
            isinstance(op, Quantize) and op.out_quant.axis is not None
        )
        return None if per_axis else op
    if isinstance(op, Add | Mul):
        return op if all(len(v.type.shape) == rank for v in node.inputs) else None
    if isinstance(op, Concat | Crop):
        return replace(op, axis=permutation[op.axis])
    if isinstance(op, Pad):
        back = inverse(permutation)
        return replace(op, before=tuple(op.before[i] for i in back), after=tuple(op.after[i] for i in back))
    return _renamed_sum(op, permutation, exact_order=node.inputs[0].type.dtype == "float32")


def _renamed_sum(op: Op, permutation: Permutation, *, exact_order: bool) -> Op | None:
    """As ``renamed``, for ops that sum along dimensions; ``exact_order``: only if these keep their order."""
    if isinstance(op, Softmax | FullyConnected):
        return op if permutation[-1] == len(permutation) - 1 else None
    if isinstance(op, Mean):
        given = permutation[op.first : op.last + 1]
        axes = sorted(given)
        if exact_order and list(given) != axes:
            return None
        return replace(op, first=axes[0], last=axes[-1]) if axes[-1] - axes[0] == op.last - op.first else None
    return None
