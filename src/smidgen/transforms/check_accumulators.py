# SPDX-License-Identifier: Apache-2.0
"""Proves that no 32-bit accumulator of the model can overflow, whatever the input."""

from __future__ import annotations

from smidgen.errors import UnsupportedModel
from smidgen.ir import Graph, Node
from smidgen.ops.accumulators import ACCUMULATOR_LIMIT, Weighted, multipliers, shifted_worst_case, worst_case


def check_accumulators(graph: Graph) -> Graph:
    """The graph itself, or UnsupportedModel naming the node and channel whose worst case leaves int32.

    Worst case of a channel: sum |w| * max |x - zero_point| + |b|, then shifted left where the multiplier is above 1
    (TFLite shifts before it multiplies), where TFLite Micro's own result is undefined. Sums of int16 have
    64 bits, which no layer's weights are enough to exceed.
    """
    for node in graph.nodes:
        if isinstance(node.op, Weighted) and node["x"].type.dtype == "int8":
            _check(node)
    return graph


def _check(node: Node) -> None:
    largest, shifted, (_, shift) = worst_case(node), shifted_worst_case(node), multipliers(node)
    if shifted.max() >= ACCUMULATOR_LIMIT:
        channel = int(shifted.argmax())
        left = max(int(shift.flat[channel % shift.size]), 0)
        raise UnsupportedModel(
            f"{node.loc}: the 32-bit accumulator of output channel {channel} can overflow (|sum| up to "
            f"{largest[channel]}, shifted left by {left}), so its result would be undefined. Check that channel's bias "
            f"and scales, and quantise the model again with sane ranges"
        )
