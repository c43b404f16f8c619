# SPDX-License-Identifier: Apache-2.0
"""Small TFLite files made in code: any operator, shape, quantization and options, also wrong ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt
import tflite

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Tensor:
    """A tensor of the file; one with ``data`` is constant, ``buffer`` overrides which buffer it names."""

    dtype: str
    shape: tuple[int, ...]
    scale: tuple[float, ...] = ()
    zero_point: tuple[int, ...] = ()
    axis: int = 0
    data: Array | None = None
    name: str = "t"
    signature: tuple[int, ...] | None = None
    buffer: int | None = None


@dataclass(frozen=True)
class Options:
    """An option table by its schema name, and its fields as the generated code calls them ("StrideH")."""

    table: str
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Operator:
    """Inputs and outputs by tensor index; -1 is an absent optional input."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Options | None = None
    version: int = 1


def int8(shape: Sequence[int], scale: float = 0.5, zero_point: int = 0, data: Array | None = None) -> Tensor:
    """A per-tensor quantised int8 tensor."""
    return Tensor("int8", tuple(shape), (scale,), (zero_point,), data=data)


def int32(data: Array) -> Tensor:
    """A constant int32 tensor: axes, paddings, shapes."""
    return Tensor("int32", np.shape(data), data=np.asarray(data, np.int32))


def per_channel(data: Array, scales: Sequence[float], axis: int) -> Tensor:
    """Constant int8 weights with a scale a channel."""
    return Tensor("int8", data.shape, tuple(scales), (0,) * len(scales), axis, data)


def single(
    kind: str, inputs: Sequence[Tensor | None], output: Tensor, options: Options | None = None, version: int = 1
) -> bytes:
    """A model of one operator. Inputs without data are the graph's inputs; None is an absent one."""
    while inputs and inputs[-1] is None:
        inputs = inputs[:-1]
    tensors = [t for t in inputs if t is not None] + [output]
    numbers, last = [], len(tensors) - 1
    for t in inputs:
        numbers.append(-1 if t is None else sum(n >= 0 for n in numbers))
    op = Operator(kind, tuple(numbers), (last,), options, version)
    return build(tensors, [op], [i for i in range(last) if tensors[i].data is None], [last])


def build(
    tensors: Sequence[Tensor],
    operators: Sequence[Operator],
    inputs: Sequence[int],
    outputs: Sequence[int],
    *,
    schema: int = 3,
    subgraphs: int = 1,
) -> bytes:
    """The bytes of a model; nothing is checked."""
    b = flatbuffers.Builder(1024)
    kinds = list(dict.fromkeys((op.kind, op.version) for op in operators))
    codes = _offsets(b, [_code(b, *k) for k in kinds])
    datas = [None, *(np.ascontiguousarray(t.data) for t in tensors if t.data is not None)]
    buffers = _offsets(b, [_buffer(b, d) for d in datas])
    place, number = {}, 0
    for i, t in enumerate(tensors):
        number += t.data is not None
        place[i] = t.buffer if t.buffer is not None else number if t.data is not None else 0
    table = _offsets(b, [_tensor(b, t, place[i]) for i, t in enumerate(tensors)])
    ops = _offsets(b, [_operator(b, op, kinds.index((op.kind, op.version))) for op in operators])
    ins, outs = b.CreateNumpyVector(np.array(inputs, np.int32)), b.CreateNumpyVector(np.array(outputs, np.int32))
    tflite.SubGraphStart(b)
    tflite.SubGraphAddTensors(b, table)
    tflite.SubGraphAddInputs(b, ins)
    tflite.SubGraphAddOutputs(b, outs)
    tflite.SubGraphAddOperators(b, ops)
    graphs = _offsets(b, [tflite.SubGraphEnd(b)] * subgraphs)
    tflite.ModelStart(b)
    tflite.ModelAddVersion(b, schema)
    tflite.ModelAddOperatorCodes(b, codes)
    tflite.ModelAddSubgraphs(b, graphs)
    tflite.ModelAddBuffers(b, buffers)
    b.Finish(tflite.ModelEnd(b), b"TFL3")
    return bytes(b.Output())


def _offsets(b: flatbuffers.Builder, offsets: Sequence[int]) -> int:
    b.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        b.PrependUOffsetTRelative(offset)
    return b.EndVector()


def _code(b: flatbuffers.Builder, kind: str, version: int) -> int:
    number = getattr(tflite.BuiltinOperator, kind)
    tflite.OperatorCodeStart(b)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(b, min(number, 127))
    tflite.OperatorCodeAddBuiltinCode(b, number)
    tflite.OperatorCodeAddVersion(b, version)
    return tflite.OperatorCodeEnd(b)


def _buffer(b: flatbuffers.Builder, data: Array | None) -> int:
    vector = None if data is None else _aligned_bytes(b, data.tobytes())
    tflite.BufferStart(b)
    if vector is not None:
        tflite.BufferAddData(b, vector)
    return tflite.BufferEnd(b)


def _aligned_bytes(b: flatbuffers.Builder, data: bytes) -> int:
    """A byte vector whose first element lies on a multiple of 16, as TFLite Micro reads constants in place."""
    b.StartVector(1, len(data), 16)
    b.head = b.head - len(data)
    b.Bytes[b.head : b.head + len(data)] = data
    return b.EndVector()


def _tensor(b: flatbuffers.Builder, t: Tensor, buffer: int) -> int:
    name = b.CreateString(t.name)
    shape = b.CreateNumpyVector(np.array(t.shape, np.int32))
    signature = None if t.signature is None else b.CreateNumpyVector(np.array(t.signature, np.int32))
    quant = _quantization(b, t) if t.scale else None
    tflite.TensorStart(b)
    tflite.TensorAddShape(b, shape)
    tflite.TensorAddType(b, getattr(tflite.TensorType, t.dtype.upper()))
    tflite.TensorAddBuffer(b, buffer)
    tflite.TensorAddName(b, name)
    if quant is not None:
        tflite.TensorAddQuantization(b, quant)
    if signature is not None:
        tflite.TensorAddShapeSignature(b, signature)
    return tflite.TensorEnd(b)


def _quantization(b: flatbuffers.Builder, t: Tensor) -> int:
    scale = b.CreateNumpyVector(np.array(t.scale, np.float32))
    zero = b.CreateNumpyVector(np.array(t.zero_point, np.int64))
    tflite.QuantizationParametersStart(b)
    tflite.QuantizationParametersAddScale(b, scale)
    tflite.QuantizationParametersAddZeroPoint(b, zero)
    tflite.QuantizationParametersAddQuantizedDimension(b, t.axis)
    return tflite.QuantizationParametersEnd(b)


def _operator(b: flatbuffers.Builder, op: Operator, code: int) -> int:
    options = None if op.options is None else _options(b, op.options)
    ins, outs = (b.CreateNumpyVector(np.array(n, np.int32)) for n in (op.inputs, op.outputs))
    tflite.OperatorStart(b)
    tflite.OperatorAddOpcodeIndex(b, code)
    tflite.OperatorAddInputs(b, ins)
    tflite.OperatorAddOutputs(b, outs)
    if op.options is not None:
        tflite.OperatorAddBuiltinOptionsType(b, getattr(tflite.BuiltinOptions, op.options.table))
        tflite.OperatorAddBuiltinOptions(b, options)
    return tflite.OperatorEnd(b)


def _options(b: flatbuffers.Builder, o: Options) -> int:
    fields = {k: b.CreateNumpyVector(np.array(v, np.int32)) if isinstance(v, tuple) else v for k, v in o.fields.items()}
    getattr(tflite, f"{o.table}Start")(b)
    for name, value in fields.items():
        getattr(tflite, f"{o.table}Add{name}")(b, value)
    return getattr(tflite, f"{o.table}End")(b)
