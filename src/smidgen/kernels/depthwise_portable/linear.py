# SPDX-License-Identifier: Apache-2.0
"""Requantisation by one multiplication and one shift, for cores whose multiplier gives a product's upper word.

A channel's output is a rising step function of its sum of products with at most 255 steps. Where

    y = clamp(high(value * mult) >> 12), value = sum(2^scale * w * x) + bias

has its steps at the same sums, it is the same function: rounding and zero points lie in the bias, whose unit 2^scale
makes fine enough. Every step is compared, which is the proof, whatever the op's rounding. Where TFLite's double
rounding of negative ties can be seen no such line exists in general; what negative accumulators lack is then taken from
them first (``signed``): value = t + (t < 0 ? below : 0) + bias, t = sum(2^scale * w * x) + sign_bias.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from smidgen.ir import Array, Node
from smidgen.kernels.affine_requantize import Steps, channel_steps
from smidgen.kernels.classes import Classes
from smidgen.kernels.common import fitted_bias
from smidgen.kernels.depthwise.uniform import wrapped
from smidgen.ops.accumulators import Int64s, channel_weights

SHIFT = 12  # after the upper word is taken
_POINT = 32 + SHIFT  # bits of the product below the output's unit
_SCALES = (9, 8, 10, 7, 11, 6, 12, 5, 13, 4, 3, 2, 1, 0)
_MULTS = (0, 1, -1, 2, -2, 3, -3, 5, -5, 8, -8, 13, -13, 21, -21)  # tried beside the exact multiplier
_LIMIT = 1 << 31
_OPEN = 1 << 32  # a bias beyond any


@dataclass(frozen=True, slots=True)
class Linear:
    """Weights (taps, c), 0 where the output is constant, and of each channel scale, bias and mult; ``signed``: (c, 2)
    of sign_bias and below if some channel needs them, else None."""

    weights: Int64s
    scale: Int64s
    bias: Int64s
    mult: Int64s
    signed: Int64s | None

    def columns(self) -> Array:
        """(c, words): bias, mult and, if signed, sign_bias and below, as int32."""
        parts = [self.bias[:, None], self.mult[:, None]]
        return wrapped(np.concatenate([*parts, self.signed] if self.signed is not None else parts, axis=1))

    def scaled_weights(self) -> Array:
        """(c, taps): the weights times 2^scale, as int32."""
        return wrapped(self.weights.T << self.scale[:, None])


@dataclass(frozen=True, slots=True)
class _Channel:
    scale: int
    bias: int
    mult: int
    sign_bias: int = 0
    below: int = 0


@lru_cache(maxsize=256)
def linear(node: Node) -> Linear | None:
    """The layer's constants, or None if those of some channel were not found."""
    w, true_bias = channel_weights(node), fitted_bias(node)
    true_bias = true_bias - node["x"].type.zero_point * w.sum(axis=1)
    steps = channel_steps(node)
    reach = np.abs(w).sum(axis=1) * 128
    found = [_channel(s, int(reach[i]), None) for i, s in enumerate(steps)]
    signed = None in found
    if signed:
        found = [_channel(s, int(reach[i]), int(true_bias[i])) for i, s in enumerate(steps)]
    channels = [c for c in found if c is not None]
    if len(channels) < len(found):
        return None
    scale = np.array([c.scale for c in channels], np.int64)
    weights = np.where(scale < 0, 0, w.T)
    pairs = np.array([(c.sign_bias, c.below) for c in channels], np.int64) if signed else None
    bias, mult = (np.array(values, np.int64) for values in ([c.bias for c in channels], [c.mult for c in channels]))
    return Linear(weights, np.maximum(scale, 0), bias, mult, pairs)


def requantize(signed: bool) -> Classes:
    """An output from its sum, and its store; the upper word of a product counted twice."""
    return Classes(alu=4 + 4 * signed, multiply=2, store=1, branch=1)


def one_multiplication(node: Node) -> bool:
    """One multiplication and one shift requantise every channel exactly"""
    return linear(node) is not None


def _channel(steps: Steps, reach: int, true_bias: int | None) -> _Channel | None:
    """Constants of a channel; with its true bias, those of the signed form."""
    if not ((steps.sums > steps.lowest) & (steps.sums <= steps.highest)).any():
        bias, mult = (2 * steps.least_output + 1) << (SHIFT + 1), 1 << 30  # one output whatever the input
        return _Channel(-1, bias, mult)
    for scale in _SCALES:
        exact = round(steps.ratio * 2.0 ** (_POINT - scale))
        if not 1 << 12 <= exact < (1 << 31) - 64 or reach << scale >= _LIMIT:
            continue
        for nudge in _MULTS:
            found = _fitted(steps, scale, exact + nudge, reach, true_bias)
            if found is not None:
                return found
    return None


def _fitted(steps: Steps, scale: int, mult: int, reach: int, true_bias: int | None) -> _Channel | None:
    """The biases in the middle of those that are right, or None if none is, or sums could overflow."""
    if true_bias is None:
        everywhere = np.ones(len(steps.outputs), np.bool_)
        least, most = _window(steps, scale, mult, everywhere, everywhere)
        bias = (least + most) >> 1
        return _Channel(scale, bias, mult) if least <= most and (reach << scale) + abs(bias) < _LIMIT else None
    reaching, missing = steps.sums >= -true_bias, steps.sums > -true_bias  # by accumulators that are not negative
    above = _window(steps, scale, mult, reaching, missing)
    under = _window(steps, scale, mult, ~reaching, ~missing)
    if above[0] > above[1] or under[0] > under[1]:
        return None
    bias, sign_bias = _within(above, under), true_bias << scale
    below = _within(under, above) - bias
    bias -= sign_bias
    largest = (reach << scale) + abs(sign_bias) + abs(below) + abs(bias)
    return _Channel(scale, bias, mult, sign_bias, below) if largest < _LIMIT else None


def _within(window: tuple[int, int], other: tuple[int, int]) -> int:
    """The middle of a window; of one that is open, what is nearest to the other's finite ends."""
    least, most = window
    if least > -_OPEN and most < _OPEN:
        return (least + most) >> 1
    near = sorted((end for end in (*other, *window) if abs(end) < _OPEN), key=abs)
    return min(max(near[0] if near else 0, least), most)


def _window(
    steps: Steps, scale: int, mult: int, reaching: npt.NDArray[np.bool_], missing: npt.NDArray[np.bool_]
) -> tuple[int, int]:
    """The least and the most bias with which each output is reached by these steps' sums, and by none before them."""
    values = -((-steps.outputs << _POINT) // mult)  # the least that give each output
    reached, rises = reaching & (steps.sums <= steps.highest), missing & (steps.sums > steps.lowest)
    least = int((values - (steps.sums << scale))[reached].max(initial=-_OPEN))
    most = int((values - 1 - ((steps.sums - 1) << scale))[rises].min(initial=_OPEN))
    return least, most
