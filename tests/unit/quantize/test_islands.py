# SPDX-License-Identifier: Apache-2.0
"""What a file leaves unquantised stays float, between Dequantize and Quantize nodes, and means the same."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from onnx import TensorProto

from smidgen.ir import evaluate
from smidgen.quantize import integerize
from tests.onnx_models import Builder, imported
from tests.unit.quantize.qdq_bodies import dense, kinds

FLOAT = TensorProto.FLOAT


def test_a_float_model_stays_as_it_is() -> None:
    b = Builder()
    x = b.input((1, 4), FLOAT)
    for _ in range(2):
        x = b.node("Relu", b.node("Add", x, x))
    before = imported(b.build(x, output_type=FLOAT))
    after = integerize(before)
    assert kinds(after) == kinds(before) == ["Add", "Add"]  # with their clamps
    assert [v.name for v in after.values()] == [v.name for v in before.values()]


def unquantized_input(b: Builder) -> str:
    return dense(b, b.input((1, 4), FLOAT))


def missing_quantiser(b: Builder) -> str:
    return dense(b, b.node("LeakyRelu", b.dequantize(b.input((1, 4)), 0.1, 0)))


def float_weights(b: Builder) -> str:
    return b.node("MatMul", b.dequantize(b.input((1, 4)), 0.1, 0), b.constant(np.ones((4, 3), np.float32)))


def float_vector(b: Builder) -> str:
    return b.node("Add", b.dequantize(b.input((1, 4)), 0.1, 0), b.constant(np.arange(4, dtype=np.float32)))


def clip_without_quantiser(b: Builder) -> str:
    x = b.dequantize(b.input((1, 4)), 0.1, 0)
    return dense(b, b.node("Clip", x, b.constant(np.float32(0)), b.constant(np.float32(6))))


def padded_with_no_step(b: Builder) -> str:
    x = b.dequantize(b.input((1, 3)), 0.1, 0)
    return dense(b, b.node("Pad", x, b.constant(np.array([0, 1, 0, 0], np.int64)), b.constant(np.float32(0.123))))


def quantised_twice(b: Builder) -> str:
    x = b.input((1, 4), FLOAT)
    return b.node("Add", *(b.dequantize(b.quantize(x, s, 0), s, 0) for s in (0.1, 0.2)))


def island_between(b: Builder) -> str:
    x = dense(b, b.node("LeakyRelu", b.dequantize(b.input((1, 4)), 0.1, 0)))
    w = b.dequantize(b.constant(np.ones((3, 2), np.int8)), 0.02, 0)
    return b.node("Gemm", b.dequantize(b.quantize(x, 0.1, 0), 0.1, 0), w)


def read_twice(b: Builder) -> str:
    """A layer whose result is quantised for one reader, and read as it is by another."""
    y = dense(b, b.dequantize(b.input((1, 4)), 0.1, 0))
    return b.node("Add", y, b.dequantize(b.quantize(y, 0.1, 0), 0.1, 0))


ISLANDS: dict[str, tuple[Callable[[Builder], str], list[str]]] = {
    "unquantised input": (unquantized_input, ["Dequantize", "FullyConnected", "Quantize"]),
    "missing quantiser": (missing_quantiser, ["Dequantize", "LeakyRelu", "Dequantize", "FullyConnected", "Quantize"]),
    "clip without quantiser": (
        clip_without_quantiser,
        ["Dequantize", "Clamp", "Dequantize", "FullyConnected", "Quantize"],
    ),
    "padding that is no step": (
        padded_with_no_step,
        ["Dequantize", "Pad", "Dequantize", "FullyConnected", "Quantize"],
    ),
    "float weights": (float_weights, ["Dequantize", "FullyConnected", "Quantize"]),
    "float vector": (float_vector, ["Dequantize", "Add", "Quantize"]),
    "input quantised twice": (quantised_twice, ["Quantize", "Quantize", "Add"]),
    "an island between integers": (
        island_between,
        ["Dequantize", "LeakyRelu", "Dequantize", "FullyConnected", "Quantize", "FullyConnected"],
    ),
    "read as integers and as reals": (
        read_twice,
        ["Dequantize", "Dequantize", "FullyConnected", "Quantize", "Dequantize", "Add", "Quantize"],
    ),
}


@pytest.mark.parametrize("case", ISLANDS)
def test_what_is_not_quantised_stays_float(case: str) -> None:
    body, expected = ISLANDS[case]
    b = Builder()
    before = imported(b.build(b.quantize(body(b), 0.1, 0)))
    after = integerize(before)
    assert kinds(after) == expected
    rng, seen = np.random.default_rng(1), set[int]()
    for _ in range(20):
        x = [
            rng.integers(-128, 128, v.type.shape).astype(np.int8)
            if v.type.dtype == "int8"
            else rng.standard_normal(v.type.shape).astype(np.float32)
            for v in before.inputs
        ]
        (want,), (got,) = evaluate(before, x), evaluate(after, x)
        assert np.abs(want.astype(int) - got).max() <= 1
        seen.update(want.ravel().tolist())
    assert len(seen) > 2


def test_a_layer_that_is_an_output_too_is_computed_once_in_floats() -> None:
    b = Builder()
    y = dense(b, b.dequantize(b.input((1, 4)), 0.1, 0))
    before = imported(b.build(y, b.quantize(y, 0.1, 0), output_type=FLOAT))
    after = integerize(before)
    assert kinds(after).count("FullyConnected") == 1
    assert [v.type.dtype for v in after.outputs] == ["float32", "int8"]
    x = np.array([[-128, 3, 5, 127]], np.int8)
    for want, got in zip(evaluate(before, [x]), evaluate(after, [x]), strict=True):
        np.testing.assert_array_equal(got, want)
