# SPDX-License-Identifier: Apache-2.0
"""How large the accumulators of a layer with constant weights can get, whatever its input."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from smidgen.ir import Node
from smidgen.ops.arithmetic import RANGES
from smidgen.ops.conv import Conv2D, DepthwiseConv2D, Multipliers, weight_multipliers
from smidgen.ops.dense import FullyConnected

Int64s = npt.NDArray[np.int64]
Weighted = Conv2D | DepthwiseConv2D | FullyConnected
ACCUMULATOR_LIMIT = 1 << 31  # the least magnitude that int32 may not hold


def multipliers(node: Node) -> Multipliers:
    """(mult, shift) of a layer with weights; one pair a channel, or one in all for per-tensor dense layers."""
    op = node.op
    assert isinstance(op, Weighted)
    if isinstance(op, FullyConnected):
        return op.multipliers(node.types)
    return weight_multipliers(node["x"].type, node["w"].type, op.out_quant, node.output.type.shape[-1])


def channel_weights(node: Node) -> Int64s:
    """The constant weights as (out_c, everything else)."""
    w = node["w"].constant.astype(np.int64)
    w = np.moveaxis(w, -1, 0) if isinstance(node.op, DepthwiseConv2D) else w
    flat: Int64s = w.reshape(w.shape[0], -1)
    return flat


def largest_sum(node: Node) -> Int64s:
    """The largest |sum of products| of each output channel, whatever the input."""
    x = node["x"].type
    least, most = RANGES[x.dtype]
    largest: Int64s = np.abs(channel_weights(node)).sum(axis=1) * max(most - x.zero_point, x.zero_point - least)
    return largest


def worst_case(node: Node) -> Int64s:
    """The largest |accumulator| of each output channel: sum |w| * max |x - zero_point| + |b|."""
    bias = node.get("b")
    return largest_sum(node) + (np.int64(0) if bias is None else np.abs(bias.constant.astype(np.int64)))


def shifted_worst_case(node: Node) -> Int64s:
    """``worst_case``, shifted left where the multiplier is above 1, as TFLite's rounding does before it multiplies."""
    op = node.op
    assert isinstance(op, Weighted)
    largest = worst_case(node)
    if op.rounding != "double":
        return largest
    shifted: Int64s = largest << np.maximum(multipliers(node)[1], 0).astype(np.int64)
    return shifted
