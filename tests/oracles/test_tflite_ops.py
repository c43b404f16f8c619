# SPDX-License-Identifier: Apache-2.0
"""Every TFLite operator against TFLite Micro: random models, equal bytes, before and after the passes."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from smidgen.frontends import load_bytes
from smidgen.frontends.tflite.ops import IMPORTERS
from smidgen.ir import evaluate
from smidgen.ops import softmax_fixed_point
from smidgen.transforms import INTEGER, run_pipeline
from tests.oracles.tflite_cases import GENERATORS, NOT_IN_TFLITE_MICRO, Case
from tests.oracles.tflite_micro import run_tflite_micro
from tests.tflite_builder import Array, Options, int8, int32, single

CASES = 150
FLOAT_ONLY = {"DIV", "ELU", "EXP", "GELU", "HARD_SWISH", "LOGISTIC", "MAXIMUM", "MINIMUM", "PRELU", "REDUCE_MAX"}
FLOAT_ONLY |= {"RELU_0_TO_1", "SUM", "TANH"}


def ours(case: Case) -> Array:
    """The reference's output, which every pass must leave as it is."""
    graph = load_bytes(case.model, "case", "case.tflite")
    (before,) = evaluate(graph, case.inputs)
    (after,) = evaluate(run_pipeline(INTEGER, graph), case.inputs)
    np.testing.assert_array_equal(before, after)
    return before


def assert_equal_bytes(case: Case, what: str) -> Array:
    (theirs,), mine = run_tflite_micro(case.model, case.inputs), ours(case)
    assert mine.dtype == theirs.dtype, what
    assert mine.shape == theirs.shape, what
    differing = np.flatnonzero(mine.ravel().view(np.uint8) != theirs.ravel().view(np.uint8))
    assert differing.size == 0, f"{what}: elements {differing[:5]}: {mine.ravel()[:9]} against {theirs.ravel()[:9]}"
    return mine


def test_every_importer_is_drawn() -> None:
    """In int8, but for those that are read in floats only (test_tflite_float.py)."""
    assert {*GENERATORS, *NOT_IN_TFLITE_MICRO, *FLOAT_ONLY} == set(IMPORTERS)
    assert not FLOAT_ONLY & {*GENERATORS, *NOT_IN_TFLITE_MICRO}


@pytest.mark.parametrize("kind", GENERATORS)
def test_operator_equals_tflite_micro(kind: str) -> None:
    telling = large = 0
    for generator in GENERATORS[kind]:
        random = np.random.default_rng(zlib.crc32(f"{kind} {generator.__name__}".encode()))
        for number in range(CASES):
            y = assert_equal_bytes(generator(random), f"{kind} case {number}")
            large += y.size > 2
            telling += y.size > 2 and np.unique(y).size > 1
    assert telling > 0.5 * large > 0.15 * CASES, f"only {telling} of {large} cases have outputs that differ"


@pytest.mark.parametrize("kind", NOT_IN_TFLITE_MICRO)
def test_operators_without_oracle_are_still_absent_there(kind: str) -> None:
    """When the wheel learns one of these, it has to move to GENERATORS."""
    x = int8((1, 4))
    with pytest.raises(RuntimeError, match="allocate tensors"):
        run_tflite_micro(single(kind, [x], x), [np.zeros((1, 4), np.int8)])


def test_relu_n1_to_1_by_definition() -> None:
    """The operator that TFLite Micro lacks: clip to [-1, 1] in the input's steps."""
    x = np.arange(-128, 128).astype(np.int8).reshape(1, 256)
    t = int8((1, 256), 0.25, 3)
    (y,) = evaluate(load_bytes(single("RELU_N1_TO_1", [t], t), "m", "m.tflite"), [x])
    np.testing.assert_array_equal(y, np.clip(x, 3 - 4, 3 + 4))


@pytest.mark.parametrize("scale", [2.0**-26 * 1.01, 2.0**-10, 0.003, 0.0390625, 0.1, 0.25, 1.0, 3.7, 15.99, 16.0, 1e6])
def test_softmax_over_a_dense_grid(scale: float) -> None:
    """Every difference from the maximum, beside up to 500 equal maxima."""
    rows = np.full((256, 30), -128, np.int8)
    rows[:, 0], rows[:, 1] = 127, np.arange(-128, 128)
    rows[:, 2:] = np.random.default_rng(1).integers(-128, 128, (256, 28))
    rows[::3, 2:] = -128
    crowd = np.full((4, 500), 100, np.int8)
    crowd[1:, :250], crowd[2:, :100], crowd[3] = 99, 90, np.arange(500) % 256 - 128
    for x in (rows, crowd):
        model = single(
            "SOFTMAX", [int8(x.shape, scale)], int8(x.shape, 1 / 256, -128), Options("SoftmaxOptions", {"Beta": 1.0})
        )
        assert_equal_bytes(Case(model, [x]), f"softmax {scale}")


def test_softmax_of_one_hot_scales_is_one_hot() -> None:
    diff = np.array([[0, -1, -200]], np.int64)
    for scale in (15.9999, 16.0, 1e30):
        probabilities = softmax_fixed_point.softmax(diff, *softmax_fixed_point.parameters(scale))
        np.testing.assert_array_equal(probabilities, [[127, -128, -128]])


_POOL = Options("Pool2DOptions", {"Padding": 1, "StrideH": 1, "StrideW": 1, "FilterHeight": 1, "FilterWidth": 2})
_RENAMING = {
    "MAX_POOL_2D": ((1, 1, 4, 4), [], (1, 1, 3, 4), _POOL),
    "AVERAGE_POOL_2D": ((1, 1, 4, 4), [], (1, 1, 3, 4), _POOL),
    "TRANSPOSE": ((2, 8), [int32(np.array([1, 0]))], (8, 2), Options("TransposeOptions")),
    "PAD": ((16,), [int32(np.array([[1, 1]]))], (18,), Options("PadOptions")),
    "RESHAPE": ((16,), [], (4, 4), Options("ReshapeOptions", {"NewShape": (4, 4)})),
}


@pytest.mark.parametrize("kind", _RENAMING)
def test_scales_that_differ_by_rounding(kind: str) -> None:
    """TFLite Micro moves the bytes; what reads them next has to see the output's scale."""
    shape, constants, out, options = _RENAMING[kind]
    model = single(kind, [int8(shape, 0.5), *constants], int8(out, 0.5000005), options)
    assert_equal_bytes(Case(model, [np.arange(16).astype(np.int8).reshape(shape)]), kind)
    (y,) = load_bytes(model, "m", "m.tflite").outputs
    assert y.type.scale == np.float32(0.5000005)


def test_mean_of_equal_scales_rounds() -> None:
    """TFLite Micro requantises there too; the plain quotient of the older reference kernel would be 23."""
    t = int8((6,), 1.0, 0)
    model = single("MEAN", [t, int32(np.array([0]))], int8((), 1.0, 0), Options("ReducerOptions", {"KeepDims": False}))
    y = assert_equal_bytes(Case(model, [np.array([23, 23, 23, 24, 24, 24], np.int8)]), "mean")
    assert y == 24
