# SPDX-License-Identifier: Apache-2.0
"""What importing a node needs: its attributes and operands, and the graph as far as it is built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx

from smidgen.errors import InvalidGraph, MalformedModel
from smidgen.ir import Array, DType, Node, Op, QuantParams, TensorType, Value
from smidgen.ir.names import Names
from smidgen.ir.types import FourBit, storage_after
from smidgen.ops import Dequantize, Reshape, Transpose


class Refusal(Exception):
    """This node cannot be imported: why, and what the user can do. Becomes a Finding, not an error by itself."""

    def __init__(self, reason: str, remedy: str = "Remove or replace it before export") -> None:
        super().__init__(reason)
        self.reason, self.remedy = reason, remedy


@dataclass(frozen=True, slots=True, eq=False)
class QuantizedConstant:
    """A DequantizeLinear of constant data: int8, uint8, int16 or int32 ``data`` with the zero points as in the file.

    Four-bit data are int8 here, times their group's factor where they have blocks; ``storage`` remembers it.
    """

    name: str
    data: Array
    quant: QuantParams
    storage: FourBit | None = None

    def transpose(self, permutation: tuple[int, ...]) -> QuantizedConstant:
        axis = self.quant.axis
        moved = None if axis is None else permutation.index(axis)
        return replace(self, data=self.data.transpose(permutation), quant=replace(self.quant, axis=moved))

    def reshape(self, shape: tuple[int, ...]) -> QuantizedConstant:
        """Refuses where the axis of the scales does not survive as a dimension of its own."""
        return replace(self, data=self.data.reshape(shape), quant=_reshape_axis(self.quant, self.data.shape, shape))

    def zero_points(self) -> Array:
        """Zero points shaped to broadcast over the data, int64."""
        zero = np.array(self.quant.zero_point, np.int64)
        if self.quant.axis is None:
            return zero.reshape(())
        shape = [1] * self.data.ndim
        shape[self.quant.axis] = zero.size
        return zero.reshape(shape)


def _reshape_axis(quant: QuantParams, old: tuple[int, ...], new: tuple[int, ...]) -> QuantParams:
    if quant.axis is None:
        return quant
    before, length = int(np.prod(old[: quant.axis])), old[quant.axis]
    for axis, dim in enumerate(new):
        if dim == length and int(np.prod(new[:axis])) == before:
            return replace(quant, axis=axis)
    raise Refusal(f"a reshape from {list(old)} to {list(new)} mixes the axis {quant.axis} of per-axis scales")


Operand = Value | Array | QuantizedConstant
"""A computed tensor, a plain constant or a quantized constant."""


def shape_of(operand: Operand) -> tuple[int, ...]:
    if isinstance(operand, Value):
        return operand.type.shape
    return operand.data.shape if isinstance(operand, QuantizedConstant) else operand.shape


@dataclass(frozen=True, slots=True)
class OnnxNode:
    """A NodeProto with typed access to its attributes."""

    proto: Any  # onnx.NodeProto, generated at run time
    loc: str
    opset: int

    @property
    def op_type(self) -> str:
        return str(self.proto.op_type)

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(self.proto.input)

    @property
    def outputs(self) -> tuple[str, ...]:
        return tuple(self.proto.output)

    def _raw(self, name: str) -> Any:
        for attribute in self.proto.attribute:
            if attribute.name == name:
                return onnx.helper.get_attribute_value(attribute)
        return None

    def has(self, name: str) -> bool:
        return any(a.name == name for a in self.proto.attribute)

    def ints(self, name: str, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        raw = self._raw(name)
        if raw is None:
            return default
        if not isinstance(raw, Sequence) or not all(isinstance(i, int) and abs(i) < 2**31 for i in raw):
            raise MalformedModel(f"{self.loc}: attribute {name} is not a list of 32-bit integers")
        return tuple(raw)

    def int(self, name: str, default: int) -> int:
        raw = self._raw(name)
        if raw is None:
            return default
        if not isinstance(raw, int) or abs(raw) >= 2**31:
            raise MalformedModel(f"{self.loc}: attribute {name} is not a 32-bit integer")
        return raw

    def float(self, name: str, default: float) -> float:
        raw = self._raw(name)
        if raw is None:
            return default
        if not isinstance(raw, float | int) or not np.isfinite(raw):
            raise MalformedModel(f"{self.loc}: attribute {name} is not a finite number")
        return float(raw)

    def text(self, name: str, default: str) -> str:
        raw = self._raw(name)
        if raw is None:
            return default
        if not isinstance(raw, bytes):
            raise MalformedModel(f"{self.loc}: attribute {name} is not a string")
        return raw.decode("utf-8", "replace")


class Context:
    """The graph under construction; what ops.py's functions read operands from and emit nodes to."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.operands: dict[str, Operand] = {}
        self.quant: dict[str, QuantParams] = {}
        self.nodes: list[Node] = []
        self.four_bit: set[str] = set()
        """Constants that are INT4 or UINT4 in the file."""
        self.unsigned: set[Value] = set()
        """int8 tensors that are uint8 in the file, less 128."""
        self.read: frozenset[str] = frozenset()
        """Tensors that something reads: a node, or whoever takes the graph's outputs."""
        self.inner_names: dict[str, str] = {}
        """What a tensor is called here where its own name is kept for the uint8 output of the graph."""

    def operand(self, node: OnnxNode, index: int) -> Operand:
        """The input at this place; MalformedModel if it is missing."""
        operand = self.optional(node, index)
        if operand is None:
            raise MalformedModel(f"{node.loc}: {node.op_type} lacks its input {index}")
        return operand

    def optional(self, node: OnnxNode, index: int) -> Operand | None:
        name = node.inputs[index] if index < len(node.inputs) else ""
        return self.operands[name] if name else None

    def value(self, node: OnnxNode, index: int) -> Value:
        """The input as a tensor of the graph; constants become constant values."""
        name = node.inputs[index] if index < len(node.inputs) else "operand"
        return self.materialize(self.operand(node, index), name, node.loc)

    def constant(self, node: OnnxNode, index: int, what: str) -> Array | None:
        """An input that must be a plain constant, or None where it is absent."""
        operand = self.optional(node, index)
        if operand is None or isinstance(operand, np.ndarray):
            return operand
        raise Refusal(f"its {what} is computed while the network runs", f"Make the {what} a constant before export")

    def integers(self, node: OnnxNode, index: int, what: str) -> tuple[int, ...] | None:
        """A constant input of integers, or None where it is absent."""
        values = self.integers64(node, index, what)
        if values is not None and any(abs(i) >= 2**31 for i in values):
            raise MalformedModel(f"{node.loc}: its {what} is no short list of 32-bit integers")
        return values

    def integers64(self, node: OnnxNode, index: int, what: str) -> tuple[int, ...] | None:
        """The same, of 64 bits: the ends of slices are often the largest there are."""
        array = self.constant(node, index, what)
        if array is None:
            return None
        if array.dtype.kind not in "iu" or array.ndim > 1 or array.size > 64:
            raise MalformedModel(f"{node.loc}: its {what} is no short list of 32-bit integers")
        return tuple(int(i) for i in array.ravel())

    def emit(self, op: Op, inputs: Sequence[Value], name: str, loc: str) -> Value:
        """Append a node; its output's type is inferred. Refuses where the op does not take these operands."""
        try:
            (t,) = op.infer([v.type for v in inputs])
        except (InvalidGraph, IndexError, OverflowError) as e:
            raise Refusal(str(e)) from e
        value = Value(self.names.fresh(self.inner_names.get(name, name)), t)
        self.nodes.append(Node(op, tuple(inputs), (value,), loc))
        return value

    def transpose(self, x: Value, permutation: tuple[int, ...], name: str, loc: str) -> Value:
        if permutation == tuple(range(len(permutation))):
            return x
        return self.emit(Transpose(permutation), (x,), name, loc)

    def reshape(self, x: Value, shape: tuple[int, ...], name: str, loc: str) -> Value:
        return x if x.type.shape == shape else self.emit(Reshape(shape), (x,), name, loc)

    def materialize(self, operand: Operand, name: str, loc: str, *, weights: bool = False) -> Value:
        """The operand as a value: float32 constants as they are, quantized ones behind a Dequantize node.

        ``weights`` (channels, ...) of a layer that takes them so are kept in four bits where they are in the file.
        """
        if isinstance(operand, Value):
            return operand
        if isinstance(operand, QuantizedConstant):
            constant = self.quantized(operand if weights else replace(operand, storage=None))
            return self.emit(Dequantize(), (constant,), f"{operand.name}_real", loc)
        return self.real_constant(operand, name)

    def real_constant(self, array: Array, name: str) -> Value:
        if array.dtype != np.float32:
            raise Refusal(f"constant {name!r} is {array.dtype}, not float32", "Store it as float32 or quantise it")
        if 0 in array.shape:
            raise Refusal(f"constant {name!r} is empty")
        return Value(self.names.fresh(name), TensorType("float32", array.shape), np.ascontiguousarray(array))

    def quantized(self, c: QuantizedConstant) -> Value:
        """An integer constant value; uint8 becomes int8 by taking 128 from values and zero points."""
        data, quant = c.data, c.quant
        if 0 in data.shape:
            raise Refusal(f"constant {c.name!r} is empty")
        if data.dtype == np.uint8:
            data, quant = shift_to_int8(data), shift_quant(quant)
        dtype: DType = "int32" if data.dtype == np.int32 else "int16" if data.dtype == np.int16 else "int8"
        data = np.array(data, order="C")
        storage = storage_after(data, c.storage)
        return Value(self.names.fresh(c.name), TensorType(dtype, data.shape, quant, storage), data)


def shift_to_int8(data: Array) -> Array:
    """uint8 data less 128, as int8."""
    shifted: Array = (data.astype(np.int16) - 128).astype(np.int8)
    return shifted


def shift_quant(quant: QuantParams) -> QuantParams:
    """The quantization of uint8 data for the same data less 128."""
    return replace(quant, zero_point=tuple(z - 128 for z in quant.zero_point))


def unshift_quant(quant: QuantParams) -> QuantParams:
    """The quantization of int8 data for the same data plus 128."""
    return replace(quant, zero_point=tuple(z + 128 for z in quant.zero_point))
