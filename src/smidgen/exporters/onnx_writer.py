# SPDX-License-Identifier: Apache-2.0
"""An ONNX file under construction: its nodes and constants, and in which layout each tensor is at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from smidgen.errors import InvalidGraph
from smidgen.ir import Array, FourBit, Graph, Half, Node, QuantParams, TensorType, Value
from smidgen.ir.names import Names
from smidgen.ir.types import four_bit_parts
from smidgen.ops import Dequantize

Permutation = tuple[int, ...]
Layout = Literal["graph", "channels first"]
"""graph: dimensions in the order that our graph has them. channels first: (n, h, w, c) as (n, c, h, w)."""

LAYOUTS: tuple[Layout, ...] = ("graph", "channels first")
TO_CHANNELS_FIRST: Permutation = (0, 3, 1, 2)
INT4_OPSET = 21  # INT4, blocks of DequantizeLinear and 16-bit QuantizeLinear
_ELEMENT_TYPES = {
    "int8": TensorProto.INT8,
    "uint8": TensorProto.UINT8,
    "int16": TensorProto.INT16,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
    "float32": TensorProto.FLOAT,
}


def permutation(layout: Layout, rank: int) -> Permutation:
    """Which of our dimensions each dimension of the ONNX tensor is."""
    return TO_CHANNELS_FIRST if layout == "channels first" else tuple(range(rank))


def inverse(order: Permutation) -> Permutation:
    return tuple(order.index(i) for i in range(len(order)))


def _value_info(name: str, t: TensorType) -> Any:  # Any: protobuf classes are generated at run time
    return helper.make_tensor_value_info(name, _ELEMENT_TYPES[t.dtype], t.shape)


def _interface(graph: Graph) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What inputs and outputs are called: as in the model's file where that is known and no name occurs twice."""
    own = tuple(v.name for v in graph.inputs), tuple(v.name for v in graph.outputs)
    given = graph.input_names or own[0], graph.output_names or own[1]
    distinct = {n for n in (*given[0], *given[1]) if n}
    return given if len(distinct) == len(graph.inputs) + len(graph.outputs) else own


class Writer:
    """Nodes and initializers in order; ``wants`` holds the values that should be written channels first."""

    def __init__(self, graph: Graph, opset: int, wants: frozenset[Value]) -> None:
        self.graph, self.opset, self.wants = graph, opset, wants
        self.inputs, self.outputs = _interface(graph)
        self.names = Names((*self.inputs, *self.outputs, *(v.name for v in graph.values())))
        self._own = self._own_names()
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self.producers = graph.producers()
        self.doc = ""
        self._named: set[Value] = set(graph.inputs)
        self._at: dict[tuple[Value, Layout], str] = {(v, "graph"): self._own[v] for v in graph.inputs}
        self._parameters: dict[Value, list[str]] = {}
        self._constants: dict[tuple[Value, Permutation, tuple[int, ...]], str] = {}

    def _own_names(self) -> dict[Value, str]:
        """Each value's name: an input's and an output's as in the interface, others aside where that takes theirs."""
        outputs = zip(reversed(self.graph.outputs), reversed(self.outputs), strict=True)
        own = {**dict(outputs), **dict(zip(self.graph.inputs, self.inputs, strict=True))}
        taken = set(own.values())
        for v in self.graph.values():
            if v not in own:
                own[v] = self.names.fresh(v.name) if v.name in taken else v.name
        return own

    def node(self, op: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Append a node that writes ``output``; its name is the output's."""
        made = helper.make_node(op, list(inputs), [output], name=output, **attributes)
        made.doc_string = self.doc
        self.nodes.append(made)
        return output

    def fresh(self, wanted: str) -> str:
        return self.names.fresh(wanted)

    def own(self, value: Value) -> str:
        """The value's own name the first time, then others like it."""
        if value in self._named:
            return self.fresh(value.name)
        self._named.add(value)
        return self._own[value]

    def initializer(self, array: Array, wanted: str) -> str:
        """A constant of this data, under a new name."""
        return self._initializer(array, self.fresh(wanted))

    def _initializer(self, array: Array, name: str) -> str:
        self.initializers.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def parameters(self, value: Value) -> list[str]:
        """Scale and zero point of an integer activation, once for all that write and read it."""
        if value not in self._parameters:
            quant = quant_of(value.type)
            if quant.axis is not None:
                raise InvalidGraph(f"{value.name}: an activation with scales along dimension {quant.axis}")
            self._parameters[value] = [
                self.initializer(np.array(quant.scale[0], np.float32), f"{value.name}_scale"),
                self.initializer(np.array(quant.zero_point[0], value.type.dtype), f"{value.name}_zero_point"),
            ]
        return self._parameters[value]

    def has(self, value: Value, layout: Layout) -> bool:
        return (value, layout) in self._at

    def at(self, value: Value, layout: Layout) -> str:
        """The tensor that holds ``value`` in this layout; a Transpose, or a constant laid out so, is made at need."""
        if (value, layout) in self._at:
            return self._at[value, layout]
        order = permutation(layout, len(value.type.shape))
        if constant_of(value, self.producers) is not None:
            return self.constant(value, order, tuple(value.type.shape[i] for i in order))
        other: Layout = "graph" if layout == "channels first" else "channels first"
        name = self._name(value, layout)
        perm = order if layout == "channels first" else inverse(TO_CHANNELS_FIRST)
        self.node("Transpose", [self._at[value, other]], name, perm=list(perm))
        self._at[value, layout] = name
        return name

    def write(self, value: Value, layout: Layout) -> str:
        """The name under which the node that computes ``value`` in this layout has to write it."""
        name = self._name(value, layout)
        self._at[value, layout] = name
        return name

    def alias(self, value: Value, layout: Layout, name: str) -> None:
        """``value`` in this layout is the tensor of this name, which exists."""
        self._at[value, layout] = name

    def finish(self) -> None:
        """Make sure that each graph output is there under its own name, in the graph's layout."""
        for value, wanted in zip(self.graph.outputs, self.outputs, strict=True):
            name = self.at(value, "graph")
            if name != wanted:
                self.node("Identity", [name], wanted)

    def _name(self, value: Value, layout: Layout) -> str:
        """A value's own name for what is written first, but a graph output has it in the graph's layout."""
        if value not in self._named and (layout == "graph" or value not in self.graph.outputs):
            return self.own(value)
        return self.fresh(f"{value.name}_{'nhwc' if layout == 'graph' else 'nchw'}")

    def constant(self, value: Value, order: Permutation, shape: tuple[int, ...]) -> str:
        """A constant, or a Dequantize of one, with its dimensions permuted and then reshaped, as a tensor.

        The reshape may add or drop dimensions of length 1 only, before or between the others.
        """
        key = (value, order, shape)
        if key not in self._constants:
            stored = constant_of(value, self.producers)
            assert stored is not None
            if stored is value:
                self._constants[key] = self._plain(value, value.constant.transpose(order).reshape(shape))
            else:
                self._constants[key] = self._dequantized(stored, value, order, shape)
        return self._constants[key]

    def _plain(self, value: Value, data: Array) -> str:
        """A constant; one kept in half precision as FLOAT16 data and a Cast, which readers fold."""
        if not isinstance(value.type.storage, Half):
            return self._initializer(data, self.own(value))
        halves = self.initializer(data.astype(np.float16), f"{value.name}_half")
        return self.node("Cast", [halves], self.own(value), to=TensorProto.FLOAT)

    def _dequantized(self, stored: Value, real: Value, order: Permutation, shape: tuple[int, ...]) -> str:
        t = stored.type
        quant = quant_of(t)
        if isinstance(t.storage, FourBit) and t.storage.group is not None:
            return self._grouped(stored, real, order, shape)
        axis = None if quant.axis is None else _axis_after(order.index(quant.axis), t, order, shape)
        data = stored.constant.transpose(order).reshape(shape)
        name = self.own(stored)
        if t.storage is not None:
            self.initializers.append(_int4(data, name))
        else:
            self._initializer(data, name)
        scale = self.initializer(np.array(quant.scale, np.float32).reshape(() if axis is None else -1), f"{name}_scale")
        operands = [name, scale]
        if t.storage is None:  # absent means 0 of the data's type
            zero = np.array(quant.zero_point, t.dtype).reshape(() if axis is None else -1)
            operands.append(self.initializer(zero, f"{name}_zero_point"))
        attributes = {} if axis is None else {"axis": axis}
        return self.node("DequantizeLinear", operands, self.own(real), **attributes)

    def _grouped(self, stored: Value, real: Value, order: Permutation, shape: tuple[int, ...]) -> str:
        """Four-bit weights in groups: blocks along the second dimension of (channels, k); each block's scale is the
        channel's, times the group's factor, itself a DequantizeLinear (of the factors), so that both can be read back.
        """
        t, quant = stored.type, quant_of(stored.type)
        assert isinstance(t.storage, FourBit)
        assert t.storage.group is not None
        parts = four_bit_parts(stored.constant.reshape(t.shape[0], -1), t.storage.group)
        assert parts is not None
        assert quant.axis in (None, 0)
        w, factors = parts
        name = self.own(stored)
        self.initializers.append(_int4(w, name))
        channel_scale = self.initializer(
            np.array(quant.scale, np.float32).reshape(() if quant.axis is None else -1), f"{name}_scale"
        )
        scales = self.node(
            "DequantizeLinear",
            [self.initializer(factors, f"{name}_factors"), channel_scale],
            self.fresh(f"{name}_group_scales"),
            **({} if quant.axis is None else {"axis": 0}),
        )
        plain = (order, shape) == (tuple(range(len(t.shape))), t.shape) and len(shape) == 2
        flat = self.own(real) if plain else self.fresh(f"{real.name}_flat")
        self.node("DequantizeLinear", [name, scales], flat, axis=1, block_size=t.storage.group)
        return flat if plain else self._laid_out(flat, real, order, shape)

    def _laid_out(self, flat: str, real: Value, order: Permutation, shape: tuple[int, ...]) -> str:
        """(channels, k) as ``real``, permuted, reshaped; only the steps that are needed."""
        old = real.type.shape
        steps: list[tuple[str, Any]] = []
        if len(old) != 2:
            steps.append(("Reshape", old))
        if order != tuple(range(len(old))):
            steps.append(("Transpose", order))
        if tuple(old[i] for i in order) != shape:
            steps.append(("Reshape", shape))
        for i, (op, argument) in enumerate(steps):
            out = self.own(real) if i == len(steps) - 1 else self.fresh(f"{real.name}_step{i}")
            if op == "Transpose":
                flat = self.node(op, [flat], out, perm=list(argument))
            else:
                flat = self.node(op, [flat, self.initializer(np.array(argument, np.int64), f"{out}_shape")], out)
        return flat


def constant_of(value: Value, producers: Mapping[Value, Node]) -> Value | None:
    """The constant itself, or the one that a Dequantize makes this value of; None for what the network computes."""
    producer = producers.get(value)
    if producer is not None and isinstance(producer.op, Dequantize):
        value = producer.inputs[0]
    return value if value.data is not None else None


def quant_of(t: TensorType) -> QuantParams:
    assert t.quant is not None
    return t.quant


def _axis_after(axis: int, t: TensorType, order: Permutation, shape: tuple[int, ...]) -> int:
    """Where a dimension lies after a reshape that only adds or drops dimensions of length 1."""
    moved = [t.shape[i] for i in order]
    before = int(np.prod(moved[:axis], dtype=np.int64))
    for at, length in enumerate(shape):
        if length == moved[axis] and int(np.prod(shape[:at], dtype=np.int64)) == before:
            return at
    raise AssertionError(f"axis {axis} of {moved} is lost in {shape}")


def _int4(data: Array, name: str) -> Any:
    """Signed 4-bit integers, two a byte, the first in the low half (onnx.proto, TensorProto.raw_data)."""
    nibbles = data.ravel().view(np.uint8) & 15
    nibbles = np.append(nibbles, np.zeros(nibbles.size % 2, np.uint8))
    packed = (nibbles[0::2] | (nibbles[1::2] << 4)).astype(np.uint8)
    return helper.make_tensor(name, TensorProto.INT4, data.shape, packed.tobytes(), raw=True)


def make_model(writer: Writer, version: str) -> Any:
    """The finished file. Raises onnx.checker.ValidationError where it is not valid ONNX, which is our own mistake."""
    graph = writer.graph
    body = helper.make_graph(
        writer.nodes,
        graph.name,
        [_value_info(n, v.type) for n, v in zip(writer.inputs, graph.inputs, strict=True)],
        [_value_info(n, v.type) for n, v in zip(writer.outputs, graph.outputs, strict=True)],
        writer.initializers,
    )
    model = helper.make_model(
        body,
        opset_imports=[helper.make_opsetid("", writer.opset)],
        ir_version=10 if writer.opset >= INT4_OPSET else 9 if writer.opset > 18 else 8,
        producer_name="smidgen",
        producer_version=version,
    )
    onnx.checker.check_model(model)
    return model
