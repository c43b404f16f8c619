# SPDX-License-Identifier: Apache-2.0
"""Proves that no 32-bit accumulator of the model can overflow, whatever the input."""

from __future__ import annotations

import numpy as np

from smidgen.errors import UnsupportedModel
from smidgen.ir import Graph, Node
from smidgen.ops import Conv2D, DepthwiseConv2D, FullyConnected
from smidgen.ops.conv import weight_multipliers

_LIMIT = 1 << 31


def check_accumulators(graph: Graph) -> Graph:
    """The graph itself, or UnsupportedModel naming the node and channel whose worst case leaves int32.

    Worst case of a channel: sum |w| * max |x - zero_point| + |b|, then shifted left where the multiplier is above 1
    (TFLite shifts before it multiplies), where TFLite Micro's own result is undefined.
    """
    for node in graph.nodes:
        if isinstance(node.op, Conv2D | DepthwiseConv2D | FullyConnected) and node["x"].type.dtype == "int8":
            _check(node)
    return graph


def worst_case(node: Node) -> np.typing.NDArray[np.int64]:
    """The largest |accumulator| of each output channel, as int64."""
    w = node["w"].constant.astype(np.int64)
    axes = (0, 1) if isinstance(node.op, DepthwiseConv2D) else tuple(range(1, w.ndim))
    zero_point = node["x"].type.zero_point
    bias = node.get("b")
    largest = np.abs(w).sum(axis=axes) * max(127 - zero_point, 128 + zero_point)
    total: np.typing.NDArray[np.int64] = largest + (
        np.abs(bias.constant.astype(np.int64)) if bias is not None else np.int64(0)
    )
    return total


def _check(node: Node) -> None:
    op = node.op
    assert isinstance(op, Conv2D | DepthwiseConv2D | FullyConnected)
    largest = worst_case(node)
    if isinstance(op, FullyConnected):
        _, shift = op.multipliers(node.types)
    else:
        _, shift = weight_multipliers(node["x"].type, node["w"].type, op.out_quant, largest.size)
    shifted = largest << np.maximum(shift, 0) if op.rounding == "double" else largest
    if shifted.max() >= _LIMIT:
        channel = int(shifted.argmax())
        left = max(int(shift.flat[channel % shift.size]), 0)
        raise UnsupportedModel(
            f"{node.loc}: the 32-bit accumulator of output channel {channel} can overflow (|sum| up to "
            f"{largest[channel]}, shifted left by {left}), so its result would be undefined. Check that channel's bias "
            f"and scales, and quantise the model again with sane ranges"
        )
