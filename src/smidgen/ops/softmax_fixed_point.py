# SPDX-License-Identifier: Apache-2.0
"""TFLite's int8 softmax in fixed point: the arithmetic of gemmlowp/fixedpoint/fixedpoint.h and TFLite's softmax.h.

Raw int32 values are held in int64 arrays. Q(n) means n integer bits, so 31 - n fractional ones.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from smidgen.ops.arithmetic import Int64s, doubling_high_mul, quantize_multiplier, rounding_shift_right

_DIFF_BITS = 5  # the scaled difference from the maximum is Q5
_SUM_BITS = 12  # the sum of exponentials is Q12
_INT32_MAX = (1 << 31) - 1
SMALLEST_SCALE = 2.0**-26  # excluded; below it the difference would need a right shift, which TFLite rejects
_LARGEST_SCALE = 16 - 2.0**-20  # from here on every probability but the largest is 0; keeps the shift below 31
_EXP_MINUS_EIGHTH = 1895147668  # exp(-1/8), Q0
_ONE_THIRD = 715827883  # Q0
_EXP_OF_POWERS = (  # (k, exp(-2**k) in Q0): one multiplication for each set bit of the exponent
    (-2, 1672461947),
    (-1, 1302514674),
    (0, 790015084),
    (1, 290630308),
    (2, 39332535),
    (3, 720401),
    (4, 242),
)
_48_OVER_17 = 1515870810  # Q2
_MINUS_32_OVER_17 = -1010580540  # Q2


def parameters(scale: float) -> tuple[int, int, int]:
    """(q31, left shift, diff_min) for an input of this scale (times beta), above SMALLEST_SCALE.

    The rescaled difference is SRDHM(diff << shift, q31) in Q5; below diff_min (input steps, negative) it would not fit.
    """
    q31, shift = quantize_multiplier(min(scale, _LARGEST_SCALE) * (1 << (31 - _DIFF_BITS)))
    radius = ((1 << _DIFF_BITS) - 1) * (1 << (31 - _DIFF_BITS)) / (1 << shift)
    return q31, shift, -math.floor(radius)


def exponentials(q31: int, shift: int, diff_min: int) -> npt.NDArray[np.int32]:
    """exp of 0, -1, ... input steps, Q0: as many as a byte's difference can be and still count, at most 256."""
    steps = np.arange(min(256, 1 - diff_min), dtype=np.int64)
    return _exp_on_negative(doubling_high_mul(-steps << shift, q31)).astype(np.int32)


def softmax(diff: Int64s, q31: int, shift: int, diff_min: int) -> npt.NDArray[np.int8]:
    """int8 probabilities (scale 1/256, zero point -128) of diff = x - max(x), over the last dimension."""
    counted = diff >= diff_min
    rescaled = doubling_high_mul(np.where(counted, diff, 0) << shift, q31)
    exponential = _exp_on_negative(rescaled)
    total = np.where(counted, rounding_shift_right(exponential, _SUM_BITS), 0).sum(axis=-1, keepdims=True)
    reciprocal, bits_over_unit = _reciprocal(total)
    scaled = rounding_shift_right(doubling_high_mul(reciprocal, exponential), bits_over_unit + 31 - 8)
    return np.where(counted, np.clip(scaled - 128, -128, 127), -128).astype(np.int8)


def _exp_on_negative(a: Int64s) -> Int64s:
    """exp(a) in Q0 for a <= 0 in Q5: a quarter's remainder by a polynomial, the rest bit by bit."""
    quarter = 1 << (31 - _DIFF_BITS - 2)
    remainder = (a & (quarter - 1)) - quarter
    result = _exp_on_quarter(remainder << _DIFF_BITS)
    whole = remainder - a
    for power, factor in _EXP_OF_POWERS:
        bit = 1 << (31 - _DIFF_BITS + power)
        result = np.where(whole & bit != 0, doubling_high_mul(result, factor), result)
    return np.where(a == 0, _INT32_MAX, result)


def _exp_on_quarter(a: Int64s) -> Int64s:
    """exp(a) in Q0 for a in [-1/4, 0), Q0: Taylor's series round -1/8."""
    x = a + (1 << 28)
    x2 = doubling_high_mul(x, x)
    x3 = doubling_high_mul(x2, x)
    x4_over_4 = rounding_shift_right(doubling_high_mul(x2, x2), 2)
    cubic = doubling_high_mul(x4_over_4 + x3, np.int64(_ONE_THIRD)) + x2
    return _EXP_MINUS_EIGHTH + doubling_high_mul(x + rounding_shift_right(cubic, 1), _EXP_MINUS_EIGHTH)


def _reciprocal(total: Int64s) -> tuple[Int64s, Int64s]:
    """(1 / total in Q0, power of two it still lacks), total > 0 in Q12."""
    _, exponent = np.frexp(total.astype(np.float64))
    headroom = 32 - exponent.astype(np.int64)  # leading zeros of the 32-bit sum, all below 2**31
    fraction = (total << headroom) - (1 << 31)
    return _one_over_one_plus(fraction), _SUM_BITS - headroom


def _one_over_one_plus(a: Int64s) -> Int64s:
    """1 / (1 + a) in Q0 for a in [0, 1), Q0: three Newton steps for the reciprocal of (1 + a) / 2, in Q2."""
    half = (a + _INT32_MAX + 1) >> 1
    x = _48_OVER_17 + doubling_high_mul(half, _MINUS_32_OVER_17)
    for _ in range(3):
        error = (1 << 29) - doubling_high_mul(half, x)
        x = x + _saturating_shift_left(doubling_high_mul(x, error), 2)
    return _saturating_shift_left(x, 1)


def _saturating_shift_left(v: Int64s, bits: int) -> Int64s:
    result: Int64s = np.clip(v << bits, -_INT32_MAX - 1, _INT32_MAX)
    return result
