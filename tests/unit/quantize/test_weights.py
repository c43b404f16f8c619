# SPDX-License-Identifier: Apache-2.0
"""Weights as integers: grids, clipping, four-bit groups, adaptive rounding's own objective."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smidgen.ir import four_bit_parts
from smidgen.quantize.moments import Accumulator
from smidgen.quantize.weights import _feed_forward, adapt, damped, int4_grid, int8_grid, normalized, output_error

Floats = npt.NDArray[np.float64]


def _problem(seed: int, b: int, o: int, k: int) -> tuple[Floats, Floats]:
    """Weights, and the Gram of correlated inputs, some of them dead."""
    r = np.random.default_rng(seed)
    x = r.normal(size=(b, 200, k)) @ r.normal(size=(b, k, k))
    x[:, :, r.random(k) < 0.2] = 0
    v = r.normal(size=(b, o, k)) * np.exp(r.normal(size=(b, o, 1)))
    v[r.random((b, o)) < 0.1] = 0
    return v, damped(normalized(x.transpose(0, 2, 1) @ x / 200))


problems = st.builds(_problem, st.integers(0, 999), st.integers(1, 3), st.integers(1, 5), st.integers(1, 40))


def _none(v: Floats) -> Floats:
    return np.zeros((*v.shape[:2], 1))


@settings(max_examples=60, deadline=None)
@given(problems, st.booleans())
def test_adaptive_rounding_never_has_more_error_than_rounding_to_nearest(
    problem: tuple[Floats, Floats], four_bits: bool
) -> None:
    v, gram = problem
    grid = int4_grid(v, gram, 8, _none(v))[0] if four_bits else int8_grid(v, gram, False, _none(v))
    chosen = adapt(v, grid, gram)
    assert np.array_equal(chosen, np.rint(chosen))
    assert chosen.min() >= grid.least
    assert chosen.max() <= grid.most
    error, nearest = output_error(chosen * grid.step - v, gram), output_error(grid.real(v) - v, gram)
    assert (error <= nearest * (1 + 1e-9) + 1e-30).all()


def test_adaptive_rounding_halves_the_error_of_correlated_inputs() -> None:
    """Inputs that are nearly one number: only the sum of a channel's weights matters, and that can be met."""
    r = np.random.default_rng(0)
    x = r.normal(size=(500, 1)) + 0.05 * r.normal(size=(500, 16))
    gram = damped(normalized((x.T @ x / 500)[None]))
    v = r.normal(size=(1, 6, 16))
    grid = int4_grid(v, None, None, _none(v))[0]
    error = output_error(adapt(v, grid, gram) * grid.step - v, gram).sum()
    assert error < 0.2 * output_error(grid.real(v) - v, gram).sum()


@settings(max_examples=60, deadline=None)
@given(problems)
def test_clipping_by_the_gram_never_has_more_error_than_the_largest_weight(problem: tuple[Floats, Floats]) -> None:
    v, gram = problem
    plain, clipped = (int8_grid(v, g, False, _none(v)) for g in (None, gram))
    assert (output_error(clipped.real(v) - v, gram) <= output_error(plain.real(v) - v, gram) * (1 + 1e-9)).all()
    assert np.abs(plain.real(v) - v).max() <= plain.step.max() / 2 * (1 + 1e-5)


@settings(max_examples=60, deadline=None)
@given(problems, st.sampled_from([None, 8, 16]))
def test_four_bit_weights_are_products_of_four_bits_and_a_factor(
    problem: tuple[Floats, Floats], group: int | None
) -> None:
    v, gram = problem
    grid, channel = int4_grid(v, gram, group, _none(v))
    integers = np.rint(adapt(v, grid, gram) * grid.step / channel)
    flat = integers.reshape(-1, v.shape[2]).astype(np.int8)
    assert np.array_equal(flat, integers.reshape(flat.shape))
    parts = four_bit_parts(flat, group if group is not None and group < v.shape[2] else None)
    assert parts is not None


def test_groups_of_different_sizes_gain_from_factors() -> None:
    r = np.random.default_rng(0)
    v = r.normal(size=(1, 8, 64)) * np.repeat([1, 0.1, 0.5, 0.05], 16)
    errors = []
    for group in (None, 16):
        grid, _ = int4_grid(v, None, group, _none(v))
        errors.append(float(np.square(grid.real(v) - v).sum()))
    assert errors[1] < 0.7 * errors[0]


def test_a_bias_that_int32_could_not_hold_raises_the_step() -> None:
    v, least = np.full((1, 2, 4), 1e-12), np.array([[[1e-3], [0.0]]])
    for gram in (None, np.eye(4)[None]):
        step = int8_grid(v, gram, False, least).step
        assert step[0, 0, 0] >= 1e-3 * (1 - 1e-6)
        assert step[0, 1, 0] < 1e-12


def test_power_of_two_weights_share_one_step() -> None:
    v = np.array([[[0.5, -0.3], [0.01, 0.99]]])
    grid = int8_grid(v, None, True, _none(v))
    assert set(grid.step.ravel()) == {2.0**-7}
    assert math.frexp(float(grid.step[0, 0, 0]))[0] == 0.5
    assert grid.nearest(v)[0, 1, 1] == 127


def test_a_dead_gram_is_the_identity() -> None:
    assert np.array_equal(normalized(np.zeros((2, 3, 3))), np.broadcast_to(np.eye(3), (2, 3, 3)))
    assert output_error(np.ones((1, 1, 3)), np.eye(3)[None])[0, 0] == pytest.approx(3)


def test_feeding_errors_forward_gains_without_the_descent_after_it() -> None:
    r = np.random.default_rng(1)
    x = r.normal(size=(500, 4)) @ r.normal(size=(4, 24)) + 0.05 * r.normal(size=(500, 24))
    gram = damped(normalized((x.T @ x / 500)[None]))
    v = r.normal(size=(1, 6, 24))
    grid = int4_grid(v, None, None, _none(v))[0]
    forward = output_error(_feed_forward(v, grid, gram) * grid.step - v, gram).sum()
    assert forward < 0.5 * output_error(grid.real(v) - v, gram).sum()


def test_moments_of_chunks_with_different_means_are_those_of_all() -> None:
    r = np.random.default_rng(0)
    x = r.normal(size=(2, 60, 5)).astype(np.float32) + np.repeat([0, 50, -20], 20)[None, :, None].astype(np.float32)
    q = (x + r.normal(0, 0.5, x.shape) + 1).astype(np.float32)
    total = Accumulator()
    for at in range(0, 60, 20):
        total.add(x[:, at : at + 20], q[:, at : at + 20])
    m = total.moments()
    for b in range(2):
        both = np.cov(x[b].T.astype(np.float64), q[b].T.astype(np.float64), bias=True)
        assert np.allclose(m.mean[b], x[b].mean(axis=0), atol=1e-3)
        assert np.allclose(m.mean_q[b], q[b].mean(axis=0), atol=1e-3)
        for got, want in ((m.real, both[:5, :5]), (m.cross, both[:5, 5:]), (m.quantised, both[5:, 5:])):
            assert np.allclose(got[b], want, rtol=1e-3, atol=1.0)
