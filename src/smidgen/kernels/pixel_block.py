# SPDX-License-Identifier: Apache-2.0
"""What include/smg_pixel_block.h and include/smg_strip.h rest on: packed weights, bounds, cycles and code bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from smidgen.ir import Array, Node
from smidgen.kernels.common import Int32s
from smidgen.kernels.fast_requantize import DOUBLE, accumulator_bounds, requantize_columns, rounding_mode
from smidgen.kernels.flash_use import FlashUse
from smidgen.kernels.kernel import Packed
from smidgen.ops import Conv2D
from smidgen.ops.accumulators import channel_weights
from smidgen.ops.arithmetic import int_bounds

MOST_PIXEL_BYTES, MOST_STEPS, MOST_CHANNELS = 1364, 1023, 1023
REGISTER_WORDS, REGISTER_STEPS = 20, 11  # weight words of a pair that stay in FPU registers, and their steps
DATA_CACHE_BYTES = 256  # of an STM32L4+, the smallest in front of flash that is known here
TURN_STEPS = 8  # at most, of the loop over streamed weights
RAW_LIMIT = 1 << 23


def pixel_words(channels: int) -> int:
    """SMG_PIXEL_WORDS."""
    return channels // 4 * 2 + (0, 1, 1, 2)[channels % 4]


def lanes(values: Array) -> Array:
    """The last dimension, channels, as (words, 2) in the order of smg_strip.h, zeros past the end."""
    channels = values.shape[-1]
    fours = channels // 4 * 4
    order = [q + i for q in range(0, fours, 4) for i in (0, 2, 1, 3)]
    order += [(), (fours, -1), (fours, fours + 1), (fours, fours + 2, fours + 1, -1)][channels % 4]
    padded = np.concatenate([values, np.zeros((*values.shape[:-1], 1), values.dtype)], axis=-1)
    return padded[..., order].reshape(*values.shape[:-1], pixel_words(channels), 2)


def words(values: Array) -> Int32s:
    """Pairs of int16 (..., 2) as words (...), the first in the low half."""
    assert values.min(initial=0) >= -(1 << 15)
    assert values.max(initial=0) < 1 << 15
    halves = np.ascontiguousarray(values.astype("<i2"))
    return halves.view("<i4")[..., 0].astype(np.int32)


def paired(channels: int) -> Array:
    """The channels of each pair (pairs, 2); of an odd number the last pair is the last two."""
    first = np.minimum(np.arange(0, channels, 2), channels - 2)
    return np.stack([first, first + 1], axis=1)


def outputs_pairable(node: Node) -> bool:
    """There are 2 to 1023 output channels"""
    return 2 <= node.output.type.shape[-1] <= MOST_CHANNELS


def raw_pairs_fit(node: Node) -> bool:
    """No weight of -128 stands beside a negative one in a pair of channels, and odd channels' sums fit 24 bits"""
    w, bounds = channel_weights(node), accumulator_bounds(node)
    pairs = paired(len(w))
    even, odd = w[pairs[:, 0]], w[pairs[:, 1]]
    return not ((odd == -128) & (even < 0)).any() and bool((bounds[pairs[:, 1]] < RAW_LIMIT).all())


def pack_pairs(node: Node, weights: Array, wide: bool) -> Mapping[str, Packed]:
    """Pairs of channels as words, in place of the bias; there are no weights beside them.

    ``weights`` (out_c, steps, 2) are the int8 ones in the order of the inputs.
    """
    columns = requantize_columns(node).astype(np.int64)
    pairs = paired(len(weights))
    even, odd = (columns[pairs[:, i]] for i in (0, 1))
    if wide:
        starts = np.stack([2 * even[:, 0], 2 * odd[:, 0]], axis=1)
        stream = words(2 * weights.astype(np.int64)[pairs].transpose(0, 2, 1, 3)).reshape(len(pairs), -1)
    else:
        starts = np.stack([even[:, 0], 256 * odd[:, 0] + even[:, 0]], axis=1)
        w = weights.astype(np.int64)
        stream = words(256 * w[pairs[:, 1]] + w[pairs[:, 0]])
    packed = np.concatenate([starts, even[:, 1:], odd[:, 1:], stream], axis=1)
    as_int32 = (packed & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
    return {"w": Packed(None), "b": Packed(np.ascontiguousarray(as_int32))}


def requantize_cycles(node: Node) -> int:
    """Cycles of an output from its doubled accumulator to its store."""
    assert isinstance(node.op, Conv2D)
    lo, hi = int_bounds(node.op.clamp)
    return 4 + (rounding_mode(node) == DOUBLE) + 3 * ((lo > -128) + (hi < 127))


def _in_registers(steps: int, wide: bool) -> bool:
    return steps <= REGISTER_STEPS and steps * (1 + wide) <= REGISTER_WORDS


def row_cycles(node: Node, steps: int, pixels: int, wide: bool) -> float:
    """smg_pixel_row: two channels of a row of pixels."""
    groups = -(-pixels // 4)
    finish = 8 * requantize_cycles(node) + (0 if wide else 12) + 19
    if _in_registers(steps, wide):
        return 57 + steps * (1 + wide) + groups * (15 * steps + finish)
    turns = (steps + TURN_STEPS - 2) // TURN_STEPS
    skipped = -(-(steps - 1) // turns) * turns - (steps - 1)
    return 58 + groups * (16 * steps + finish + 5 * turns - 2 + 1 + 3 * (skipped > 0)) + (6 if pixels % 4 else 0)


def row_code_bytes(node: Node, steps: int, wide: bool) -> int:
    """Code of smg_pixel_row."""
    finish = 32 * requantize_cycles(node) + (0 if wide else 48)
    if _in_registers(steps, wide):
        return 170 + finish + 56 * steps + 4 * steps * (1 + wide)
    turns = (steps + TURN_STEPS - 2) // TURN_STEPS
    return 250 + finish + 57 * -(-(steps - 1) // turns)


def row_flash_use(node: Node, steps: int, wide: bool, calls: Sequence[int]) -> FlashUse:
    """smg_pixel_row for all channels of rows of so many pixels each.

    Weights in registers are read once a row; streamed ones again for four pixels, if a data cache does not hold them.
    """
    pairs, weights = -(-node.output.type.shape[3] // 2), 4 * steps * (1 + wide)
    groups = sum(-(-pixels // 4) for pixels in calls)
    reads = groups if weights > DATA_CACHE_BYTES and not _in_registers(steps, wide) else len(calls)
    again = pairs * ((reads - 1) * weights + (len(calls) - 1) * 32)
    return FlashUse(again, ((row_code_bytes(node, steps, wide) - 110, pairs * groups),))


def expand_cycles(channels: int) -> float:
    """smg_expand_pixels: a pixel."""
    sixteens, eights, fours, rest = channels // 16, channels % 16 // 8, channels % 8 // 4, channels % 4
    looped = 4 * sixteens if channels >= 80 else 0
    return 21 * sixteens + looped + 11 * eights + 6 * fours + (0, 3, 5, 7)[rest] + 6


def expand_code_bytes(channels: int) -> int:
    """smg_expand_pixels."""
    sixteens, eights, fours, rest = channels // 16, channels % 16 // 8, channels % 8 // 4, channels % 4
    return 44 + 80 * (1 if channels >= 80 else sixteens) + 40 * eights + 20 * fours + (0, 8, 18, 24)[rest]
