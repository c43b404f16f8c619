# SPDX-License-Identifier: Apache-2.0
"""ONNX ops that scale and shift by constants: BatchNormalization, and ai.onnx.ml's Scaler."""

from __future__ import annotations

import numpy as np
import onnx

from smidgen.errors import MalformedModel
from smidgen.frontends.onnx.context import Context, OnnxNode, Operand, Refusal
from smidgen.frontends.onnx.elementwise import real_constant, with_constant
from smidgen.frontends.onnx.simple import require_float
from smidgen.ir import Array
from smidgen.ops import Add, Mul

_BATCH_NORM = ("scale", "bias", "mean", "variance")


def batch_normalization(ctx: Context, node: OnnxNode) -> Operand:
    """x * a + b with a = scale / sqrt(variance + epsilon), b = bias - mean * a, both computed in doubles."""
    x, name = ctx.value(node, 0), node.outputs[0]
    require_float(node, x)
    if node.int("training_mode", 0) or ctx.read.intersection(node.outputs[1:]):
        raise Refusal("it is in training mode", "Export for inference (model.eval())")
    rank = len(x.type.shape)
    if rank < 2:
        raise MalformedModel(f"{node.loc}: batch normalisation of {rank} dimensions")
    scale, bias, mean, variance = (
        _channel_vector(ctx, node, i + 1, what, x.type.shape[1]) for i, what in enumerate(_BATCH_NORM)
    )
    variance = variance + node.float("epsilon", 1e-5)
    if not np.all(variance > 0):
        raise MalformedModel(f"{node.loc}: a variance is negative, or 0 without epsilon")
    factor = scale / np.sqrt(variance)
    shape = (x.type.shape[1],) + (1,) * (rank - 2)
    scaled = with_constant(ctx, node, Mul(rounding="even"), x, factor.reshape(shape), f"{name}_scaled")
    return with_constant(ctx, node, Add(rounding="even"), scaled, (bias - mean * factor).reshape(shape), name)


def _channel_vector(ctx: Context, node: OnnxNode, index: int, what: str, channels: int) -> Array:
    vector = real_constant(ctx, node, index)
    if vector is None:
        raise Refusal(f"its {what} is computed while the network runs", f"Make the {what} a constant before export")
    if vector.size != channels or vector.dtype.kind != "f":
        raise MalformedModel(f"{node.loc}: its {what} is {vector.dtype}{list(vector.shape)}, expected {channels} reals")
    real: Array = vector.reshape(-1).astype(np.float64)
    return real


def scaler(ctx: Context, node: OnnxNode) -> Operand:
    """(x - offset) * scale, a number each or one for every column."""
    x, name = ctx.value(node, 0), node.outputs[0]
    require_float(node, x)
    width = x.type.shape[-1] if x.type.shape else 1
    offset, scale = (_column_numbers(node, which, default, width) for which, default in (("offset", 0.0), ("scale", 1)))
    centred = with_constant(ctx, node, Add(rounding="even"), x, -offset, f"{name}_centred")
    return with_constant(ctx, node, Mul(rounding="even"), centred, scale, name)


def _column_numbers(node: OnnxNode, name: str, default: float, width: int) -> Array:
    found = [a for a in node.proto.attribute if a.name == name]
    raw = list(onnx.helper.get_attribute_value(found[0])) if found else [default]
    numbers = np.array(raw, np.float32)
    if numbers.size not in (1, width) or not np.all(np.isfinite(numbers)):
        raise MalformedModel(f"{node.loc}: attribute {name} has {numbers.size} numbers for {width} columns")
    return numbers
