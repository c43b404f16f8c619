# SPDX-License-Identifier: Apache-2.0
"""Requantisation with vectors of 32 bits: what has to hold for it, its constants, its instructions.

TFLite's double rounding is VSMUL, then VNCLIP, both to nearest; away from zero where a negative result is a tie. One
rounding, ties to even, is VSMUL to odd, then VNCLIP to even: the product to odd tells a tie from what lies beside it as
long as at least two bits are shifted out, so accumulators of smaller shifts are shifted left first.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from smidgen.ir import Node
from smidgen.kernels.common import Int32s
from smidgen.kernels.fast_requantize import EVEN, requantize_constants, rounding_mode
from smidgen.ops.accumulators import ACCUMULATOR_LIMIT, Int64s, channel_weights, multipliers, worst_case

RVV = frozenset({"rvv"})
LANES = 32  # of 16 bits in four registers, where VLEN is 128: what costs are told for
LEAST_EVEN_SHIFT = 2
_MOST_LEFT = 24


def _shifts(node: Node) -> tuple[Int64s, Int64s, Int64s]:
    """Multiplier, left shift before it and right shift after it, of each channel."""
    channels = len(channel_weights(node))
    mult, shift = (np.broadcast_to(a.astype(np.int64), channels) for a in multipliers(node))
    least = LEAST_EVEN_SHIFT if rounding_mode(node) == EVEN else 0
    shift = np.where(mult == 0, -least, shift)  # next to nothing: any shift does
    right = np.maximum(-shift, least)
    return mult, right + shift, right


def vector_requantize(node: Node) -> bool:
    """Accumulators, shifted left where a multiplier is large (with ties to even, above 1/8), provably fit 32 bits"""
    _, left, right = _shifts(node)
    if left.max() > _MOST_LEFT or right.max() >= 32:
        return False
    return bool((worst_case(node) << left).max() < ACCUMULATOR_LIMIT)


def records(node: Node) -> Int32s:
    """Of each channel (out_c, 4): bias with the input's zero point folded in, left shift, multiplier, right shift."""
    mult, left, right = _shifts(node)
    w, given = channel_weights(node), node.get("b")
    bias = np.zeros(len(w), np.int64) if given is None else given.constant.astype(np.int64)
    bias = bias - node["x"].type.zero_point * w.sum(axis=1)
    columns = np.stack([bias, left, mult, right], axis=1)
    packed: Int32s = (columns & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
    return packed


def constants(node: Node) -> Mapping[str, int]:
    """The macros of smg_rvv.h."""
    fixed = requantize_constants(node)
    clamps = (fixed["SMG_ACT_MIN"], fixed["SMG_ACT_MAX"]) != (-128, 127)
    return {
        "SMG_ROUNDING_MODE": fixed["SMG_ROUNDING_MODE"],
        "SMG_LEFT": int(_shifts(node)[1].any()),
        "SMG_CLAMPS": int(clamps),
    }


def output_instructions(node: Node) -> float:
    """Of LANES outputs, from their sums: arithmetic, changes of the element width, a store."""
    fixed = constants(node)
    return 12 + 2 * (fixed["SMG_ROUNDING_MODE"] != 1) + fixed["SMG_LEFT"] + 2 * fixed["SMG_CLAMPS"]
