# SPDX-License-Identifier: Apache-2.0
"""Requantisation in two instructions: a multiplication with an addend, and a saturation with a constant shift.

A layer's output is a rising step function of its accumulator with at most 255 steps. Where

    y = saturate((round(value * mult / 2^32) + addend) >> shift)

with value = scale * sum(w * x) + bias has its steps at the same accumulators, it is the same function: SMMLAR, then
SSAT with a shift that all channels of the layer share. The constants are searched for and every step is compared, which
is the proof, whatever the op's rounding. It exists where one rounding is visible: with ties to even, or where the lower
clamp hides how TFLite's double rounding treats negative ties.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from smidgen.ir import Node
from smidgen.kernels.common import fitted_bias, out_quant
from smidgen.ops import Conv2D, DepthwiseConv2D, FullyConnected
from smidgen.ops.accumulators import Int64s, channel_weights, multipliers
from smidgen.ops.arithmetic import int_bounds, requantize

# Multipliers on either side of the exact one, and biases on either side of 0, that are tried one after the other.
_EFFORTS = ((192, 1 << 12), (384, 1 << 14), (1024, 1 << 17))
_MULTS, _PER_MULT = 24, 24  # multipliers, and biases of each, that a partner's constants are looked for with
_LIMIT = 1 << 31


@dataclass(frozen=True, slots=True)
class Steps:
    """Where a channel's output rises: the least sum(w * x), of raw input bytes, that gives each output or more.

    ``sums[i]`` belongs to ``outputs[i]``; ``highest + 1`` where no input reaches it. ``ratio`` is the real multiplier.
    """

    outputs: Int64s
    sums: Int64s
    lowest: int
    highest: int
    ratio: float
    least_output: int


@dataclass(frozen=True, slots=True)
class Affine:
    """One channel's constants."""

    bias: int
    mult: int
    addend: int


def channel_steps(node: Node) -> tuple[Steps, ...]:
    """The steps of every channel, by bisection of ``requantize``."""
    op = node.op
    assert isinstance(op, Conv2D | DepthwiseConv2D | FullyConnected)
    w = channel_weights(node)
    mult, shift = (np.broadcast_to(a.astype(np.int64), len(w))[:, None] for a in multipliers(node))
    offset = (fitted_bias(node) - node["x"].type.zero_point * w.sum(axis=1))[:, None]
    lowest, highest = (np.where(w > 0, lo * w, hi * w).sum(axis=1) for lo, hi in ((-128, 127), (127, -128)))
    lo, hi = int_bounds(op.clamp)
    outputs = np.arange(lo + 1, hi + 1, dtype=np.int64)
    zero_point = out_quant(node).zero_point[0]

    def output(sums: Int64s) -> Int64s:
        clipped: Int64s = np.clip(requantize(sums + offset, mult, shift, op.rounding) + zero_point, lo, hi)
        return clipped

    below = np.broadcast_to(lowest[:, None], (len(w), len(outputs))).copy()
    above = np.broadcast_to(highest[:, None] + 1, below.shape).copy()
    while (below < above).any():
        middle = (below + above) // 2
        reached = output(middle) >= outputs
        above = np.where(reached, middle, above)
        below = np.where(reached, below, np.minimum(middle + 1, above))
    least = output(lowest[:, None])[:, 0]
    ratio = mult[:, 0] * np.exp2(shift[:, 0] - 31.0)
    return tuple(
        Steps(outputs, above[i], int(lowest[i]), int(highest[i]), float(ratio[i]), int(least[i])) for i in range(len(w))
    )


@dataclass(frozen=True, slots=True)
class Form:
    """How a kernel computes a channel: value = scale * sum + bias, and the constant shift of its SSAT."""

    scale: int
    shift: int


@dataclass(frozen=True, slots=True)
class _Window:
    """Multipliers, and for each the constant terms (times 2^32) that give every step: least <= term < most."""

    mults: Int64s
    least: Int64s
    most: Int64s


def find_affine(
    first: Steps, second: Steps | None, forms: tuple[Form, Form], sign: int, *, half: int = 1 << 31
) -> tuple[Affine, ...] | None:
    """Constants of two channels that share a bias: it is the first's, and ``sign`` times it the second's.

    ``half``: what the product is raised by before its upper word is taken, 2^31 for SMMLAR, 0 for a floor.
    None where no multiplier, bias and addend among those tried gives exactly these steps.
    """
    for candidates, biases in _EFFORTS:
        one = _window(first, forms[0], candidates)
        two = None if second is None else _window(second, forms[1], candidates)
        for found in _with_any_bias(one, biases, half):
            if two is None:
                return (found,)
            partner = _first(np.int64(sign * found.bias), two.mults, two.least, two.most, half)
            if partner is not None:
                return found, partner
    return None


def _window(steps: Steps, form: Form, candidates: int) -> _Window:
    """Multipliers next to the exact one, the nearest first, that some constant term makes exact.

    All products stay below 2^62: scale * sums and multipliers are below 2^31.
    """
    scale, shift = form.scale, form.shift
    rises, reached = steps.sums > steps.lowest, steps.sums <= steps.highest
    if not (rises & reached).any():  # the output is the same whatever the input
        level = np.array([steps.least_output << (32 + shift)], np.int64)
        return _Window(np.zeros(1, np.int64), level, level + (np.int64(1) << (32 + shift)))
    exact = min(round(steps.ratio * 2.0 ** (32 + shift) / scale), 1 << 40)
    mults = exact + max(1, exact >> 24) * _nearest_first(candidates)
    largest = max(-steps.lowest, steps.highest) * scale + (1 << 20)
    mults = mults[(mults > 0) & (mults < _LIMIT) & (largest < _LIMIT)]
    level = steps.outputs << (32 + shift)
    least = _highest(level[reached], -scale * steps.sums[reached], mults)
    most = -_highest(-level[rises], scale * (steps.sums[rises] - 1), mults)
    able = least < most
    return _Window(mults[able], least[able], most[able])


def _highest(constants: Int64s, slopes: Int64s, at: Int64s) -> Int64s:
    """The highest of the lines constants + slopes * x at each x; -2^62 where there are no lines.

    Most lines lie below another one at both ends, hence everywhere between, and are left out.
    """
    if not len(constants) or not len(at):
        return np.full(len(at), -(1 << 62), np.int64)
    first, last = constants + slopes * at.min(), constants + slopes * at.max()
    falling = np.lexsort((-last, -first))
    before = np.maximum.accumulate(last[falling])[:-1]
    kept = falling[np.append(True, last[falling][1:] > before)]
    highest: Int64s = (constants[kept] + slopes[kept] * at[:, None]).max(axis=1)
    return highest


@lru_cache(maxsize=8)
def _nearest_first(most: int) -> Int64s:
    """0, -1, 1, -2, 2, ... to the magnitude ``most``."""
    numbers = np.arange(1, most + 1, dtype=np.int64)
    both: Int64s = np.concatenate([[0], np.stack([-numbers, numbers], axis=1).reshape(-1)])
    both.setflags(write=False)
    return both


def _with_any_bias(window: _Window, most_bias: int, half: int) -> Iterator[Affine]:
    """Constants that fit, of small biases first; a few of each multiplier."""
    biases = _nearest_first(most_bias)
    for mult, least, most in zip(window.mults[:_MULTS], window.least, window.most, strict=False):
        addends, fits = _addends(biases * mult, least, most, half)
        for i in np.flatnonzero(fits)[:_PER_MULT]:
            yield Affine(int(biases[i]), int(mult), int(addends[i]))


def _first(bias: np.int64, mults: Int64s, least: Int64s, most: Int64s, half: int) -> Affine | None:
    """The first multiplier for which, with this bias, a whole addend lies in the window."""
    addends, fits = _addends(bias * mults, least, most, half)
    i = int(np.argmax(fits)) if len(fits) else 0
    return Affine(int(bias), int(mults[i]), int(addends[i])) if fits.any() else None


def _addends(products: Int64s, least: Int64s, most: Int64s, half: int) -> tuple[Int64s, npt.NDArray[np.bool_]]:
    """The least addends, and whether they lie in the windows."""
    rounded = products + half
    addends = -((rounded - least) >> 32)
    return addends, ((addends << 32) + rounded < most) & (np.abs(addends) < 1 << 30)
