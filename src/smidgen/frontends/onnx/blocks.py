# SPDX-License-Identifier: Apache-2.0
"""DequantizeLinear in blocks (opset 21): four-bit weights whose groups of inputs have scales of their own.

The IR keeps one scale a channel and a whole factor, 1 to 15, a group. A file says so where each block's scale is itself
a DequantizeLinear of factors, or where the scales of a channel happen to be whole multiples of one.
"""

from __future__ import annotations

from contextlib import suppress

import numpy as np

from smidgen.errors import InvalidGraph, MalformedModel
from smidgen.frontends.onnx.context import Context, OnnxNode, QuantizedConstant, Refusal
from smidgen.ir import Array, QuantParams
from smidgen.ir.types import MOST_GROUP_FACTOR, FourBit

_SAME_SCALE = (
    1e-6  # relative: float32 products of a float32 scale are off by at most 6e-8, their quotients by twice that
)
_REMEDY = "Quantise weights per tensor or per channel, or export with smidgen quantize"


def blocked_constant(ctx: Context, node: OnnxNode, data: Array) -> QuantizedConstant:
    """A matrix of four-bit integers as int8: each times its block's factor, with a scale a channel."""
    block = node.int("block_size", 0)
    if node.inputs[0] not in ctx.four_bit or data.ndim != 2 or block < 1:
        raise Refusal("quantisation in blocks is supported only for matrices of four-bit integers", _REMEDY)
    axis = node.int("axis", 1) % 2 if -2 <= node.int("axis", 1) < 2 else -1
    if axis < 0:
        raise MalformedModel(f"{node.loc}: axis {node.int('axis', 1)} of a matrix")
    by_channel = np.moveaxis(data, axis, 1).astype(np.int16)  # (channels, k)
    blocks = -(-by_channel.shape[1] // block)
    scale, factors = _scales(ctx, node, axis, (len(by_channel), blocks))
    zero = _zero_points(ctx, node, axis, factors.shape)
    block_of = np.arange(by_channel.shape[1]) // block
    products = (by_channel - zero[:, block_of]) * factors[:, block_of]
    if products.min(initial=0) < -128 or products.max(initial=0) > 127:
        raise Refusal("its zero points lie at the end of the range", _REMEDY)
    storage = None
    with suppress(InvalidGraph):  # blocks that are no multiple of 8: kept in 8 bits
        storage = FourBit(block)
    quant = QuantParams(tuple(scale.tolist()), (0,) * len(scale), 1 - axis)
    return QuantizedConstant(node.inputs[0], np.moveaxis(products, 1, axis).astype(np.int8), quant, storage)


def _scales(ctx: Context, node: OnnxNode, axis: int, shape: tuple[int, int]) -> tuple[Array, Array]:
    """(a scale a channel, factors (channels, blocks) as int16)."""
    given = ctx.operand(node, 1)
    if isinstance(given, QuantizedConstant):
        factors = np.moveaxis(given.data.astype(np.int64) - given.zero_points(), axis, 1)
        channel_axis = given.quant.axis in (None, 1 - axis)
        scale = np.array(given.quant.scale, np.float64)
    else:
        array = ctx.constant(node, 1, "scale")
        if (
            array is None
            or array.dtype != np.float32
            or array.ndim != 2
            or not np.all(np.isfinite(array) & (array > 0))
        ):
            raise Refusal("its scales are no positive float32 matrix", _REMEDY)
        factors, scale, channel_axis = *_whole_multiples(np.moveaxis(array, axis, 1)), True
    if factors.shape != shape:
        raise MalformedModel(f"{node.loc}: scales of shape {list(factors.shape)} for {list(shape)} blocks")
    if not channel_axis or factors.min() < 1 or factors.max() > MOST_GROUP_FACTOR:
        raise Refusal(f"its blocks' scales are not 1 to {MOST_GROUP_FACTOR} times a scale of the channel", _REMEDY)
    return np.broadcast_to(scale, shape[:1]), factors.astype(np.int16)


def _whole_multiples(scales: Array) -> tuple[Array, Array]:
    """(factors, channel scales) whose products are the scales, the least factors; 0 where there are none."""
    factors = np.zeros(scales.shape, np.int64)
    base = np.zeros(len(scales))
    least = scales.min(axis=1)
    for divisor in range(MOST_GROUP_FACTOR, 0, -1):
        scale = (least / np.float32(divisor)).astype(np.float32)
        whole = np.rint(scales / scale[:, None])
        equal = (np.abs(scale[:, None] * whole - scales) <= _SAME_SCALE * scales).all(axis=1)
        equal &= whole.max(axis=1) <= MOST_GROUP_FACTOR
        factors[equal], base[equal] = whole[equal].astype(np.int64), scale[equal]
    return factors, base


def _zero_points(ctx: Context, node: OnnxNode, axis: int, shape: tuple[int, ...]) -> Array:
    zero = ctx.constant(node, 2, "zero point")
    if zero is None:
        return np.zeros(shape, np.int16)
    if zero.ndim != 2 or np.moveaxis(zero, axis, 1).shape != shape:
        raise MalformedModel(f"{node.loc}: zero points of shape {list(zero.shape)} for {list(shape)} blocks")
    return np.moveaxis(zero, axis, 1).astype(np.int16)
