# SPDX-License-Identifier: Apache-2.0
"""The float32 arithmetic: the exponential at its ends, sums in the stated order, zeros, infinities and NaN."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smidgen import ops
from smidgen.ir import Array, TensorType
from smidgen.ops import float32
from smidgen.ops.curves import sigmoid, tanh

F = np.float32
SMALLEST = F(1e-45)


def units_in_the_last_place(got: Array, want: Array) -> Array:
    """How far off, in steps of float32 at the true value."""
    exponents = np.floor(np.log2(np.maximum(np.abs(want), 2.0**-126)))
    distance: Array = np.abs(got.astype(np.float64) - want) / np.exp2(exponents - 23)
    return distance


def every_so_often(low: float, high: float, step: int) -> Array:
    """Float32 numbers of both signs between two magnitudes, evenly in bit patterns."""
    bits = np.arange(F(low).view(np.uint32), F(high).view(np.uint32), step, dtype=np.uint32)
    x: Array = bits.view(np.float32)
    return np.concatenate([x, -x])


def test_exp_is_within_a_unit_in_the_last_place() -> None:
    x = every_so_often(1e-9, 88.7, 401)
    assert len(x) > 1_000_000
    assert units_in_the_last_place(float32.exp(x), np.exp(x.astype(np.float64))).max() < 1.0


def test_exp_of_subnormal_results() -> None:
    x = -every_so_often(87.4, 103.97, 97)[:10_000]
    want = np.exp(x.astype(np.float64))
    assert (want < 2.0**-126).mean() > 0.9
    assert units_in_the_last_place(float32.exp(x), want).max() <= 1.0


@pytest.mark.parametrize(
    ("x", "want"),
    [(0.0, 1.0), (-0.0, 1.0), (1e-45, 1.0), (-1e-30, 1.0), (np.inf, np.inf), (-np.inf, 0.0), (89.0, np.inf),
     (88.72284, np.inf), (1e30, np.inf), (-104.0, 0.0), (-1e30, 0.0), (-103.97, SMALLEST), (-103.98, 0.0)],
)  # fmt: skip
def test_exp_at_its_ends(x: float, want: float) -> None:
    (y,) = float32.exp(np.array([x], np.float32))
    assert y == F(want)
    assert not np.signbit(y)


def test_curves_from_it() -> None:
    x = every_so_often(1e-6, 87.0, 9973)
    wide = x.astype(np.float64)
    assert units_in_the_last_place(sigmoid(x), 1 / (1 + np.exp(-wide))).max() < 2.5
    assert units_in_the_last_place(tanh(x), np.tanh(wide)).max() < 1.5


def test_nan_stays_nan() -> None:
    nan = np.array([[np.nan, 1.0]], np.float32)
    assert np.isnan(float32.exp(nan)[0, 0])
    assert np.isnan(float32.softmax(nan, 1.0)).all()
    assert np.isnan(float32.clip(nan, (0, 6))[0, 0])
    assert np.isnan(float32.larger(F(3), nan)[0, 0])
    assert np.isnan(float32.larger(nan, np.full_like(nan, 3))[0, 0])


def test_clip_keeps_the_sign_of_zero_within_the_bounds() -> None:
    y = float32.clip(np.array([-0.0, 0.0, -1.0, 7.0], np.float32), (0.0, 6.0))
    assert y.tolist() == [0, 0, 0, 6]
    assert np.signbit(y).tolist() == [True, False, False, False]


def _sum(start: np.float32, pairs: list[tuple[np.float32, np.float32]]) -> np.float32:
    """One rounded product, then one rounded addition, one after the other."""
    with np.errstate(all="ignore"):
        total = start + F(0)
        for x, w in pairs:
            total = F(total + F(x * w))
    return total


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 2**32), st.sampled_from([(1, 1), (2, 1), (1, 2)]), st.sampled_from([1, 2]))
def test_a_convolution_is_the_sum_its_order_says(seed: int, dilation: tuple[int, int], groups: int) -> None:
    """Written again for each output on its own, from the rule in docs/numerics.md."""
    rng = np.random.default_rng(seed)
    h, w, each, o = 5, 4, 3, 4
    x = (rng.standard_normal((2, h, w, each * groups)) * 10.0 ** rng.integers(-2, 8)).astype(np.float32)
    weights = rng.standard_normal((o, 3, 2, each)).astype(np.float32)
    bias = rng.choice(np.array([-0.0, 1e8, -3.0], np.float32), o)
    stride, padding = (int(rng.integers(1, 3)), int(rng.integers(1, 3))), (1, 0, 2, 1)
    op = ops.Conv2D(stride=stride, dilation=dilation, padding=padding, groups=groups)
    types = [TensorType("float32", a.shape) for a in (x, weights, bias)]
    (y,) = op.evaluate(types, [x, weights, bias])
    for n, oy, ox, c in itertools.product(*(range(d) for d in y.shape)):
        first = c // (o // groups) * each
        pairs = [
            (x[n, iy, ix, first + i], weights[c, ky, kx, i])
            for ky in range(3)
            for kx in range(2)
            for i in range(each)
            if 0 <= (iy := oy * stride[0] - 1 + ky * dilation[0]) < h
            and 0 <= (ix := ox * stride[1] + kx * dilation[1]) < w
        ]
        assert y[n, oy, ox, c].tobytes() == _sum(bias[c], pairs).tobytes()


def test_the_order_matters_to_these_tests() -> None:
    """A sum by halves, as numpy's own, is another one."""
    x = np.random.default_rng(0).standard_normal((1, 1000)).astype(np.float32)
    assert float32.ordered_sum(x, 1)[0, 0] != x.sum()
    assert float32.ordered_sum(x, 1)[0, 0] == _sum(F(0), [(v, F(1)) for v in x[0]])


def test_a_dense_layer_starts_from_its_bias() -> None:
    """1e8 swallows each 1 that comes after it; added last it would have met their sum."""
    types = [TensorType("float32", s) for s in ((1, 8), (1, 8), (1,))]
    x, w, b = np.full((1, 8), 3.0, F), np.ones((1, 8), F), np.array([1e8], F)
    (y,) = ops.FullyConnected().evaluate(types, [x, w, b])
    assert y[0, 0] == F(1e8)
    assert F(1e8) + F(24) != F(1e8)


def test_negative_zero_is_no_start() -> None:
    types = [TensorType("float32", s) for s in ((1, 1), (1, 1), (1,))]
    (y,) = ops.FullyConnected().evaluate(types, [F([[-0.0]]), F([[1.0]]), F([-0.0])])  # type: ignore[arg-type]
    assert not np.signbit(y[0, 0])
    (mean,) = ops.Mean(first=0, last=0).evaluate([TensorType("float32", (2,))], [np.array([-0.0, -0.0], F)])
    assert not np.signbit(mean[0])


def test_an_average_divides_by_what_it_counts() -> None:
    x = np.ones((1, 2, 2, 1), np.float32)
    t = [TensorType("float32", x.shape)]
    (valid,) = ops.AveragePool2D((2, 2), (1, 1), (1, 1, 0, 0)).evaluate(t, [x])
    (whole,) = ops.AveragePool2D((2, 2), (1, 1), (1, 1, 0, 0), count_include_pad=True).evaluate(t, [x])
    assert valid.ravel().tolist() == [1, 1, 1, 1]
    assert whole.ravel().tolist() == [0.25, 0.5, 0.5, 1]


def test_softmax_of_large_numbers() -> None:
    x = np.array([[1000.0, 1000.0, -1e38], [-np.inf, 0.0, 0.0]], np.float32)
    assert float32.softmax(x, 1.0).tolist() == [[0.5, 0.5, 0.0], [0.0, 0.5, 0.5]]
