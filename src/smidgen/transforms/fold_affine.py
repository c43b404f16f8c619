# SPDX-License-Identifier: Apache-2.0
"""Takes multiplications and additions of constants into the layers beside them: batch normalisation, most of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from smidgen.ir import Graph, Node, Op, TensorType, Value
from smidgen.ir.names import Names
from smidgen.ops import Add, AveragePool2D, Clamp, DepthwiseConv2D, MaxPool2D, Mean, Mul, Reshape
from smidgen.ops.arithmetic import NO_CLAMP
from smidgen.transforms.affine import (
    LARGEST_SHIFT,
    LAYERS,
    Affine,
    Reals,
    affine_of,
    after_layer,
    before_layer,
    is_foldable,
    then,
)
from smidgen.transforms.islands import is_quantized
from smidgen.transforms.pass_ import only_user

_FEW_CHANNELS = 16  # up to here one depthwise layer is smaller than the two ops it replaces


def fold_affine(graph: Graph) -> Graph:
    """f(x, w, b) * s + t -> f(x, w', b'), and f(x * s + t, w, b) -> f(x, w', b') without padding; f a float layer.

    s and t are constant along the last dimension; pools and means may lie between. What no layer takes becomes one
    sum, one product by a number or one depthwise layer.
    """
    return graph if is_quantized(graph) else _Fold(graph).run()


class _Fold:
    """One walk over the nodes; a product or sum is held back until something needs its result."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.users = graph, graph.users()
        self.names = Names(v.name for v in graph.values())
        self.nodes: list[Node] = []
        self.place: dict[Value, int] = {}
        self.held: dict[Value, Affine] = {}
        self.mapping: dict[Value, Value] = {}

    def run(self) -> Graph:
        with np.errstate(all="ignore"):  # constants of a file may be infinite or no numbers; these are not folded
            for node in self.graph.nodes:
                self._visit(node)
        return self.graph.with_nodes(tuple(self.nodes)).substitute(self.mapping)

    def _append(self, node: Node) -> None:
        for v in node.outputs:
            self.place[v] = len(self.nodes)
        self.nodes.append(node)

    def _visit(self, node: Node) -> None:
        found = affine_of(node)
        clamp = node.op.clamp if isinstance(node.op, Add | Mul) else NO_CLAMP
        if found is None or not found.finite:
            self._other(node)
        elif clamp == NO_CLAMP:
            self._hold(node.output, found)
        else:
            inner = Value(self.names.fresh(f"{node.output.name}_sum"), node.output.type)
            self._hold(inner, found)
            self._other(Node(Clamp(clamp), (inner,), node.outputs, node.loc))

    def _other(self, node: Node) -> None:
        """A layer takes what is held back before it; for anything else it is written."""
        x = node.inputs[0] if node.inputs else None
        if x is not None and x in self.held and is_foldable(node):
            folded = before_layer(node, self.held[x], self.names)
            if folded is not None:
                self._append(folded)
                return
        for v in dict.fromkeys(node.inputs):
            self._write(v)
        self._append(node)

    def _hold(self, value: Value, affine: Affine) -> None:
        x = affine.base
        alone = x not in self.held or self._read_once(x)
        if x in self.held:
            both = then(self.held[x], affine)
            if both.finite and _keeps_digits(self.held[x], both):
                affine = both
            else:
                self._write(x)
        if not (alone and self._into_layer_before(value, affine)):
            self.held[value] = affine
        if value in self.graph.outputs:
            self._write(value)

    def _into_layer_before(self, value: Value, affine: Affine) -> bool:
        """Change the layer whose result, perhaps pooled, nothing but this reads."""
        path = self._path(affine)
        if path is None:
            return False
        layer, rest = self.nodes[path[0]], [self.nodes[i] for i in path[1:]]
        output = Value(self.names.fresh(layer.output.name), layer.output.type) if rest else value
        folded = after_layer(layer, affine, output, self.names)
        if folded is None:
            return False
        self.nodes[path[0]], self.place[output] = folded, path[0]
        for i, node in zip(path[1:], rest, strict=True):
            last = i == path[-1]
            moved = value if last else Value(self.names.fresh(node.output.name), node.output.type)
            self.nodes[i] = replace(node, inputs=(output,), outputs=(moved,))
            self.place[moved], output = i, moved
        return True

    def _path(self, affine: Affine) -> list[int] | None:
        """Places of the layer and of what lies between it and the affine's base; None where no layer can take it."""
        path: list[int] = []
        value = affine.base
        while value in self.place and len(path) < 8:
            node = self.nodes[self.place[value]]
            if not self._read_once(value) or getattr(node.op, "clamp", NO_CLAMP) != NO_CLAMP:
                return None
            path.insert(0, self.place[value])
            if isinstance(node.op, LAYERS):
                return path if is_foldable(node) else None
            if not _lets_through(node, affine):
                return None
            value = node.inputs[0]
        return None

    def _read_once(self, value: Value) -> bool:
        """Values that this pass made itself are read by the one node they were made for."""
        return value not in self.users or only_user(value, self.users, self.graph.outputs) is not None

    def _write(self, value: Value) -> None:
        """Emit what was held back, as few nodes as can be."""
        affine = self.held.pop(value, None)
        if affine is None:
            return
        if affine.base in self.held:
            self._write(affine.base)
        zero, uniform = not np.any(affine.shift), np.ptp(affine.scale) == 0
        if zero and uniform and affine.scale[0] == 1:
            self._copy(value, affine)
        elif uniform and abs(affine.scale[0]) == 1 and not (zero and affine.scale[0] < 0):
            signs = (int(affine.scale[0]), 1)
            self._emit(Add(rounding="even", signs=signs), affine.base, affine.shift, value, affine.loc)
        elif zero and uniform:
            self._emit(Mul(rounding="even"), affine.base, affine.scale[:1], value, affine.loc)
        elif uniform and np.ptp(affine.shift) == 0 and not _is_small_map(value.type):
            scaled = Value(self.names.fresh(f"{value.name}_scaled"), value.type)
            self._emit(Mul(rounding="even"), affine.base, affine.scale[:1], scaled, affine.loc)
            self._emit(Add(rounding="even"), scaled, affine.shift[:1], value, affine.loc)
        else:
            self._depthwise(value, affine)

    def _copy(self, value: Value, affine: Affine) -> None:
        if value in self.graph.outputs:
            self._append(Node(Reshape(value.type.shape), (affine.base,), (value,), affine.loc))
        else:
            self.mapping[value] = affine.base

    def _emit(self, op: Op, x: Value, numbers: Reals, value: Value, loc: str) -> None:
        shape = (1,) * (len(x.type.shape) - 1) + (numbers.size,) if x.type.shape else ()
        self._append(Node(op, (x, self._constant(value, numbers, shape)), (value,), loc))

    def _constant(self, value: Value, numbers: Reals, shape: Sequence[int]) -> Value:
        data = np.array(numbers.reshape(shape), np.float32)
        return Value(self.names.fresh(f"{value.name}_c"), TensorType("float32", data.shape), data)

    def _depthwise(self, value: Value, affine: Affine) -> None:
        """A 1x1 depthwise layer, between reshapes where the tensor has not four dimensions."""
        x, shape = affine.base, value.type.shape
        four = shape if len(shape) == 4 else (1, 1, value.type.elements // shape[-1], shape[-1])
        t = TensorType("float32", four)
        if four != shape:
            x = Value(self.names.fresh(f"{value.name}_x"), t)
            self._append(Node(Reshape(four), (affine.base,), (x,), affine.loc))
        full = [np.broadcast_to(v, (shape[-1],)) for v in (affine.scale, affine.shift)]
        w = self._constant(value, full[0], (1, 1, shape[-1]))
        bias = (self._constant(value, full[1], (shape[-1],)),) if np.any(affine.shift) else ()
        y = value if four == shape else Value(self.names.fresh(f"{value.name}_y"), t)
        self._append(Node(DepthwiseConv2D(rounding="even"), (x, w, *bias), (y,), affine.loc))
        if four != shape:
            self._append(Node(Reshape(shape), (y,), (value,), affine.loc))


def _is_small_map(t: TensorType) -> bool:
    return len(t.shape) == 4 and t.shape[-1] <= _FEW_CHANNELS


def _keeps_digits(first: Affine, both: Affine) -> bool:
    """A large shift before a scale stays before it."""
    return not np.any(first.shift) or float(np.abs(both.shift).max()) <= LARGEST_SHIFT


def _lets_through(node: Node, affine: Affine) -> bool:
    """True if the op of a scaled and shifted tensor is the scaled and shifted op of the tensor."""
    op, x = node.op, node.inputs[0].type
    if isinstance(op, AveragePool2D):
        return not op.count_include_pad
    if isinstance(op, MaxPool2D):
        return bool(np.all(affine.scale > 0))
    if isinstance(op, Mean):
        return op.last < len(x.shape) - 1
    single = affine.scale.size == affine.shift.size == 1
    return isinstance(op, Reshape) and (single or x.shape[-1:] == node.output.type.shape[-1:])
