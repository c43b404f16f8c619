# SPDX-License-Identifier: Apache-2.0
"""Requantisation by the upper half of one product (smg_high_requantize.h), for cores without a rounding one.

A layer's output is a rising step function of its accumulator with at most 255 steps. Where

    y = clamp((((sum + bias) * mult >> 32) + addend) >> shift)

has its steps at the same sums it is the same function, whatever the op's rounding: constants are searched for, near the
op's own, and every step is compared. TFLite's double rounding sends negative ties away from zero; where a clamp does
not hide that, 1 is taken off below zero, and where even that does not do, the product is rounded (fast_requantize.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from smidgen.ir import Node
from smidgen.kernels.affine_requantize import Steps, channel_steps
from smidgen.kernels.common import Int32s, fitted_bias, out_quant
from smidgen.kernels.fast_requantize import fast_requantize, requantize_columns, requantize_constants
from smidgen.ops.accumulators import Int64s, channel_weights

Bools = npt.NDArray[np.bool_]
ROUNDED, HIGH, SIGNED = 0, 1, 2
"""SMG_HIGH: the product is rounded; its upper half as it is; that, less 1 below zero."""

_LIMIT = 1 << 30
_LARGEST_SHIFT = 22
_MULTS, _BIASES = 192, (1 << 9, 1 << 14)  # tried on either side of the exact ones


@dataclass(frozen=True, slots=True)
class Constants:
    """Of a channel. ``bias`` has the input's zero point folded in."""

    bias: int
    mult: int
    addend: int
    shift: int


def requantizable(node: Node) -> bool:
    """Multipliers are below one half, accumulators fit 30 bits and, with ties to even, none can be a tie"""
    return high_form(node) is not None or fast_requantize(node)


def high_constants(node: Node) -> Mapping[str, int]:
    """The macros of smg_high_requantize.h."""
    found = high_form(node)
    return {"SMG_HIGH": ROUNDED if found is None else found[0], **requantize_constants(node)}


def high_columns(node: Node) -> Int32s:
    """Of each channel (out_c, 4): bias with the input's zero point folded in, mult, addend, shift."""
    found = high_form(node)
    if found is None:
        return requantize_columns(node)
    rows = [(c.bias, c.mult, c.addend, c.shift) for c in found[1]]
    columns: Int32s = (np.array(rows, np.int64) & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
    return columns


@lru_cache(maxsize=256)
def high_form(node: Node) -> tuple[int, tuple[Constants, ...]] | None:
    """The cheapest form that every channel has, and its constants."""
    steps = channel_steps(node)
    offsets = fitted_bias(node) - node["x"].type.zero_point * channel_weights(node).sum(axis=1)
    zero_point = out_quant(node).zero_point[0]
    for form in (HIGH, SIGNED):
        constants: list[Constants] = []
        for each, offset in zip(steps, offsets.tolist(), strict=True):
            found = find_constants(each, offset, zero_point if form == SIGNED else None)
            if found is None:
                break
            constants.append(found)
        else:
            return form, tuple(constants)
    return None


def find_constants(steps: Steps, offset: int, zero_point: int | None) -> Constants | None:
    """Constants with exactly these steps; with a zero point, 1 is taken off where the accumulator is below zero.

    Products stay below 2^62: sums and biases below 2^30, multipliers below 2^31.
    """
    rises, reached = steps.sums > steps.lowest, steps.sums <= steps.highest
    if not (rises & reached).any():  # the output is the same whatever the input, 1 taken off or not
        return Constants(0, 0, 2 * steps.least_output + 1, 1)
    factor = 1 if zero_point is None else 2
    if factor * (max(-steps.lowest, steps.highest) + abs(offset)) >= _LIMIT or steps.ratio >= 0.5:
        return None
    shift = min(int(np.floor(-np.log2(steps.ratio))) - 2 + factor, _LARGEST_SHIFT)
    exact = round(steps.ratio * 2.0 ** (32 + shift) / factor)
    negative = np.zeros(len(steps.sums), np.int64) if zero_point is None else (steps.outputs <= zero_point) * 1
    levels = (steps.outputs << (32 + shift)) + (negative << 32)
    mults = exact + max(1, exact >> 24) * _nearest_first(_MULTS)
    mults = mults[(mults > 0) & (mults < 1 << 31)]
    sums = steps.sums + offset
    slopes = factor * mults
    least = (levels[reached] - slopes[:, None] * sums[reached]).max(axis=1)
    most = (levels[rises] - slopes[:, None] * (sums[rises] - 1)).min(axis=1)
    # the sign is the biased sum's: a bias may not carry it across zero
    room = _BIASES[-1] if zero_point is None else _room(sums, negative, rises, reached)
    able = least < most
    for biases in _BIASES:
        extra = _nearest_first(min(biases, room))
        for slope, low, high in zip(slopes[able], least[able], most[able], strict=True):
            addends = -((slope * extra - low) >> 32)
            fits = ((addends << 32) + slope * extra < high) & (np.abs(addends) < _LIMIT)
            if fits.any():
                i = int(np.argmax(fits))
                return Constants(offset + int(extra[i]), int(slope) // factor, int(addends[i]), shift)
    return None


def _room(sums: Int64s, negative: Int64s, rises: Bools, reached: Bools) -> int:
    """How far sums may move so that those on either side of every step keep the signs that ``negative`` says."""
    low, high = negative == 1, negative == 0
    below = -np.concatenate([sums[low & reached], sums[low & rises] - 1, [-(1 << 20)]]).max() - 1
    above = np.concatenate([sums[high & reached], sums[high & rises] - 1, [1 << 20]]).min()
    return int(max(min(below, above), -1))


@lru_cache(maxsize=32)
def _nearest_first(most: int) -> Int64s:
    """0, -1, 1, -2, 2, ... to the magnitude ``most``; nothing if that is negative."""
    numbers = np.arange(1, most + 1, dtype=np.int64)
    both: Int64s = np.concatenate([[0], np.stack([-numbers, numbers], axis=1).reshape(-1)])[: max(2 * most + 1, 0)]
    both.setflags(write=False)
    return both
