# SPDX-License-Identifier: Apache-2.0
"""What becomes of the float tensors of an imported graph: whether, and how, every reader quantises them."""

from __future__ import annotations

from smidgen.ir import Graph, Node, TensorType, Value
from smidgen.ops import Clamp, Crop, MaxPool2D, Quantize, Reshape, Transpose
from smidgen.ops.arithmetic import NO_CLAMP

_MOVES = (Crop, MaxPool2D, Transpose, Reshape)


class Uses:
    """The readers of a graph's values."""

    def __init__(self, graph: Graph) -> None:
        self._users = graph.users()
        self._outputs = frozenset(graph.outputs)
        self._ends: dict[Value, bool] = {}

    def ends_in_quantize(self, value: Value) -> bool:
        """True if something reads the value and all that does is Quantize, perhaps after clamps and moves."""
        if value not in self._ends:
            readers = self._users.get(value, ())
            self._ends[value] = bool(readers) and value not in self._outputs and all(map(self._quantizes, readers))
        return self._ends[value]

    def _quantizes(self, node: Node) -> bool:
        moves = isinstance(node.op, (*_MOVES, Clamp))
        return isinstance(node.op, Quantize) or (moves and self.ends_in_quantize(node.output))

    def quantized_type(self, value: Value) -> TensorType | None:
        """What all readers make of the value, perhaps after moves, if they agree; its shape is one reader's."""
        found = self._quantized_types(value)
        kinds = {None if t is None else (t.dtype, t.quant) for t in found}
        return found[0] if len(kinds) == 1 else None

    def _quantized_types(self, value: Value) -> list[TensorType | None]:
        found: list[TensorType | None] = [None] if value in self._outputs else []
        for node in self._users.get(value, ()):
            if isinstance(node.op, Quantize) and node.op.out_quant.axis is None:
                found.append(node.output.type)
            elif isinstance(node.op, _MOVES) and getattr(node.op, "clamp", NO_CLAMP) == NO_CLAMP:
                found += self._quantized_types(node.output) or [None]
            else:
                found.append(None)
        return found
