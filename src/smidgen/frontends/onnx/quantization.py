# SPDX-License-Identifier: Apache-2.0
"""QuantizeLinear, DequantizeLinear, and which scale each integer tensor of the file has.

ONNX keeps scales in Q and DQ nodes, the IR in the tensor's type; so scales travel from those nodes through the ones
that only move bytes, before anything is imported. uint8 tensors become int8 by taking 128 from values and zero points,
except at the graph's inputs and outputs, where a Requantize node does it while the network runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import onnx

from smidgen.errors import InternalError, InvalidGraph, MalformedModel
from smidgen.frontends.onnx.blocks import blocked_constant
from smidgen.frontends.onnx.context import (
    Context,
    OnnxNode,
    Operand,
    QuantizedConstant,
    Refusal,
    shape_of,
    shift_quant,
    unshift_quant,
)
from smidgen.ir import Array, QuantParams, Value
from smidgen.ir.types import FourBit
from smidgen.ops import Dequantize, Quantize, Requantize

_MOVES_BYTES = frozenset(
    (
        "Concat",
        "Dropout",
        "Flatten",
        "Identity",
        "MaxPool",
        "Pad",
        "Reshape",
        "Slice",
        "Squeeze",
        "Transpose",
        "Unsqueeze",
    )
)
_SUPPORTED = "int8, uint8 (activations, weights), int16 (activations) and int32 (biases)"
_ACTIVATIONS = (np.int8, np.uint8, np.int16)


def propagate(nodes: list[OnnxNode], constants: Mapping[str, Array]) -> dict[str, QuantParams]:
    """Scale and zero point, as the file gives them, of every integer tensor that a Q or DQ node says something about.

    What a QuantizeLinear writes has its parameters; an input of the graph has those of the DequantizeLinear behind it.
    """
    table: dict[str, QuantParams] = {}
    for node in nodes:
        if node.op_type == "QuantizeLinear":
            _record(table, node, node.outputs[0], constants)
    for node in reversed(nodes):
        if node.op_type == "DequantizeLinear":
            _record(table, node, node.inputs[0], constants)
        elif node.op_type in _MOVES_BYTES and node.outputs[0] in table:
            for name in _data_inputs(node):
                table.setdefault(name, table[node.outputs[0]])
    for node in nodes:
        if node.op_type in _MOVES_BYTES and node.inputs and node.inputs[0] in table:
            table.setdefault(node.outputs[0], table[node.inputs[0]])
    return table


def _data_inputs(node: OnnxNode) -> Iterator[str]:
    yield from node.inputs if node.op_type == "Concat" else node.inputs[:1]


def _record(table: dict[str, QuantParams], node: OnnxNode, name: str, constants: Mapping[str, Array]) -> None:
    scale = constants.get(node.inputs[1])
    zero = constants.get(node.inputs[2]) if len(node.inputs) > 2 and node.inputs[2] else np.zeros((), np.int8)
    if scale is not None and zero is not None and scale.size == 1 and zero.size == 1 and name not in constants:
        table.setdefault(name, _params(node, scale, zero, None))


def _params(node: OnnxNode, scale: Array, zero: Array | None, axis: int | None) -> QuantParams:
    if scale.dtype != np.float32:
        raise Refusal(f"its scale is {scale.dtype}", "Use float32 scales")
    if zero is not None and zero.dtype.kind not in "iu":
        raise Refusal(f"its zero point is {zero.dtype}", "Quantise to int8 or uint8")
    zeros = np.zeros(scale.shape, np.int64) if zero is None else zero.astype(np.int64)
    if zeros.size != scale.size:
        raise MalformedModel(f"{node.loc}: {scale.size} scales but {zeros.size} zero points")
    try:
        return QuantParams(tuple(scale.ravel().tolist()), tuple(zeros.ravel().tolist()), axis)
    except InvalidGraph as e:
        raise MalformedModel(f"{node.loc}: {e}. Quantise the model again") from e


def _read_params(ctx: Context, node: OnnxNode, rank: int) -> tuple[QuantParams, np.dtype[np.generic] | None]:
    """Quantization and the zero point's dtype (None where the node has none)."""
    if node.int("block_size", 0):
        raise Refusal("an activation is quantised in blocks", "Quantise activations per tensor")
    scale = ctx.constant(node, 1, "scale")
    zero = ctx.constant(node, 2, "zero point")
    if scale is None or scale.ndim > 1:
        raise Refusal("its scale is neither one number nor a vector", "Quantise per tensor or per axis")
    axis = None
    if scale.size != 1:
        axis = node.int("axis", 1)
        axis += rank if axis < 0 else 0
        if not 0 <= axis < rank:
            raise MalformedModel(f"{node.loc}: axis {axis} of a tensor with {rank} dimensions")
    return _params(node, scale, zero, axis), None if zero is None else zero.dtype


def dequantize_linear(ctx: Context, node: OnnxNode) -> Operand:
    """Of a constant: remembered as it is, to be laid out where it is used. Of a tensor: a Dequantize node."""
    x = ctx.operand(node, 0)
    if isinstance(x, QuantizedConstant):
        raise MalformedModel(f"{node.loc}: it reads a tensor that is float already")
    if isinstance(x, np.ndarray):
        return _dequantized_constant(ctx, node, x)
    quant, zero_dtype = _read_params(ctx, node, len(x.type.shape))
    if quant.axis is not None:
        raise Refusal("an activation has per-axis scales", "Quantise activations per tensor")
    dtype = np.dtype(np.uint8 if x in ctx.unsigned else x.type.dtype)
    if zero_dtype not in (None, dtype):
        raise MalformedModel(f"{node.loc}: a zero point of {zero_dtype} for data of {dtype}")
    if dtype == np.uint8:
        quant = shift_quant(quant)
    if x.type.quant != quant:
        raise Refusal(f"it reads {x.type} as scale {quant.scale[0]:.9g}, zero point {quant.zero_point[0]}")
    return ctx.emit(Dequantize(), (x,), node.outputs[0], node.loc)


def _dequantized_constant(ctx: Context, node: OnnxNode, x: Array) -> QuantizedConstant:
    if node.int("block_size", 0):
        return blocked_constant(ctx, node, x)
    quant, zero_dtype = _read_params(ctx, node, x.ndim)
    if zero_dtype not in (None, x.dtype):
        raise MalformedModel(f"{node.loc}: a zero point of {zero_dtype} for data of {x.dtype}")
    if x.dtype not in (*_ACTIVATIONS, np.int32):
        raise Refusal(f"it reads {x.dtype}; supported are {_SUPPORTED}", "Quantise to int8")
    if quant.axis is not None and x.shape[quant.axis] != len(quant.scale):
        raise MalformedModel(f"{node.loc}: {len(quant.scale)} scales for axis {quant.axis} of {list(x.shape)}")
    _require_symmetric(quant, x.dtype)
    storage = FourBit() if node.inputs[0] in ctx.four_bit else None
    return QuantizedConstant(node.inputs[0], x, quant, storage)


_TYPE_OF_ATTRIBUTE: Mapping[int, np.dtype[np.generic]] = {
    onnx.TensorProto.INT8: np.dtype(np.int8),
    onnx.TensorProto.UINT8: np.dtype(np.uint8),
    onnx.TensorProto.INT16: np.dtype(np.int16),
}


def quantize_linear(ctx: Context, node: OnnxNode) -> Operand:
    """Of a tensor: a Quantize node, ties to even. Of a float constant: folded."""
    x = ctx.operand(node, 0)
    if isinstance(x, QuantizedConstant):
        x = ctx.materialize(x, x.name, node.loc)
    quant, dtype = _read_params(ctx, node, len(shape_of(x)))
    if node.has("output_dtype") and node.int("output_dtype", 0):
        dtype = _TYPE_OF_ATTRIBUTE.get(node.int("output_dtype", 0), np.dtype(object))
    dtype = dtype or np.dtype(np.uint8)
    if isinstance(x, np.ndarray):
        return _quantize_constant(ctx, node, x, quant, dtype)
    if dtype not in _ACTIVATIONS:
        raise Refusal(f"it quantises to {dtype}", "Quantise to int8, uint8 or int16")
    if quant.axis is not None:
        raise Refusal("an activation has per-axis scales", "Quantise activations per tensor")
    if dtype != np.uint8:
        _require_symmetric(quant, dtype)
        op = Quantize(quant, "int8" if dtype == np.int8 else "int16", "even")
        return ctx.emit(op, (x,), node.outputs[0], node.loc)
    y = ctx.emit(Quantize(shift_quant(quant), "int8", "even"), (x,), node.outputs[0], node.loc)
    ctx.unsigned.add(y)
    return y


def _quantize_constant(
    ctx: Context, node: OnnxNode, x: Array, quant: QuantParams, dtype: np.dtype[np.generic]
) -> Operand:
    if dtype not in (*_ACTIVATIONS, np.int32):
        raise Refusal(f"it quantises a constant to {dtype}; supported are {_SUPPORTED}", "Quantise to int8")
    real = ctx.real_constant(x, node.inputs[0])
    _require_symmetric(quant, dtype)
    name = {"b": "int8", "B": "uint8", "h": "int16", "i": "int32"}[dtype.char]
    op = Quantize(quant, name, "even")  # type: ignore[arg-type]  # one of four literals
    (data,) = op.evaluate([real.type], [x])
    return data


def _require_symmetric(quant: QuantParams, dtype: np.dtype[np.generic]) -> None:
    if dtype == np.int16 and any(quant.zero_point):
        raise Refusal(
            f"it is int16 with zero point {quant.zero_point[0]}; int16 tensors have zero point 0 here",
            "Quantise symmetrically (ActivationSymmetric=True in onnxruntime.quantization)",
        )


def uint8_input(ctx: Context, x: Value, loc: str) -> Value:
    """The int8 tensor that stands for this uint8 input of the graph."""
    if x.type.quant is None:
        raise InternalError(f"{loc}: a uint8 input without quantization")
    y = ctx.emit(Requantize(shift_quant(x.type.quant), "int8", rounding="even"), (x,), f"{x.name}_int8", loc)
    ctx.unsigned.add(y)
    return y


def uint8_output(ctx: Context, x: Value, name: str, loc: str) -> Value:
    """The uint8 output of the graph, of this name, that the int8 tensor ``x`` stands for."""
    if x.type.quant is None:
        raise InternalError(f"{loc}: a uint8 output without quantization")
    ctx.inner_names.pop(name, None)
    return ctx.emit(Requantize(unshift_quant(x.type.quant), "uint8", rounding="even"), (x,), name, loc)


def weights(operand: Operand, what: str) -> QuantizedConstant | Array:
    """Constant weights; quantized ones with every zero point folded to 0. Refuses where that does not fit int8."""
    if isinstance(operand, Value):
        raise Refusal(f"its {what} are computed while the network runs", f"Make the {what} constant")
    if isinstance(operand, np.ndarray):
        return operand
    if operand.data.dtype == np.int16:
        raise Refusal(f"its {what} are int16", "Quantise weights to int8 (weight_type=QuantType.QInt8)")
    centred = operand.data.astype(np.int64) - operand.zero_points()
    dtype = np.int32 if operand.data.dtype == np.int32 else np.int8
    if centred.min(initial=0) < np.iinfo(dtype).min or centred.max(initial=0) > np.iinfo(dtype).max:
        raise Refusal(
            f"its {what} have zero points other than 0 and, taken less these, do not fit {np.dtype(dtype)} "
            f"({centred.min()} to {centred.max()})",
            "Quantise weights symmetrically (WeightSymmetric=True in onnxruntime.quantization)",
        )
    quant = replace(operand.quant, zero_point=(0,) * len(operand.quant.scale))
    return replace(operand, data=centred.astype(dtype), quant=quant)
