# SPDX-License-Identifier: Apache-2.0
"""Observers and schemes: ranges contain what each promises, and every range gives valid parameters."""

from __future__ import annotations

import math
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smidgen.ir import Array, TensorType
from smidgen.ops import Dequantize, Quantize
from smidgen.quantize import OBSERVERS, Recipe
from smidgen.quantize.observers import BINS, clipping_error, merge, observed_range, see
from smidgen.quantize.recipe import Observer, Scheme
from smidgen.quantize.schemes import LEAST_SCALE, MOST_SCALE, activation_quant, grid, params

_KINDS = ("normal", "relu", "tails", "constant", "zeros", "huge", "tiny", "negative")


def _samples(kind: str, seed: int, count: int) -> Array:
    r = np.random.default_rng(seed)
    normal = r.normal(0, 1, (count, 40))
    made = {
        "normal": normal,
        "relu": np.maximum(normal, 0),
        "tails": normal**5,
        "constant": np.full((count, 40), 3.25),
        "zeros": np.zeros((count, 40)),
        "huge": normal * 1e30,
        "tiny": normal * 1e-30,
        "negative": -np.abs(normal) - 1,
    }
    return made[kind].astype(np.float32)


samples = st.builds(_samples, st.sampled_from(_KINDS), st.integers(0, 99), st.integers(1, 9))


@given(samples, st.sampled_from(OBSERVERS), st.booleans())
def test_a_range_includes_zero_and_lies_within_what_was_seen_plus_room(
    data: Array, observer: Observer, symmetric: bool
) -> None:
    least, most = observed_range(see([data]), observer, 255 if symmetric else 256, symmetric)
    room = 1.5 if observer == "mse" else 1 + 1e-6
    assert least <= 0 <= most
    assert least >= min(float(data.min()), 0) * room
    assert most <= max(float(data.max()), 0) * room


@given(samples)
def test_minmax_covers_everything(data: Array) -> None:
    least, most = observed_range(see([data]), "minmax", 256, False)
    assert least <= data.min()
    assert most >= data.max()


def test_average_is_the_mean_of_each_samples_extremes() -> None:
    data = np.array([[-1, 2], [-3, 6]], np.float32)
    assert observed_range(see([data]), "average", 256, False) == (-2, 4)


def test_percentile_drops_a_single_outlier_of_many() -> None:
    data = np.random.default_rng(0).uniform(-1, 1, (10, 10_000)).astype(np.float32)
    data[3, 5] = 50
    least, most = observed_range(see([data]), "percentile", 256, False)
    assert -1.05 < least < -0.95
    assert 0.95 < most < 1.05


@pytest.mark.parametrize("symmetric", [False, True])
def test_mse_has_less_error_than_minmax_where_tails_are_long(symmetric: bool) -> None:
    data = np.random.default_rng(1).standard_t(3, (400, 500)).astype(np.float32)
    errors = {}
    for observer in ("mse", "minmax"):
        recipe = Recipe(observer=observer, scheme="power-of-two" if symmetric else "affine")
        quant = activation_quant(see([data]), "int8", recipe)
        stored = Quantize(quant, "int8", "even")
        (t,) = stored.infer([_type(data)])
        (q,) = stored.evaluate([_type(data)], [data])
        errors[observer] = float(np.square(Dequantize().evaluate([t], [q])[0] - data).mean())
    assert errors["mse"] < errors["minmax"]


def test_entropy_clips_long_tails_and_keeps_a_uniform_range() -> None:
    r = np.random.default_rng(2)
    tails, even = r.standard_t(3, (100, 1000)).astype(np.float32), r.uniform(-1, 1, (100, 1000)).astype(np.float32)
    assert observed_range(see([tails]), "entropy", 256, False)[1] < 0.7 * tails.max()
    assert observed_range(see([even]), "entropy", 256, False)[1] > 0.85 * even.max()


def _type(a: Array) -> TensorType:
    return TensorType("float32", a.shape)


@given(samples, st.sampled_from(OBSERVERS), st.sampled_from(get_args(Scheme)), st.sampled_from(["int8", "int16"]))
def test_parameters_are_valid_whatever_was_seen(data: Array, observer: Observer, scheme: Scheme, dtype: str) -> None:
    recipe = Recipe(observer=observer, scheme=scheme)
    quant = activation_quant(see([data]), "int8" if dtype == "int8" else "int16", recipe)
    (scale,), (zero,) = quant.scale, quant.zero_point
    assert LEAST_SCALE <= scale <= MOST_SCALE
    assert scale == np.float32(scale)
    assert -128 <= zero <= 127
    if scheme == "power-of-two":
        assert math.frexp(scale)[0] == 0.5
    if scheme == "power-of-two" or dtype == "int16":
        assert zero == 0


@given(st.floats(-1e6, 0, width=32), st.floats(0, 1e6, width=32))
def test_affine_parameters_cover_their_range_but_for_half_a_step(least: float, most: float) -> None:
    quant = params(least, most, "int8", "affine")
    scale, zero = quant.scale[0], quant.zero_point[0]
    if most > least and scale > LEAST_SCALE:
        assert (-128 - zero) * scale <= least + scale * 0.51
        assert (127 - zero) * scale >= most - scale * 0.51


def test_a_tensor_that_was_always_zero_has_a_fine_scale() -> None:
    """Biases of the layers that read it have steps of it."""
    for observer in OBSERVERS:
        assert activation_quant(see([np.zeros((3, 4), np.float32)]), "int8", Recipe(observer=observer)).scale == (
            2.0**-8,
        )


def test_values_a_float32_step_apart_have_a_histogram_too() -> None:
    seen = see([np.array([[1, np.nextafter(np.float32(1), np.float32(2))]], np.float32)])
    assert (seen.counts.sum(), seen.counts[0], seen.counts[-1]) == (2, 1, 1)


def test_merging_adds_histograms_and_widens_extremes() -> None:
    a, b = np.full((1, 8), 2, np.float32), np.linspace(-1, 1, 80, dtype=np.float32).reshape(2, 40)
    both = merge([see([a]), see([b])])
    assert (both.least, both.most) == (-1, 2)
    assert both.counts.sum() == 88
    assert both.counts[-1] == 8
    assert merge([see([a]), see([a])]).counts.sum() == 16


def test_the_modelled_error_of_a_range_is_near_the_measured_one() -> None:
    data = np.random.default_rng(3).normal(0, 1, (50, 2000)).astype(np.float32)
    seen = see([data])
    assert len(seen.counts) == BINS
    for bound in (1.5, 2.5, 4.0):
        step = 2 * bound / 255
        clipped = np.clip(data.astype(np.float64), -bound, bound)
        measured = np.mean(np.square(np.rint(clipped / step) * step - data))
        modelled = clipping_error(seen, np.array([-bound]), np.array([bound]), 256)[0]
        assert modelled == pytest.approx(measured, rel=0.05)


@settings(max_examples=50)
@given(st.integers(0, 99), st.floats(1e-3, 10), st.integers(-128, 127))
def test_values_that_are_steps_already_lose_nothing(seed: int, step: float, zero: int) -> None:
    r = np.random.default_rng(seed)
    scale = np.float32(step)
    stored = r.integers(-128, 128, (20, 100))
    stored[0, :4] = (-128, 127, zero, min(zero + 1, 127) if zero < 127 else zero - 1)
    data = ((stored - zero) * scale).astype(np.float32)
    quant = grid(data, "int8")
    assert quant is not None
    t = _type(data)
    (q,) = Quantize(quant, "int8", "even").evaluate([t], [data])
    (out,) = Quantize(quant, "int8", "even").infer([t])
    assert np.abs(Dequantize().evaluate([out], [q])[0] - data).max() <= 1e-5 * np.abs(data).max()


def test_pictures_get_their_own_steps_and_noise_does_not() -> None:
    pictures = np.random.default_rng(0).integers(3, 251, (4, 300)).astype(np.float32) / 255
    quant = grid(pictures, "int8")
    assert quant is not None
    assert quant.scale[0] == pytest.approx(1 / 255)
    assert quant.zero_point == (-128,)
    assert grid(np.random.default_rng(0).normal(size=(4, 300)).astype(np.float32), "int8") is None
    assert grid(np.zeros((4, 3), np.float32), "int8") is None
    assert grid(np.array([[0, 1, 1, 0]], np.float32), "int8") is None
