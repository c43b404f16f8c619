# SPDX-License-Identifier: Apache-2.0
"""Requantisation with 32-bit products, from a raw sum(w * x) to an output byte (include/smg_xcv_requantize.h).

A layer's output is a rising step function of its raw sum with at most 255 steps. Where

    y = clamp((((sum * low) >> split) + sum * high + addend) >> shift)

has its steps at the same sums, it is the same function: the bias and both zero points live in the addend, and MULH,
five cycles on CV32E40P, is not needed. Sums may be clipped before to as many bits as the steps take. TFLite's double
rounding moves the steps of negative accumulators by one unit of its first rounding: there ``back`` is taken off where
the sum lies below ``border``. The constants are searched for, and each step is compared, which is the proof. Where none
are found, the op's own roundings are computed (GENERAL).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product

import numpy as np

from smidgen.ir import Node
from smidgen.kernels.affine_requantize import Steps, channel_steps
from smidgen.kernels.common import Int32s, fitted_bias
from smidgen.kernels.fast_requantize import DOUBLE, EVEN, fast_requantize, requantize_columns, rounding_mode
from smidgen.ops import Conv2D, DepthwiseConv2D, FullyConnected
from smidgen.ops.accumulators import Int64s, channel_weights
from smidgen.ops.arithmetic import int_bounds
from smidgen.targets.target import Core

ONE_SIDED, TWO_SIDED, GENERAL, OWN_SPLIT, OWN_CLIP = range(5)
WORDS = {ONE_SIDED: 4, TWO_SIDED: 6, GENERAL: 4, OWN_SPLIT: 5, OWN_CLIP: 6}
"""Constants of a channel."""
_LIMIT = 1 << 31
_NEAREST = np.array([0, *(s * i for i in range(1, 65) for s in (-1, 1))], np.int64)


@dataclass(frozen=True, slots=True)
class Affine:
    """One channel's constants."""

    mult: int
    addend: int
    shift: int
    border: int = 0
    back: int = 0
    split: int = 0
    most: int = 0


@dataclass(frozen=True, slots=True)
class Form:
    """How all channels of a layer are requantised: SMG_FORM, SMG_SPLIT, SMG_CLIP and each channel's words."""

    form: int
    split: int
    clip: int  # bits that sums are clipped to before, or 0
    words: Int32s  # (channels, WORDS[form])


def exact_requantize(node: Node) -> bool:
    """Products with a split multiplier fit 32 bits, or doubled accumulators do and multipliers are below one half"""
    return form_of(node).form != GENERAL or fast_requantize(node)


@lru_cache(maxsize=512)
def form_of(node: Node) -> Form:
    """The cheapest form that is exact for every channel, if ``exact_requantize``."""
    steps = channel_steps(node)
    form = TWO_SIDED if rounding_mode(node) == DOUBLE else ONE_SIDED
    for seen, clip in ((steps, 0), _clipped(steps)):
        limit = max(max(-s.lowest, s.highest) for s in seen)
        most = min(16, 33 - int(limit).bit_length())  # with that, only some of the multipliers fit
        for split, tried in product((most - 1, most), sorted({ONE_SIDED, form})):
            found = _all_channels(node, seen, split, two_sided=tried == TWO_SIDED) if split >= 4 else None
            if found is not None:
                return Form(tried, split, clip, _words(found, split, tried))
        own = None if clip else _own_splits(steps, clip=False)
        if own is not None:
            return own
    return _own_splits(steps, clip=True) or Form(GENERAL, 0, 0, requantize_columns(node))


def _own_splits(steps: tuple[Steps, ...], *, clip: bool) -> Form | None:
    form = OWN_CLIP if clip else OWN_SPLIT
    rows: list[tuple[int, ...]] = []
    for channel in steps:
        found = _own_split(channel, clip=clip)
        if found is None:
            return None
        rows.append((*_halves(found.mult, found.split), found.addend, found.shift, found.split, found.most))
    return Form(form, 0, 0, np.array(rows, np.int64).astype(np.int32)[:, : WORDS[form]])


def _own_split(steps: Steps, *, clip: bool) -> Affine | None:
    """One line with a split of its own, for sums clipped to no more than where this channel's steps lie."""
    reached = steps.sums[(steps.sums > steps.lowest) & (steps.sums <= steps.highest)]
    if not len(reached):
        return Affine(0, steps.least_output, 0)
    most = max(int(reached.max()), -int(reached.min()), 0)
    if clip:
        steps = replace(steps, lowest=max(steps.lowest, -most - 1), highest=min(steps.highest, most))
    largest = min(16, 33 - max(-steps.lowest, steps.highest).bit_length())
    for split in range(largest, max(3, largest - 2), -1):
        found = _find(steps, split, None)
        if found is not None:
            return replace(found, split=split, most=most)
    return None


def _clipped(steps: tuple[Steps, ...]) -> tuple[tuple[Steps, ...], int]:
    """The steps of sums that are first clipped to so many bits that every step is still seen."""
    reached = [s.sums[(s.sums > s.lowest) & (s.sums <= s.highest)] for s in steps]
    most = max((max(int(sums.max()), -int(sums.min()) + 1) for sums in reached if len(sums)), default=0)
    bits = most.bit_length() + 1
    low, high = -(1 << bits >> 1), (1 << bits >> 1) - 1
    return tuple(replace(s, lowest=max(s.lowest, low), highest=min(s.highest, high)) for s in steps), bits


def _all_channels(node: Node, steps: tuple[Steps, ...], split: int, *, two_sided: bool) -> tuple[Affine, ...] | None:
    zeros = node["x"].type.zero_point * channel_weights(node).sum(axis=1) - fitted_bias(node)
    found: list[Affine] = []
    for channel, border in zip(steps, zeros, strict=True):
        affine = _find(channel, split, int(border) if two_sided else None)
        if affine is None:
            return None
        found.append(affine)
    return tuple(found)


def _words(found: tuple[Affine, ...], split: int, form: int) -> Int32s:
    rows = [(*_halves(a.mult, split), a.addend, a.shift, a.border, a.back) for a in found]
    return np.array(rows, np.int64).astype(np.int32)[:, : WORDS[form]]


def _halves(mult: int, split: int) -> tuple[int, int]:
    """(low, high) with mult = high * 2^split + low, and |low| at most 2^(split - 1)."""
    high = (mult + (1 << split >> 1)) >> split
    return mult - (high << split), high


def _find(steps: Steps, split: int, border: int | None) -> Affine | None:
    """Constants of one channel, with sums below ``border`` on a line of their own, if there is a border."""
    rises, reached = steps.sums > steps.lowest, steps.sums <= steps.highest
    if not (rises & reached).any():
        return Affine(0, steps.least_output, 0)
    for shift in range(_largest_shift(steps, split), 0, -1):
        found = _with_shift(steps, split, shift, border)
        if found is not None:
            return found
        if shift < 12:
            break
    return None


def _largest_shift(steps: Steps, split: int) -> int:
    """The largest for which the shifted value, with room for the output's zero point, fits 32 bits."""
    span = max(-steps.lowest, steps.highest, steps.highest - steps.lowest) * steps.ratio + 512
    return max(0, min(30, int(np.floor(31 - np.log2(span)))))


def _with_shift(steps: Steps, split: int, shift: int, border: int | None) -> Affine | None:
    exact = round(steps.ratio * 2.0 ** (split + shift))
    mults = exact + _NEAREST
    mults = mults[(mults > 0) & (mults < _LIMIT)]
    above = _window(steps, split, shift, mults, steps.lowest if border is None else border, steps.highest + 1)
    below = above if border is None else _window(steps, split, shift, mults, steps.lowest, border)
    for i in range(len(mults)):
        found = _choose(mults[i], (above[0][i], above[1][i]), (below[0][i], below[1][i]), shift, border)
        if found is not None and _fits(steps, split, found):
            return found
    return None


def _choose(
    mult: np.int64, above: tuple[np.int64, np.int64], below: tuple[np.int64, np.int64], shift: int, border: int | None
) -> Affine | None:
    """The addends in the middle of their windows [least, most]; the lower line's is not above the other's."""
    if above[0] > above[1] or below[0] > below[1]:
        return None
    if border is None:
        return Affine(int(mult), int(above[0] + above[1]) >> 1, shift)
    least, most = max(above[0], below[0]), min(above[1], below[1])
    if least <= most:
        return Affine(int(mult), int(least + most) >> 1, shift, border, 0)
    high, low = int(above[0]), int(below[1])
    return None if low > high else Affine(int(mult), high, shift, border, high - low)


def _window(steps: Steps, split: int, shift: int, mults: Int64s, first: int, end: int) -> tuple[Int64s, Int64s]:
    """For each multiplier the least and the most addend that give every step, as seen from sums first .. end - 1."""
    level = steps.outputs << (split + shift)
    at, before = steps.sums, steps.sums - 1
    seen = (at <= steps.highest) & (at >= first) & (at < end)
    missed = (before >= steps.lowest) & (before >= first) & (before < end)
    unbounded = np.full(len(mults), np.int64(1) << 40)
    least = (level[seen] - mults[:, None] * at[seen]).max(axis=1) if seen.any() else -(unbounded << split)
    most = (level[missed] - mults[:, None] * before[missed]).min(axis=1) if missed.any() else unbounded << split
    return -(-least >> split), -(-most >> split) - 1


def _fits(steps: Steps, split: int, affine: Affine) -> bool:
    """Neither the low product nor what is shifted leaves 32 bits; what the sum goes through before may wrap."""
    low, _ = _halves(affine.mult, split)
    for total in (steps.lowest, steps.highest):
        value = (total * affine.mult >> split) + affine.addend
        parts = (total * low, value, value - affine.back, affine.addend, affine.border, affine.back)
        if max(map(abs, parts)) >= _LIMIT:
            return False
    return True


def requantize_constants(node: Node) -> Mapping[str, int]:
    """The macros of smg_xcv_requantize.h."""
    op, found = node.op, form_of(node)
    assert isinstance(op, Conv2D | DepthwiseConv2D | FullyConnected)
    lo, hi = int_bounds(op.clamp)
    mode = rounding_mode(node) if found.form == GENERAL else EVEN
    return {"SMG_FORM": found.form, "SMG_SPLIT": found.split, "SMG_CLIP": found.clip, "SMG_ROUNDING_MODE": mode,
            "SMG_ACT_MIN": lo, "SMG_ACT_MAX": hi}  # fmt: skip


def requantize_cycles(node: Node, core: Core) -> float:
    """Cycles of an output from its sum to the clamped byte."""
    op, found = node.op, form_of(node)
    assert isinstance(op, Conv2D | DepthwiseConv2D | FullyConnected)
    lo, hi = int_bounds(op.clamp)
    alu, multiply = core.cycles["alu"], core.cycles["multiply"]
    clamp = alu * (1 + (lo > -128) + (hi < 127))
    if found.form in (OWN_SPLIT, OWN_CLIP):
        return 2 * alu + 2 * multiply + clamp + alu * (found.form == OWN_CLIP)
    if found.form != GENERAL:
        return 2 * alu + 2 * multiply + clamp + (alu + multiply) * (found.form == TWO_SIDED) + alu * (found.clip > 0)
    mode = rounding_mode(node)
    return 3 * alu + _MULH + clamp + (mode != EVEN) * (multiply + 2 * alu) + (mode == DOUBLE) * 2 * alu


_MULH = 5  # CV32E40P user manual, pipeline details
