# SPDX-License-Identifier: Apache-2.0
"""Five to eight bytes a channel: bias, and a word with the multiplier's upper bits and the shift.

smg_compact_channels.h reads them.

The word has 28 bits of mantissa below an implied one, and 4 bits that say how far the shift is above the layer's
least. A multiplier loses its two lowest bits, so it is taken only if every accumulator that the layer can reach still
gives the same output: outputs are monotone in the accumulator, so it is enough that they step at the same places.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from smidgen.ir import Node
from smidgen.kernels.common import Int32s, out_quant
from smidgen.kernels.fast_requantize import (
    EVEN,
    accumulator_bounds,
    fast_bias,
    fast_requantize,
    requantize_columns,
    rounding_mode,
)
from smidgen.ops import Conv2D, DepthwiseConv2D, FullyConnected
from smidgen.ops.accumulators import Int64s, channel_weights
from smidgen.ops.arithmetic import int_bounds

_SHIFT_SPREAD = 15
_TRIED = (0, 4, -4, 8, -8, 12, -12)  # next to the multiplier, its two lowest bits cleared


@dataclass(frozen=True, slots=True)
class Records:
    """bias without the input's zero point (out_c); words (out_c), or one for all; the least shift."""

    bias: Int64s
    words: npt.NDArray[np.uint32]
    base_shift: int
    constant: npt.NDArray[np.bool_]  # channels whose weights do not matter: they count as 0


def compact_records_exist(node: Node) -> bool:
    """Multipliers are below one half, within a factor of 32,768 of each other, and exact in 29 bits"""
    return fast_requantize(node) and records(node) is not None


@lru_cache(maxsize=512)
def records(node: Node) -> Records | None:
    """The layer's records, or None if its multipliers do not fit them. ``fast_requantize`` has to hold."""
    _, mult, _, shift = requantize_columns(node).astype(np.int64).T
    constant = mult == 0
    base = int(shift[~constant].min(initial=31)) if not constant.all() else 1
    if (shift[~constant] > base + _SHIFT_SPREAD).any():
        return None
    short = _shortened(node, mult, shift, constant)
    if short is None:
        return None
    words = (((short >> 2) & 0x0FFFFFFF) | (np.where(constant, 0, shift - base) << 28)).astype(np.uint32)
    value = _constant_outputs(node) - out_quant(node).zero_point[0]
    bias = np.where(constant, value << (base + 1), fast_bias(node))
    if (words == words[0]).all():
        words = words[:1]
    return Records(bias, words, base, constant)


def _biases(node: Node) -> Int64s:
    """The input's zero point times the weights is taken off, except where depthwise kernels do it by tap."""
    r = records(node)
    assert r is not None
    if isinstance(node.op, DepthwiseConv2D):
        return r.bias
    sums = np.where(r.constant, 0, channel_weights(node).sum(axis=1)) * node["x"].type.zero_point
    biases: Int64s = r.bias - sums
    return biases


def signed_bytes(values: Int64s) -> int:
    """Bytes that hold each of these int32 in two's complement, 1 to 4."""
    return int(np.maximum(values, ~values).max()).bit_length() // 8 + 1


def bias_bytes(node: Node) -> int:
    """Bytes of each bias of the layer; the kernels' sums wrap modulo 2^32, so a larger bias may too."""
    return min(4, signed_bytes(_biases(node)))


def packed_records(node: Node) -> Int32s:
    """Words, then biases of so many bytes each, filled up to whole words."""
    r = records(node)
    assert r is not None
    biases = (_biases(node) & 0xFFFFFFFF).astype("<u4")[:, None].view(np.uint8)[:, : bias_bytes(node)].reshape(-1)
    filled = np.pad(biases, (0, -len(biases) % 4))
    packed: Int32s = np.concatenate([r.words.astype("<u4").view(np.uint8), filled]).view("<i4").astype(np.int32)
    return packed


def _constant_outputs(node: Node) -> Int64s:
    """Of channels with a constant output that output, else 0: requantize_columns has it in the addend."""
    _, mult, addend, _ = requantize_columns(node).astype(np.int64).T
    outputs: Int64s = np.where(mult == 0, (addend - 1) >> 1, out_quant(node).zero_point[0])
    return outputs


def _shortened(node: Node, mult: Int64s, shift: Int64s, constant: npt.NDArray[np.bool_]) -> Int64s | None:
    """Multipliers with two low bits clear that give the same outputs for every reachable accumulator."""
    found = np.where(constant, np.int64(1 << 30), np.int64(0))
    steps, reach, levels = _steps(node, mult, shift), accumulator_bounds(node), _levels(node)
    for nudge in _TRIED:
        trial = np.clip((mult & ~np.int64(3)) + nudge, 1 << 30, (1 << 31) - 4)
        output = _kernel_output(trial, shift, even=rounding_mode(node) == EVEN)
        risen = (steps > reach) | (output(steps) >= levels)
        same = (risen & ((steps <= -reach) | (output(steps - 1) < levels))).all(axis=0)
        found = np.where((found == 0) & same, trial, found)
        if found.all():
            return found
    return None


def _levels(node: Node) -> Int64s:
    """Each output above the least, less the zero point, as a column."""
    op = node.op
    assert isinstance(op, Conv2D | DepthwiseConv2D | FullyConnected)
    zero_point, (lo, hi) = out_quant(node).zero_point[0], int_bounds(op.clamp)
    levels: Int64s = np.arange(lo + 1, hi + 1, dtype=np.int64)[:, None] - zero_point
    return levels


def _steps(node: Node, mult: Int64s, shift: Int64s) -> Int64s:
    """For each output level above the least, the least reachable accumulator that gives it (levels, out_c)."""
    levels, reach = _levels(node), accumulator_bounds(node)
    output = _kernel_output(mult, shift, even=rounding_mode(node) == EVEN)
    below = np.broadcast_to(-reach - 1, (len(levels), len(reach)))  # gives less than the level, or is out of reach
    enough = np.broadcast_to(reach + 1, below.shape)
    while (enough - below > 1).any():
        middle = (below + enough) >> 1
        reached = output(middle) >= levels
        below, enough = np.where(reached, below, middle), np.where(reached, middle, enough)
    return enough


def _kernel_output(mult: Int64s, shift: Int64s, *, even: bool) -> Callable[[Int64s], Int64s]:
    """What the kernel makes of an accumulator, before zero point and clamp."""
    half = (np.int64(1) << shift) >> 1

    def output(acc: Int64s) -> Int64s:
        high = (2 * acc * mult + (0 if even else 1 << 31)) >> 32
        rounded: Int64s = (high + half + (0 if even else acc >> 63)) >> shift
        return rounded

    return output
