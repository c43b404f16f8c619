# SPDX-License-Identifier: Apache-2.0
"""Requantisation by one multiplication and one shift.

A channel's output is a rising step function of its sum of products with at most 255 steps. Where

    y = clamp(high(value * mult) >> shift), value = sum(factor * w * x) + bias

has its steps at the same sums, it is the same function: rounding and zero points lie in the bias, whose unit ``factor``
makes fine enough. Every step is compared, which is the proof, whatever the op's rounding. Where TFLite's double
rounding of negative ties can be seen no such line exists in general; what negative accumulators lack is then taken from
them first (``signed``): value = t + (t < 0 ? below : 0) + bias, t = sum(factor * w * x) + sign_bias.

Factors are sought with which multipliers of 15 bits do (``short``, mult is a multiple of 2^16): a core without a
multiplication to 64 bits then needs two to 32 bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from smidgen.ir import Array, Node
from smidgen.kernels.affine_requantize import Steps, channel_steps
from smidgen.kernels.classes import Classes
from smidgen.kernels.common import fitted_bias
from smidgen.kernels.depthwise.uniform import wrapped
from smidgen.kernels.fast_requantize import DOUBLE, rounding_mode
from smidgen.ops import DepthwiseConv2D
from smidgen.ops.accumulators import Int64s, channel_weights
from smidgen.ops.arithmetic import int_bounds

_SHORT_SHIFTS = (17, 15, 16, 14, 18, 12)  # after the upper word is taken
_LONG_SHIFT = 12
_FACTORS = tuple(1 << k for k in (9, 8, 10, 7, 11, 6, 12, 5, 13, 4, 3, 2, 1, 0))
_MULTS = (0, 1, -1, 2, -2, 3, -3, 5, -5, 8, -8, 13, -13, 21, -21)  # tried beside the exact multiplier
_MOST_FACTOR, _FACTORS_TRIED = 1 << 13, 24
_LIMIT = 1 << 31
_OPEN = 1 << 32  # a bias beyond any


@dataclass(frozen=True, slots=True)
class Linear:
    """Weights (taps, c), 0 where the output is constant, and of each channel factor, bias and mult; ``signed``: (c, 2)
    of sign_bias and below if the layer needs them, else None."""

    weights: Int64s
    factor: Int64s
    bias: Int64s
    mult: Int64s
    signed: Int64s | None
    shift: int
    short: bool

    def constants(self, node: Node) -> dict[str, int]:
        """The macros of smg_depthwise_linear.inc.h."""
        op = node.op
        assert isinstance(op, DepthwiseConv2D)
        lo, hi = int_bounds(op.clamp)
        signed, short = int(self.signed is not None), int(self.short)
        return {
            "SMG_SIGNED": signed, "SMG_SHORT": short, "SMG_SHIFT": self.shift, "SMG_ACT_MIN": lo, "SMG_ACT_MAX": hi,
        }  # fmt: skip

    def columns(self) -> Array:
        """(c, words): bias, mult and, if signed, sign_bias and below, as int32."""
        parts = [self.bias[:, None], self.mult[:, None]]
        return wrapped(np.concatenate([*parts, self.signed] if self.signed is not None else parts, axis=1))

    def scaled_weights(self) -> Array:
        """(c, taps): the weights times their channel's factor, as int32."""
        return wrapped(self.weights.T * self.factor[:, None])


@dataclass(frozen=True, slots=True)
class _Channel:
    factor: int  # 0: the output is constant
    bias: int
    mult: int
    sign_bias: int = 0
    below: int = 0


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A channel's steps, its largest |sum of products|, and, for the signed form, its true bias."""

    steps: Steps
    reach: int
    true_bias: int | None


@lru_cache(maxsize=256)
def linear(node: Node) -> Linear | None:
    """The layer's constants, or None if those of some channel were not found: short ones if there are any."""
    w = channel_weights(node)
    biases = fitted_bias(node) - node["x"].type.zero_point * w.sum(axis=1)
    steps, reach = channel_steps(node), np.abs(w).sum(axis=1) * 128
    signed = rounding_mode(node) == DOUBLE
    wanted = [_Wanted(s, int(r), int(b) if signed else None) for s, r, b in zip(steps, reach, biases, strict=True)]
    for shift, short in (*((shift, True) for shift in _SHORT_SHIFTS), (_LONG_SHIFT, False)):
        channels = _channels(wanted, shift, short)
        if channels is not None:
            break
    else:
        return None
    factor, bias, mult = np.array([(c.factor, c.bias, c.mult) for c in channels], np.int64).T
    pairs = np.array([(c.sign_bias, c.below) for c in channels], np.int64) if signed else None
    return Linear(np.where(factor == 0, 0, w.T), factor, bias, mult, pairs, shift, short)


def requantize(signed: bool) -> Classes:
    """An output from its sum, and its store; the upper word of a product counted twice."""
    return Classes(alu=4 + 4 * signed, multiply=2, store=1, branch=1)


def one_multiplication(node: Node) -> bool:
    """One multiplication and one shift requantise every channel exactly"""
    return linear(node) is not None


def _channels(wanted: Sequence[_Wanted], shift: int, short: bool) -> list[_Channel] | None:
    """Constants of every channel, or None."""
    found = []
    for each in wanted:
        channel = _channel(each, shift, short)
        if channel is None:
            return None
        found.append(channel)
    return found


def _channel(wanted: _Wanted, shift: int, short: bool) -> _Channel | None:
    """The first constants that prove right."""
    steps = wanted.steps
    if not ((steps.sums > steps.lowest) & (steps.sums <= steps.highest)).any():
        return _Channel(0, (2 * steps.least_output + 1) << (shift + 1), 1 << 30)  # one output whatever the input
    pairs = _short_pairs(wanted, shift) if short else _long_pairs(wanted, shift)
    tried = (_fitted(wanted, factor, mult, shift) for factor, mult in pairs)
    return next((channel for channel in tried if channel is not None), None)


def _short_pairs(wanted: _Wanted, shift: int) -> list[tuple[int, int]]:
    """Factors and multiples of 2^16 whose product comes closest to the exact ratio."""
    exact = wanted.steps.ratio * 2.0 ** (16 + shift)
    factors = np.arange(1, min(_MOST_FACTOR, (_LIMIT - 1) // max(wanted.reach, 1)) + 1)
    mults = np.rint(exact / factors)
    able = (mults >= 1) & (mults < 1 << 15)
    factors, mults = factors[able], mults[able].astype(np.int64)
    nearest = np.argsort(np.abs(factors * mults - exact), kind="stable")[:_FACTORS_TRIED]
    return [(int(factors[i]), int(mults[i]) << 16) for i in nearest]


def _long_pairs(wanted: _Wanted, shift: int) -> list[tuple[int, int]]:
    """Powers of two, and multipliers next to the exact one."""
    able = [f for f in _FACTORS if wanted.reach * f < _LIMIT]
    exact = [(f, round(wanted.steps.ratio * 2.0 ** (32 + shift) / f)) for f in able]
    return [(f, mult + nudge) for f, mult in exact if 1 << 12 <= mult < (1 << 31) - 64 for nudge in _MULTS]


def _fitted(wanted: _Wanted, factor: int, mult: int, shift: int) -> _Channel | None:
    """The biases in the middle of those that are right, or None if none is, or sums could overflow."""
    steps, reach, true_bias = wanted.steps, wanted.reach * factor, wanted.true_bias
    if true_bias is None:
        everywhere = np.ones(len(steps.outputs), np.bool_)
        least, most = _window(steps, (factor, mult, shift), everywhere, everywhere)
        bias = (least + most) >> 1
        return _Channel(factor, bias, mult) if least <= most and reach + abs(bias) < _LIMIT else None
    reaching, missing = steps.sums >= -true_bias, steps.sums > -true_bias  # by accumulators that are not negative
    above = _window(steps, (factor, mult, shift), reaching, missing)
    under = _window(steps, (factor, mult, shift), ~reaching, ~missing)
    if above[0] > above[1] or under[0] > under[1]:
        return None
    bias, sign_bias = _within(above, under), true_bias * factor
    below = _within(under, above) - bias
    bias -= sign_bias
    largest = reach + abs(sign_bias) + abs(below) + abs(bias)
    return _Channel(factor, bias, mult, sign_bias, below) if largest < _LIMIT else None


def _within(window: tuple[int, int], other: tuple[int, int]) -> int:
    """The middle of a window; of one that is open, what is nearest to the other's finite ends."""
    least, most = window
    if least > -_OPEN and most < _OPEN:
        return (least + most) >> 1
    near = sorted((end for end in (*other, *window) if abs(end) < _OPEN), key=abs)
    return min(max(near[0] if near else 0, least), most)


def _window(
    steps: Steps,
    constants: tuple[int, int, int],
    reaching: npt.NDArray[np.bool_],
    missing: npt.NDArray[np.bool_],
) -> tuple[int, int]:
    """The least and the most bias with which each output is reached by these steps' sums, and by none before them.

    ``constants``: factor, mult, shift.
    """
    factor, mult, shift = constants
    values = -((-steps.outputs << (32 + shift)) // mult)  # the least that give each output
    reached, rises = reaching & (steps.sums <= steps.highest), missing & (steps.sums > steps.lowest)
    least = int((values - steps.sums * factor)[reached].max(initial=-_OPEN))
    most = int((values - 1 - (steps.sums - 1) * factor)[rises].min(initial=_OPEN))
    return least, most
