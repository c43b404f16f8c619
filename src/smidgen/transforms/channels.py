# SPDX-License-Identifier: Apache-2.0
"""How channels (indices of the last dimension) of a node's operands relate to those of its result."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from smidgen.ir import Node, TensorType, Value
from smidgen.ops import (
    Add,
    AveragePool2D,
    ByteOp,
    Concat,
    Conv2D,
    Crop,
    DepthwiseConv2D,
    Dequantize,
    Lookup,
    MaxPool2D,
    Mean,
    Mul,
    Pad,
    Reshape,
    Transpose,
)
from smidgen.ops.accumulators import ACCUMULATOR_LIMIT, Int64s, Weighted, shifted_worst_case

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Link:
    """Channel ``source[i]`` of operand number ``operand`` goes to channel ``target[i]`` of the result.

    A channel may occur several times on either side. ``broadcast``: the operand has one channel, read for all.
    """

    operand: int
    source: Ints
    target: Ints
    broadcast: bool = False


def channels(t: TensorType) -> int:
    return t.shape[-1] if t.shape else 1


def is_weighted(node: Node) -> bool:
    """True for an integer layer with constant weights and bias whose accumulators fit 32 bits."""
    if not isinstance(node.op, Weighted) or node.inputs[0].type.dtype != "int8":
        return False
    constant = all(v.data is not None for v in node.inputs[1:])
    return constant and bool(shifted_worst_case(node).max() < ACCUMULATOR_LIMIT)


def links(node: Node) -> tuple[Link, ...] | None:
    """How channels pass through, () where each result channel is a sum over channels, None where nothing is known."""
    if len(node.outputs) != 1 or any(v.type.quant is not None and v.type.quant.axis is not None for v in _data(node)):
        return None
    if isinstance(node.op, Weighted):
        return _weighted_links(node) if is_weighted(node) else None
    if isinstance(node.op, Add | Mul):
        return _binary_links(node)
    if isinstance(node.op, Concat | Pad | Reshape):
        return _moving_links(node)
    return (_same(0, channels(node.output.type)),) if _keeps_channels(node) else None


def _data(node: Node) -> Iterator[Value]:
    yield node.inputs[0]
    yield from node.outputs
    if isinstance(node.op, Add | Mul | Concat):
        yield from node.inputs[1:]


def _same(operand: int, count: int, shift: int = 0) -> Link:
    every = np.arange(count)
    return Link(operand, every, every + shift)


def _weighted_links(node: Node) -> tuple[Link, ...]:
    if not isinstance(node.op, DepthwiseConv2D):
        return ()
    every = np.arange(channels(node.output.type))
    return (Link(0, every // node.op.multiplier(node.types), every),)


def _keeps_channels(node: Node) -> bool:
    op, x = node.op, node.inputs[0].type
    if isinstance(op, Mean):
        return op.last < len(x.shape) - 1
    if isinstance(op, Transpose):
        return bool(op.permutation) and op.permutation[-1] == len(op.permutation) - 1
    if isinstance(op, Crop):
        return op.axis < len(x.shape) - 1
    return isinstance(op, AveragePool2D | ByteOp | Dequantize | Lookup | MaxPool2D) and bool(x.shape)


def _binary_links(node: Node) -> tuple[Link, ...] | None:
    if not all(v.type.shape for v in node.inputs):
        return None
    count = channels(node.output.type)
    first = Link(0, np.zeros(count, np.int64), np.arange(count), broadcast=True)
    counts = [channels(v.type) for v in node.inputs]
    return tuple(_same(i, count) if own == count else replace(first, operand=i) for i, own in enumerate(counts))


def _moving_links(node: Node) -> tuple[Link, ...] | None:
    op, y = node.op, node.output.type
    if isinstance(op, Concat):
        counts = [channels(v.type) for v in node.inputs]
        ends = np.cumsum([0, *counts]) if op.axis == len(y.shape) - 1 else [0] * len(counts)
        return tuple(_same(i, count, int(start)) for i, (count, start) in enumerate(zip(counts, ends, strict=False)))
    count = channels(node.inputs[0].type)
    if isinstance(op, Pad):
        return (_same(0, count, op.before[-1]),) if y.shape else None
    most = np.arange(max(count, channels(y)))
    divides = y.shape and node.inputs[0].type.shape and len(most) % min(count, channels(y)) == 0
    return (Link(0, most % count, most % channels(y)),) if divides else None


def taps(node: Node) -> Int64s:
    """The constant weights as (result channels, positions of the window, operand channels that each one sums)."""
    w = node.inputs[1].constant.astype(np.int64)
    if isinstance(node.op, DepthwiseConv2D):
        return np.moveaxis(w, -1, 0).reshape(w.shape[-1], -1, 1)
    return w.reshape(w.shape[0], -1, w.shape[-1])


def from_taps(node: Node, w: Int64s) -> npt.NDArray[np.int8]:
    """The inverse of ``taps``, for any number of channels."""
    shape = node.inputs[1].type.shape
    if isinstance(node.op, DepthwiseConv2D):
        return np.moveaxis(w.astype(np.int8).reshape(-1, *shape[:2]), 0, -1)
    return w.astype(np.int8).reshape(w.shape[0], *shape[1:-1], w.shape[-1])


def tap_sources(node: Node) -> Ints:
    """The operand's channel that each weight of ``taps`` multiplies: (result channels or 1, operand channels)."""
    op, count = node.op, channels(node.output.type)
    each = np.arange(node.inputs[1].type.shape[-1])[None]
    if isinstance(op, DepthwiseConv2D):
        return np.arange(count)[:, None] // op.multiplier(node.types)
    if isinstance(op, Conv2D) and op.groups > 1:
        return np.arange(count)[:, None] // (count // op.groups) * each.size + each
    return each


def is_padded(node: Node) -> bool:
    """True where a window may reach beyond the operand, into its zero point."""
    return isinstance(node.op, Conv2D | DepthwiseConv2D) and any(node.op.padding)
