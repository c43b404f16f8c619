# SPDX-License-Identifier: Apache-2.0
"""What float32 ops compute, bit for bit: each result is a fixed sequence of float32 operations in a fixed order.

docs/numerics.md gives the rules; include/smg_float.h and the f32 kernels are the same sequences in C. Sums start from
the bias (from 0 without one; -0 counts as 0) and grow by one rounded product at a time, in order of window row, window
column, channel. What padding would add is left out. NaN stays NaN; which NaN is not defined.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from smidgen.ir import Array

Floats = npt.NDArray[np.float32]
Pair = tuple[int, int]

# exp: x = n ln 2 + r. The high part of ln 2 has 9 bits, so that n times it is exact for every n that occurs.
_LOG2_E = np.float32(1.44269504)
_LN2_HIGH, _LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
_ROUNDER = np.float32(12582912.0)  # 1.5 * 2**23: adding it rounds to an integer, ties to even
_EXP_LEAST, _EXP_MOST = np.float32(-104.0), np.float32(89.0)  # beyond them the result is 0 and infinity
# exp(r) = 1 + r + r*r * q(r), |r| <= 0.35, within 3.4e-9: an own minimax fit by Lawson's reweighted least squares, its
# coefficients rounded one after the other.
_EXP = tuple(np.float32(c) for c in (0.00138204684, 0.00836925022, 0.0416682847, 0.166665167, 0.49999994))

_quiet = np.errstate  # infinities and NaN are results here, not mistakes


@dataclass(frozen=True, slots=True)
class Window:
    """How a window slides: sizes as (rows, columns), padding before the first row and column."""

    kernel: Pair
    stride: Pair
    dilation: Pair
    before: Pair
    out: Pair


def clip(y: Array, clamp: tuple[float, float]) -> Floats:
    """What lies below the lower bound becomes it, then what lies above the upper one; NaN stays, and so does -0."""
    lo, hi = np.float32(clamp[0]), np.float32(clamp[1])
    raised = np.where(y < lo, lo, y)
    clipped: Floats = np.where(raised > hi, hi, raised).astype(np.float32)
    return clipped


def _inside(out: int, size: int, offset: int, stride: int) -> tuple[slice, slice] | None:
    """Output positions o whose input o * stride + offset exists, and those inputs; None if there is none."""
    first = max(0, -(offset // stride))
    end = min(out, (size - 1 - offset) // stride + 1)
    if end <= first:
        return None
    start = first * stride + offset
    return slice(first, end), slice(start, start + (end - first - 1) * stride + 1, stride)


def _taps(window: Window, size: Pair) -> Iterator[tuple[int, int, tuple[slice, slice], tuple[slice, slice]]]:
    """(row, column) of the window in order, with the outputs (rows, columns) it adds to and the inputs it reads."""
    along = [
        [
            (k, found)
            for k in range(window.kernel[d])
            if (found := _inside(window.out[d], size[d], k * window.dilation[d] - window.before[d], window.stride[d]))
        ]
        for d in (0, 1)
    ]
    for i, rows in along[0]:
        for j, columns in along[1]:
            yield i, j, (rows[0], columns[0]), (rows[1], columns[1])


def _start(bias: Array | None, shape: tuple[int, ...]) -> Floats:
    zero = np.float32(0)
    return np.array(np.broadcast_to(zero if bias is None else bias + zero, shape), np.float32)


def conv2d(x: Array, w: Array, bias: Array | None, window: Window, groups: int) -> Floats:
    """Sums over window rows, columns and channels of x (n, h, w, c) times w (o, kh, kw, c / groups)."""
    (n, h, width, _), (o, kh, kw, each) = x.shape, w.shape
    acc = _start(bias, (n, *window.out, o)).reshape(n, *window.out, groups, o // groups)
    grouped = x.reshape(n, h, width, groups, each)
    weights = np.ascontiguousarray(w.reshape(groups, o // groups, kh, kw, each).transpose(2, 3, 4, 0, 1))
    with _quiet(all="ignore"):
        for i, j, to, at in _taps(window, (h, width)):
            part, part_of_x = acc[:, to[0], to[1]], grouped[:, at[0], at[1]]
            for k in range(each):
                part += part_of_x[..., k, None] * weights[i, j, k]
    return acc.reshape(n, *window.out, o)


def depthwise(x: Array, w: Array, bias: Array | None, window: Window) -> Floats:
    """Sums over window rows and columns of x (n, h, w, c) times w (kh, kw, c * multiplier), channel by channel."""
    spread = np.repeat(x, w.shape[2] // x.shape[3], axis=-1)
    acc = _start(bias, (x.shape[0], *window.out, w.shape[2]))
    with _quiet(all="ignore"):
        for i, j, to, at in _taps(window, x.shape[1:3]):
            acc[:, to[0], to[1]] += spread[:, at[0], at[1]] * w[i, j]
    return acc


def fully_connected(x: Array, w: Array, bias: Array | None) -> Floats:
    """Sums over the last dimension of x (..., k) times w (o, k)."""
    acc = _start(bias, (*x.shape[:-1], w.shape[0]))
    by_input = np.ascontiguousarray(w.T)
    with _quiet(all="ignore"):
        for k in range(w.shape[1]):
            acc += x[..., k, None] * by_input[k]
    return acc


def window_sums(x: Array, window: Window) -> Floats:
    """The sum of each window's elements inside x (n, h, w, c)."""
    acc = _start(None, (x.shape[0], *window.out, x.shape[3]))
    with _quiet(all="ignore"):
        for _, _, to, at in _taps(window, x.shape[1:3]):
            acc[:, to[0], to[1]] += x[:, at[0], at[1]]
    return acc


def window_maxima(x: Array, window: Window) -> Floats:
    """The first of each window's largest elements inside x (n, h, w, c); NaN if there is one."""
    best = np.full((x.shape[0], *window.out, x.shape[3]), -np.inf, np.float32)
    for _, _, to, at in _taps(window, x.shape[1:3]):
        part, found = best[:, to[0], to[1]], x[:, at[0], at[1]]
        part[...] = larger(part, found)
    return best


def larger(best: Array, found: Array) -> Floats:
    """``found`` where it is larger or NaN."""
    chosen: Floats = np.where((found > best) | (found != found), found, best)
    return chosen


def ordered_sum(x: Array, axis: int) -> Floats:
    """The sum along a dimension, from 0, one after the other (numpy's own sum adds pairwise)."""
    shape = list(x.shape)
    shape[axis] = 1
    with _quiet(all="ignore"):
        sums = np.add.accumulate(np.concatenate([np.zeros(shape, np.float32), x], axis=axis), axis=axis)
    return np.take(sums, [-1], axis=axis)


def softmax(x: Array, beta: float) -> Floats:
    """exp(beta * (x - largest)) over the last dimension, each divided by their sum."""
    best = np.full(x.shape[:-1], -np.inf, np.float32)
    for i in range(x.shape[-1]):
        best = larger(best, x[..., i])
    with _quiet(all="ignore"):
        e = exp(np.float32(beta) * (x - best[..., None]))
        quotient: Floats = e / ordered_sum(e, e.ndim - 1)
    return quotient


def _polynomial(coefficients: tuple[np.float32, ...], x: Floats) -> Floats:
    """By Horner's rule, the highest power's coefficient first."""
    value: Floats = np.full_like(x, coefficients[0])
    for c in coefficients[1:]:
        value = value * x + c
    return value


def exp(x: Array) -> Floats:
    """e**x: range reduction by ln 2 in two parts (Cody and Waite, 1980), a polynomial, scaling by two powers of 2.

    At most 1.01 units in the last place from the true value (docs/numerics.md), also where the result is subnormal.
    """
    with _quiet(all="ignore"):
        bounded = np.asarray(clip(x, (float(_EXP_LEAST), float(_EXP_MOST))))
        shifted = bounded * _LOG2_E + _ROUNDER
        n = shifted - _ROUNDER
        r = (bounded - n * _LN2_HIGH) - n * _LN2_LOW
        y = r * r * _polynomial(_EXP, r) + r + np.float32(1)
        power = shifted.view(np.int32) - _ROUNDER.view(np.int32)
        half = power >> 1
        result: Floats = y * _power_of_two(half) * _power_of_two(power - half)
    return result


def _power_of_two(n: npt.NDArray[np.int32]) -> Floats:
    return ((n + np.int32(127)) << 23).view(np.float32)
