# SPDX-License-Identifier: Apache-2.0
"""One shift for all channels of a depthwise layer, so that it can be a constant of the code.

With weights, bias and addend of a channel scaled by 2^e, y = (high(acc2 * mult) + addend) >> (shift + e): channels of
different shifts meet at shift + e. Half a unit, which the rounded high product of TFLite's double rounding adds, is
2^(e - 1) in the scaled addend, so the product need not be rounded and two instructions are left: SMMLA, SSAT.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from smidgen.ir import Array, Node
from smidgen.kernels.common import Int32s, fitted_bias, out_quant
from smidgen.kernels.fast_requantize import (
    DOUBLE,
    EVEN,
    accumulator_bounds,
    requantize_columns,
    requantize_constants,
    rounding_mode,
)
from smidgen.ops import DepthwiseConv2D
from smidgen.ops.accumulators import Int64s, channel_weights, largest_sum, multipliers
from smidgen.ops.arithmetic import int_bounds, requantize

SHIFTS = (10, 8, 6, 13, 16, 4)  # 10 serves nearly every layer: few values let layers share code
PRECISION = 7  # weights of eight bits, doubled and scaled by 2^7, fill int16


@dataclass(frozen=True, slots=True)
class Scaled:
    """Weights (taps, c) as int16, and per channel (c, 4): bias, mult, addend, shift. ``shift`` is the one shared by all
    channels, or 0. ``mode`` is SMG_ROUNDING_MODE."""

    weights: Int64s
    columns: Int32s
    shift: int
    mode: int

    def constants(self, node: Node) -> dict[str, int]:
        """The macros of smg_fast_requantize.h, and SMG_SHIFT."""
        return {**requantize_constants(node), "SMG_ROUNDING_MODE": self.mode, "SMG_SHIFT": self.shift}


@lru_cache(maxsize=256)
def scaled(node: Node) -> Scaled:
    """The layer with one shift if that can be proved equal, otherwise with a shift a channel."""
    if rounding_mode(node) != DOUBLE:
        for shift in SHIFTS:
            found = _with_shift(node, shift)
            if found is not None:
                return found
    columns = requantize_columns(node).astype(np.int64)
    columns[:, 0] *= 2
    return Scaled(_taps(node) * 2, wrapped(columns), 0, rounding_mode(node))


def wrapped(values: Int64s) -> Int32s:
    """Modulo 2^32, as the accumulators are."""
    low: Int32s = (values & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
    return low


def _taps(node: Node) -> Int64s:
    """(taps, c); zeros where the output is constant."""
    taps: Int64s = np.where(_constant(node), 0, channel_weights(node).T)
    return taps


def _constant(node: Node) -> Array:
    constant: Array = requantize_columns(node)[:, 1] == 0
    return constant


def _with_shift(node: Node, shift: int) -> Scaled | None:
    """All channels brought to ``shift``, or None if one cannot be."""
    bias, mult, addend, right = requantize_columns(node).astype(np.int64).T
    constant, taps = _constant(node), _taps(node)
    up = np.where(constant, 0, shift - right)
    large = np.abs(taps).max(axis=0, initial=0) << (1 + np.clip(up, 0, 20))
    if (up > PRECISION).any() or (large > 1 << 15).any() or (taps << (1 + np.clip(up, 0, 9)) == 1 << 15).any():
        return None
    half = 0 if rounding_mode(node) == EVEN else 1  # 2^(e - 1) of it needs e >= 1
    below = ~constant & (up < half)
    up = np.where(below, 0, up)
    columns = np.stack([
        bias << (1 + up),
        mult,
        np.where(constant, (1 << shift >> 1) + (addend >> 1 << shift), (addend << up) + (half << up >> 1)),
        np.full_like(right, shift),
    ], axis=1)  # fmt: skip
    for c in np.flatnonzero(below):
        tried = (_approximated(node, int(c), shift, precision) for precision in (7, 5, 3))
        found = next((t for t in tried if t is not None), None)
        if found is None:
            return None
        columns[c], up[c] = found
    if (accumulator_bounds(node) >= np.int64(1) << (30 - up)).any():
        return None
    return Scaled(taps << (1 + up), wrapped(columns), shift, EVEN)


@dataclass(frozen=True, slots=True)
class _Figures:
    """Of each channel: ``requantize_columns``, multiplier and shift, largest sum of products, bias."""

    columns: Int32s
    mult: Array
    shift: Array
    reach: Int64s
    bias: Int64s


@lru_cache(maxsize=4)
def _figures(node: Node) -> _Figures:
    mult, shift = (np.broadcast_to(a, len(channel_weights(node))) for a in multipliers(node))
    return _Figures(requantize_columns(node), mult, shift, largest_sum(node), fitted_bias(node))


def _approximated(node: Node, c: int, shift: int, precision: int) -> tuple[tuple[int, int, int, int], int] | None:
    """A channel of a larger shift with a shorter multiplier and weights scaled by 2^precision, as (columns, precision),
    if every output's first accumulator is as asked."""
    bias, mult, _, right = (int(v) for v in _figures(node).columns[c])
    short = right - shift + precision
    multiplier = (mult + (1 << short >> 1)) >> short if short < 31 else 0
    if multiplier == 0:
        return None
    nudge = 0 if rounding_mode(node) == EVEN else (1 << (31 + precision)) // mult  # half a unit, before the product
    addend = (1 << shift >> 1) + (out_quant(node).zero_point[0] << shift)

    def fast(acc: Int64s) -> Int64s:
        high = (((acc << (1 + precision)) + nudge) * multiplier >> 32) + addend
        value: Int64s = high >> shift
        return value

    if not _same_steps(node, c, fast):
        return None
    return ((bias << (1 + precision)) + nudge, multiplier, addend, shift), precision


def _same_steps(node: Node, c: int, fast: Callable[[Int64s], Int64s]) -> bool:
    """Whether a monotone function of the accumulator takes each output's value first where the definition does."""
    op, figures = node.op, _figures(node)
    assert isinstance(op, DepthwiseConv2D)
    mult, shift = figures.mult[c], figures.shift[c]
    reach, b = int(figures.reach[c]), int(figures.bias[c])
    lo, hi = int_bounds(op.clamp)
    zero_point = out_quant(node).zero_point[0]

    def exact(acc: Int64s) -> Int64s:
        value: Int64s = np.clip(requantize(acc, mult, shift, op.rounding) + zero_point, lo, hi)
        return value

    low, high = np.full(hi - lo, b - reach - 1, np.int64), np.full(hi - lo, b + reach, np.int64)
    levels = np.arange(lo + 1, hi + 1)
    while (high - low > 1).any():  # first accumulator of each output, or the largest of all
        middle = (low + high) >> 1
        above = exact(middle) >= levels
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    at = np.concatenate([high, np.maximum(high - 1, b - reach), [b - reach, b + reach]])
    if (np.abs(at) << (2 + PRECISION) >= 1 << 31).any():  # room for the nudge too
        return False
    return bool((np.clip(fast(at), lo, hi) == exact(at)).all())
