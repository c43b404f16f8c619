# SPDX-License-Identifier: Apache-2.0
"""The tensor table of a TFLite subgraph: types, constants and the values that ops define, all bounds-checked."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import tflite

from smidgen.errors import Finding, MalformedModel
from smidgen.ir import Array, DType, QuantParams, TensorType, Value
from smidgen.ir.names import Names

if TYPE_CHECKING:
    from smidgen.frontends.tflite.operator import OpReader

_DTYPES: dict[int, DType] = {
    tflite.TensorType.INT8: "int8",
    tflite.TensorType.UINT8: "uint8",
    tflite.TensorType.INT16: "int16",
    tflite.TensorType.INT32: "int32",
    tflite.TensorType.INT64: "int64",
    tflite.TensorType.FLOAT32: "float32",
}
_TYPE_NAMES = {v: k for k, v in vars(tflite.TensorType).items() if isinstance(v, int)}
_BUILTIN_NAMES = {v: k for k, v in vars(tflite.BuiltinOperator).items() if isinstance(v, int)}
_LARGEST_ELEMENTS = 1 << 28
_LONGEST_INPUT_NAME = 32  # characters; part of names in the generated C


class Refused(Exception):
    """An op or tensor is well formed but not supported: why, and what the user can do."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.reason, self.remedy = reason, remedy


class Downstream(Refused):
    """An op reads what a refused op would have written; not worth a finding of its own."""


def builtin_name(code: tflite.OperatorCode) -> str:
    """The schema's name of an operator; both code fields are read, as newer files use the second."""
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    if number == tflite.BuiltinOperator.CUSTOM:
        custom = code.CustomCode()
        return f"CUSTOM({custom.decode('utf-8', 'replace')[:40] if custom else '?'})"
    return str(_BUILTIN_NAMES.get(number, f"operator {number}"))


@dataclass
class TensorTable:
    """Looks tensors up by index. Activations become Values when the op that writes them is read."""

    model: tflite.Model
    subgraph: tflite.SubGraph
    data: bytes
    source: str
    names: Names = field(default_factory=Names)
    values: dict[int, Value] = field(default_factory=dict)
    poisoned: set[int] = field(default_factory=set)
    input_findings: list[Finding] = field(default_factory=list)
    computed: dict[int, Array] = field(default_factory=dict)
    """Tensors that operators make of constants alone."""

    def count(self, n: int, what: str) -> int:
        """A vector's length, refused when the file could not hold that many elements."""
        if n > len(self.data) // 4:
            raise MalformedModel(f"{self.source}: {n} {what}, more than a file of {len(self.data)} bytes can hold")
        return n

    def indices(self, array: Any, what: str) -> list[int]:  # Any: the generated accessor returns 0 for a missing vector
        """A vector of tensor indices as a list; -1 marks an absent optional tensor."""
        if isinstance(array, int):
            return []
        self.count(len(array), what)
        tensors = self.subgraph.TensorsLength()
        if any(not -1 <= i < tensors for i in array.tolist()):
            raise MalformedModel(f"{self.source}: a tensor index among {what} is outside the {tensors} tensors")
        return [int(i) for i in array]

    def type(self, index: int) -> TensorType:
        """The declared type. Raises Refused for dynamic shapes and element types smidgen has not."""
        t = self.subgraph.Tensors(index)
        dtype = _DTYPES.get(t.Type())
        if dtype is None:
            name = _TYPE_NAMES.get(t.Type(), str(t.Type()))
            raise Refused(
                f"tensor {index} has element type {name}",
                "Convert the model to full int8 quantisation, or leave it in float32",
            )
        if t.IsVariable():
            raise Refused(f"tensor {index} is a variable", "State between calls is not supported; unroll it")
        shape = () if t.ShapeIsNone() else tuple(int(d) for d in t.ShapeAsNumpy())
        signature = () if t.ShapeSignatureIsNone() else tuple(int(d) for d in t.ShapeSignatureAsNumpy())
        self._check_static(index, shape, signature)
        return TensorType(dtype, shape, self._quant(index, t, shape))

    def _check_static(self, index: int, shape: tuple[int, ...], signature: tuple[int, ...]) -> None:
        dynamic = [i for i, d in enumerate(signature) if d < 0 and i > 0]
        if dynamic or any(d < 0 for d in shape):
            raise Refused(
                f"tensor {index} has a dynamic shape {list(signature or shape)}",
                "Fix every dimension but the batch when converting (a batch of -1 counts as 1)",
            )
        if any(d == 0 for d in shape) or len(shape) > 6 or np.prod(shape, dtype=np.float64) > _LARGEST_ELEMENTS:
            raise MalformedModel(f"{self.source}: tensor {index} has the impossible shape {list(shape)}")

    def _quant(self, index: int, t: tflite.Tensor, shape: tuple[int, ...]) -> QuantParams | None:
        q = t.Quantization()
        if q is None or q.ScaleLength() == 0:
            return None
        n = self.count(q.ScaleLength(), "scales")
        scales = tuple(float(s) for s in q.ScaleAsNumpy())
        zeros = tuple(int(z) for z in q.ZeroPointAsNumpy()) if q.ZeroPointLength() else (0,) * n
        axis = q.QuantizedDimension() if n > 1 else None
        if not all(np.isfinite(s) and s > 0 for s in scales):
            raise MalformedModel(f"{self.source}: tensor {index} has a scale that is not positive and finite")
        if len(zeros) != n or (axis is not None and (not 0 <= axis < len(shape) or shape[axis] != n)):
            raise MalformedModel(
                f"{self.source}: tensor {index} of shape {list(shape)} has {n} scales and {len(zeros)} zero points "
                f"on axis {axis}"
            )
        if t.Type() == tflite.TensorType.INT8 and any(not -128 <= z <= 127 for z in zeros):
            raise MalformedModel(f"{self.source}: tensor {index} is int8 with zero point outside -128..127")
        return QuantParams(scales, zeros, axis)

    def is_integer(self, index: int) -> bool:
        """True for a tensor of int32 or int64: shapes, axes and indices."""
        return index >= 0 and self.subgraph.Tensors(index).Type() in (tflite.TensorType.INT32, tflite.TensorType.INT64)

    def constant(self, index: int) -> Array | None:
        """A constant tensor's data in its shape, or None for an activation."""
        if index in self.computed:
            return self.computed[index]
        raw = self._buffer(index)
        if raw is None:
            return None
        of = self.type(index)
        self._check_bytes(index, raw, of.dtype, of.shape, of.nbytes)
        return np.frombuffer(raw.tobytes(), np.dtype(of.dtype).newbyteorder("<")).reshape(of.shape).astype(of.dtype)

    def half(self, index: int) -> Array | None:
        """A constant of float16 as float32; None for any other tensor."""
        t = self.subgraph.Tensors(index)
        raw = self._buffer(index) if t.Type() == tflite.TensorType.FLOAT16 else None
        if raw is None:
            return None
        shape = () if t.ShapeIsNone() else tuple(int(d) for d in t.ShapeAsNumpy())
        self._check_static(index, shape, ())
        self._check_bytes(index, raw, "float16", shape, 2 * math.prod(shape))
        return np.frombuffer(raw.tobytes(), "<f2").reshape(shape).astype(np.float32)

    def _buffer(self, index: int) -> Array | None:
        """The bytes of a constant tensor, or None for an activation."""
        t = self.subgraph.Tensors(index)
        if not 0 <= t.Buffer() < self.model.BuffersLength():
            raise MalformedModel(f"{self.source}: tensor {index} names buffer {t.Buffer()}, which does not exist")
        buffer = self.model.Buffers(t.Buffer())
        if t.Buffer() == 0 or buffer.DataIsNone() or buffer.DataLength() == 0:
            return None
        raw: Array = buffer.DataAsNumpy()
        return raw

    def _check_bytes(self, index: int, raw: Array, dtype: str, shape: tuple[int, ...], nbytes: int) -> None:
        if raw.nbytes != nbytes:
            number = self.subgraph.Tensors(index).Buffer()
            raise MalformedModel(
                f"{self.source}: buffer {number} has {raw.nbytes} bytes, tensor {index} ({dtype}{list(shape)}) "
                f"needs {nbytes}"
            )

    def graph_input(self, index: int) -> Value:
        """Define the value of a graph input."""
        if index < 0 or index in self.values:
            raise MalformedModel(f"{self.source}: graph input {index} is missing or listed twice")
        try:
            of = self.type(index)
        except Refused as e:
            self.input_findings.append(Finding("input", f"tensor {index}", e.reason, e.remedy))
            of = TensorType("int8", (1,), QuantParams((1.0,), (0,)))
            self.poisoned.add(index)
        value = Value(self.names.fresh((self.written_name(index) or "input")[:_LONGEST_INPUT_NAME]), of)
        self.values[index] = value
        return value

    def written_name(self, index: int) -> str:
        """The tensor's name in the file; empty where it has none."""
        return str((self.subgraph.Tensors(index).Name() or b"").decode("utf-8", "replace"))

    def activation(self, index: int) -> Value:
        """The value of a computed tensor. MalformedModel if nothing before has written it."""
        if index in self.poisoned:
            raise Downstream("its input comes from an unsupported operator", "Resolve that one first")
        if index not in self.values:
            raise MalformedModel(f"{self.source}: tensor {index} is read before any operator writes it")
        return self.values[index]

    def define(self, index: int, value: Value) -> None:
        if index in self.values:
            raise MalformedModel(f"{self.source}: tensor {index} is written twice")
        self.values[index] = value

    def poison(self, reader: OpReader) -> None:
        """Mark the outputs of a refused op, so that its readers do not report it again."""
        self.poisoned.update(i for i in reader.output_indices if i not in self.values)
