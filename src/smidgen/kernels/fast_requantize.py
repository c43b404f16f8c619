# SPDX-License-Identifier: Apache-2.0
"""Requantisation in three or four instructions: what has to hold for it, and its constants (smg_fast_requantize.h).

With acc2 twice the accumulator, y = (high(acc2 * mult) + addend) >> shift, where high is the upper word of the 64-bit
product, rounded for TFLite's double rounding, and addend = 2^(shift - 1) + (zero_point << shift).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from smidgen.ir import Node
from smidgen.kernels.common import Int32s, fitted_bias, out_quant
from smidgen.ops import Conv2D, DepthwiseConv2D, FullyConnected
from smidgen.ops.accumulators import Int64s, channel_weights, largest_sum, multipliers
from smidgen.ops.arithmetic import int_bounds, requantize

LARGEST_SHIFT = 22  # so that |addend| < 2^30 for any zero point
DOUBLE, CLAMPED_AT_ZERO_POINT, EVEN = 0, 1, 2


def rounding_mode(node: Node) -> int:
    """SMG_ROUNDING_MODE: with a lower clamp at the zero point, how negative ties round cannot be seen."""
    op = node.op
    assert isinstance(op, Conv2D | DepthwiseConv2D | FullyConnected)
    if op.rounding == "even":
        return EVEN
    return CLAMPED_AT_ZERO_POINT if int_bounds(op.clamp)[0] == out_quant(node).zero_point[0] else DOUBLE


def requantize_constants(node: Node) -> Mapping[str, int]:
    """The macros of smg_fast_requantize.h."""
    op = node.op
    assert isinstance(op, Conv2D | DepthwiseConv2D | FullyConnected)
    lo, hi = int_bounds(op.clamp)
    return {"SMG_ROUNDING_MODE": rounding_mode(node), "SMG_ACT_MIN": lo, "SMG_ACT_MAX": hi}


def accumulator_bounds(node: Node) -> Int64s:
    """The largest |accumulator| of each channel as the fast kernels see it (out_c)."""
    return largest_sum(node) + np.abs(fast_bias(node))


def fast_requantize(node: Node) -> bool:
    """Multipliers are below one half, doubled accumulators fit 32 bits and, with ties to even, none can be a tie"""
    mult, shift = _multipliers(node)
    right, bounds = -shift, accumulator_bounds(node)
    able = (right >= 1) & (right <= LARGEST_SHIFT)
    if rounding_mode(node) == EVEN:
        trailing = np.log2(np.maximum(mult & -mult, 1)).astype(np.int64)
        able &= bounds < np.int64(1) << np.clip(30 + right - trailing, 0, 62)
    return bool(((able | _constant(node)[0]) & (bounds < 1 << 30)).all())


def requantize_columns(node: Node) -> Int32s:
    """Of each channel (out_c, 4): bias with the input's zero point folded in, mult, addend, shift.

    A channel whose output is the same whatever the input gets mult 0.
    """
    mult, shift = _multipliers(node)
    constant, value = _constant(node)
    right = np.where(constant, 1, -shift)
    offset = np.where(constant, value, out_quant(node).zero_point[0])
    addend = (np.int64(1) << np.maximum(right - 1, 0)) + (offset << np.maximum(right, 0))
    bias = fast_bias(node) - node["x"].type.zero_point * channel_weights(node).sum(axis=1)
    columns = np.stack([bias, np.where(constant, 0, mult), addend, right], axis=1)
    packed: Int32s = (columns & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
    return packed


def fast_bias(node: Node) -> Int64s:
    """The bias without the input's zero point (out_c); 0 where the output is constant."""
    bias: Int64s = np.where(_constant(node)[0], 0, fitted_bias(node))
    return bias


def _multipliers(node: Node) -> tuple[Int64s, Int64s]:
    channels = len(channel_weights(node))
    mult, shift = (np.broadcast_to(a.astype(np.int64), channels) for a in multipliers(node))
    return mult, shift


def _constant(node: Node) -> tuple[npt.NDArray[np.bool_], Int64s]:
    """Which channels give one output whatever the input, and that output, clamped."""
    op = node.op
    assert isinstance(op, Conv2D | DepthwiseConv2D | FullyConnected)
    (mult, shift), bias, reach = multipliers(node), fitted_bias(node), largest_sum(node)
    lo, hi = int_bounds(op.clamp)
    offset = out_quant(node).zero_point[0]
    least, most = (
        np.clip(requantize(acc, mult, shift, op.rounding) + offset, lo, hi) for acc in (bias - reach, bias + reach)
    )
    return (least == most) & (shift <= 0), least.astype(np.int64)
