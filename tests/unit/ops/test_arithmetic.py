# SPDX-License-Identifier: Apache-2.0
"""Rounding primitives against exact fractions: ties, ends, signs."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smidgen.errors import InvalidGraph
from smidgen.ops.arithmetic import (
    NO_CLAMP,
    doubling_high_mul,
    int_bounds,
    multipliers,
    quantize_multiplier,
    requantize,
    require_type,
    rne_shift_right,
    rounding_shift_right,
    saturate,
)
from tests.op_graphs import int8_type

INT32 = st.integers(-(2**31), 2**31 - 1)
HALF = Fraction(1, 2)
_ENDS = (-(2**31), -(2**31) + 1, -(2**30), -3, -2, -1, 0, 1, 2, 3, 2**30, 2**31 - 2, 2**31 - 1)


def away(x: Fraction) -> int:
    """Nearest integer, ties away from zero."""
    return math.copysign(1, x) * math.floor(abs(x) + HALF).__index__() if x else 0


def up(x: Fraction) -> int:
    """Nearest integer, ties towards plus infinity."""
    return math.floor(x + HALF)


def array(v: int) -> np.ndarray:
    return np.array([v], np.int64)


@given(INT32, INT32)
def test_doubling_high_mul(a: int, b: int) -> None:
    want = min(up(Fraction(2 * a * b, 2**32)), 2**31 - 1)
    assert doubling_high_mul(array(a), np.int64(b))[0] == want


def test_doubling_high_mul_at_ends() -> None:
    for a in _ENDS:
        for b in _ENDS:
            want = min(up(Fraction(a * b, 2**31)), 2**31 - 1)
            assert doubling_high_mul(array(a), b)[0] == want
    assert doubling_high_mul(array(-(2**31)), -(2**31))[0] == 2**31 - 1  # the one product that saturates


@given(INT32, st.integers(0, 31))
def test_rounding_shift_right(v: int, exponent: int) -> None:
    assert rounding_shift_right(array(v), exponent)[0] == away(Fraction(v, 2**exponent))


@given(st.integers(-(2**61), 2**61), st.integers(1, 62))
def test_rne_shift_right(v: int, exponent: int) -> None:
    assert rne_shift_right(array(v), exponent)[0] == round(Fraction(v, 2**exponent))


@pytest.mark.parametrize("exponent", [1, 2, 5, 31])
def test_shifts_at_ties(exponent: int) -> None:
    """Every multiple of a half, and its neighbours."""
    for halves in range(-9, 10):
        for near in (-1, 0, 1):
            v = halves * 2 ** (exponent - 1) + near
            exact = Fraction(v, 2**exponent)
            assert rounding_shift_right(array(v), exponent)[0] == away(exact)
            assert rne_shift_right(array(v), exponent)[0] == round(exact)


@given(st.integers(-(2**29), 2**29), st.integers(2**30, 2**31 - 1), st.integers(-31, 1))
def test_requantize_rounds_twice(acc: int, q31: int, shift: int) -> None:
    high = up(Fraction((acc << max(shift, 0)) * q31, 2**31))
    assert requantize(array(acc), q31, shift, "double")[0] == away(Fraction(high, 2 ** max(-shift, 0)))


@given(INT32, st.integers(2**30, 2**31 - 1), st.integers(-31, 30))
def test_requantize_rounds_once_to_even(acc: int, q31: int, shift: int) -> None:
    assert requantize(array(acc), q31, shift, "even")[0] == round(acc * q31 * Fraction(2) ** (shift - 31))


def test_the_roundings_differ_where_they_should() -> None:
    """1.5, 2.5 and their negatives: away from zero against even; and a value that two roundings carry over a tie."""
    acc = np.array([3, 5, -3, -5], np.int64)
    half = quantize_multiplier(0.5)
    np.testing.assert_array_equal(requantize(acc, *half, "double"), [2, 3, -1, -2])  # half in the first rounding: up
    np.testing.assert_array_equal(requantize(acc, *half, "even"), [2, 2, -2, -2])
    quarter = quantize_multiplier(0.25)
    np.testing.assert_array_equal(requantize(np.array([2, 6, -2, -6]), *quarter, "double"), [1, 2, -1, -2])
    np.testing.assert_array_equal(requantize(np.array([2, 6, -2, -6]), *quarter, "even"), [0, 2, 0, -2])
    three_eighths = quantize_multiplier(0.375)  # 2.25, which rounding to halves carries over the tie
    assert requantize(array(6), *three_eighths, "double")[0] == 3
    assert requantize(array(6), *three_eighths, "even")[0] == 2


@given(st.floats(2.0**-31, 2.0**29, allow_nan=False))
def test_quantize_multiplier_is_near(real: float) -> None:
    q31, shift = quantize_multiplier(real)
    assert 2**30 <= q31 < 2**31
    assert abs(Fraction(q31) * Fraction(2) ** (shift - 31) - Fraction(real)) <= Fraction(2) ** (shift - 32)


def test_quantize_multiplier_at_ends() -> None:
    assert quantize_multiplier(0.0) == (0, 0)
    assert quantize_multiplier(-1.0) == (0, 0)
    assert quantize_multiplier(2.0**-33) == (0, 0)
    assert quantize_multiplier(2.0**-32) == (2**30, -31)
    assert quantize_multiplier(1.0) == (2**30, 1)
    assert quantize_multiplier(0.5) == (2**30, 0)
    assert quantize_multiplier(1 - 2.0**-40) == (2**30, 1)  # rounds to 2**31, which does not fit
    assert quantize_multiplier((2**31 - 1.5) / 2**31) == (2**31 - 1, 0)  # a tie: away from zero
    with pytest.raises(InvalidGraph, match=r"multiplier 2.14748e\+09 is too large"):
        quantize_multiplier(2.0**31)


def test_multipliers() -> None:
    q31, shift = multipliers([0.5, 3.0])
    assert (q31.dtype, shift.dtype) == (np.int32, np.int32)
    assert list(zip(q31.tolist(), shift.tolist(), strict=True)) == [quantize_multiplier(0.5), quantize_multiplier(3.0)]


def test_saturate() -> None:
    v = np.array([-(2**31), -129, -128, -5, 0, 127, 128, 2**31 - 1], np.int64)
    np.testing.assert_array_equal(saturate(v, 0, NO_CLAMP), [-128, -128, -128, -5, 0, 127, 127, 127])
    np.testing.assert_array_equal(saturate(v, 10, (-3.0, 20.0)), [-3, -3, -3, 5, 10, 20, 20, 20])
    assert int_bounds((-1000.0, math.inf)) == (-128, 127)


def test_require_type() -> None:
    require_type("x", int8_type(1), "int8")
    with pytest.raises(InvalidGraph, match="operand x is int8, needs uint8 or float32"):
        require_type("x", int8_type(1), "uint8", "float32")
