# SPDX-License-Identifier: Apache-2.0
"""What kernels for four-bit weights share: which weights those are, and their parts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from smidgen.ir import Array, FourBit, Node, four_bit_parts
from smidgen.kernels.common import Int32s, accumulator_fits_doubled, out_quant, packed_channels
from smidgen.kernels.fast_requantize import (
    DOUBLE,
    EVEN,
    fast_requantize,
    requantize_columns,
    requantize_constants,
    rounding_mode,
)
from smidgen.ops import Conv2D, FullyConnected
from smidgen.ops.accumulators import Int64s, channel_weights, multipliers
from smidgen.ops.arithmetic import int_bounds


def four_bit_weights(node: Node) -> bool:
    """Weights and bias are constants, the weights kept in four bits"""
    bias, w = node.get("b"), node["w"]
    return w.data is not None and isinstance(w.type.storage, FourBit) and (bias is None or bias.data is not None)


def group_of(node: Node) -> int:
    """SMG_GROUP: consecutive weights of an output channel that share a factor; 0: all factors are 1."""
    storage = node["w"].type.storage
    assert isinstance(storage, FourBit)
    return storage.group or 0


@lru_cache(maxsize=64)
def parts(node: Node) -> tuple[Array, Array]:
    """(w, factors) of the layer's weights: (out_c, values) in -8 .. 7 and (out_c, groups) in 1 .. 15."""
    data, storage = node["w"].constant, node["w"].type.storage
    assert isinstance(storage, FourBit)
    found = four_bit_parts(data.reshape(len(data), -1), storage.group)
    assert found is not None, "verified: invariant 8 of Graph"
    return found


def live_parts(node: Node) -> tuple[Array, Array]:
    """``parts`` for kernels that read ``channel_columns``."""
    w, factors = parts(node)
    if not fast_requantize(node):
        return w, factors
    constant = requantize_columns(node)[:, 1:2] == 0
    return np.where(constant, 0, w).astype(np.int8), factors


def grouped_factors(node: Node) -> Array:
    """(out_c, groups), or nothing a channel where all factors are 1."""
    w, factors = parts(node)
    return factors if group_of(node) else np.zeros((len(w), 0), np.uint8)


def requantizes(node: Node) -> bool:
    """Twice the accumulators, shifted left where a multiplier is above 1, provably fit 32 bits"""
    return fast_requantize(node) or accumulator_fits_doubled(node)


def is_general(node: Node) -> bool:
    """SMG_GENERAL: requantisation for any multiplier, in place of the fast one."""
    return not fast_requantize(node)


def channel_columns(node: Node) -> Int64s:
    """Of each channel (out_c, 3) bias with the input's zero point folded in, mult, shift.

    Shifts are to the right where ``fast_requantize`` holds, there from 1 on; else, where SMG_GENERAL, TFLite's. A
    channel of constant output becomes one without weights whose bias, times 2^30 / 2^32, gives that.
    """
    if is_general(node):
        mult, shift = (np.broadcast_to(a.astype(np.int64), len(channel_weights(node))) for a in multipliers(node))
        return np.stack([packed_channels(node)[:, 0].astype(np.int64), mult, shift], axis=1)
    bias, mult, addend, shift = requantize_columns(node).astype(np.int64).T
    constant, output = mult == 0, (addend - 1) >> 1
    bias = np.where(constant, 4 * (output - out_quant(node).zero_point[0]), bias)
    columns: Int64s = np.stack([bias, np.where(constant, 1 << 30, mult), shift], axis=1)
    return columns


def requantize_cycles(node: Node) -> int:
    """Cycles of an output from its doubled accumulator to its store."""
    if is_general(node):
        return 24 if rounding_mode(node) == EVEN else 18
    op = node.op
    assert isinstance(op, Conv2D | FullyConnected)
    lo, hi = int_bounds(op.clamp)
    return 4 + (rounding_mode(node) == DOUBLE) + 3 * ((lo > -128) + (hi < 127))


def as_int32(values: Array) -> Int32s:
    """Values modulo 2^32."""
    wrapped: Int32s = (values & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
    return np.ascontiguousarray(wrapped)


def layer_constants(node: Node) -> Mapping[str, int]:
    """SMG_GENERAL and what smg_fast_requantize.h needs."""
    return {"SMG_GENERAL": int(is_general(node)), **requantize_constants(node)}
