# SPDX-License-Identifier: Apache-2.0
"""Many samples at once: the batch dimension where it is one, sample by sample elsewhere, always the same results."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smidgen.errors import InvalidInput
from smidgen.ir import Array, Graph, TensorType, evaluate
from smidgen.ops import Add, Concat, Conv2D, FullyConnected, Mean, Reshape, Softmax, Transpose
from smidgen.quantize import evaluate_batch, walk
from smidgen.quantize.batches import chunks, rebatched, sample_shape
from smidgen.quantize.walk import affordable, live_bytes
from smidgen.transforms import FLOAT, run_pipeline
from tests.op_graphs import Builder, int8_type, quant
from tests.qdq_networks import FloatNetwork


def real(*shape: int) -> TensorType:
    return TensorType("float32", shape)


def normal(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 5))
def test_floats_agree_with_the_ops_one_sample_at_a_time(seed: int, count: int) -> None:
    graph = run_pipeline(FLOAT, FloatNetwork(seed).graph())
    data = [normal(count, *sample_shape(v.type), seed=seed) for v in graph.inputs]
    many = evaluate_batch(graph, data)
    for i in range(count):
        one = evaluate(graph, [a[i].reshape(v.type.shape) for a, v in zip(data, graph.inputs, strict=True)])
        for a, b in zip(one, many, strict=True):
            assert np.allclose(a.reshape(b[i].shape), b[i], rtol=1e-4, atol=1e-5)


def _mixing(kind: str) -> Graph:
    b = Builder()
    x = b.input(real(1, 4, 3))
    if kind == "concat":
        y = b.op(Concat(0), x, x)
    elif kind == "mean":
        y = b.op(Mean(0, 1), x)
    elif kind == "transpose":
        y = b.op(Transpose((1, 0, 2)), x)
    elif kind == "reshape":
        y = b.op(FullyConnected(), b.op(Reshape((4, 3)), x), b.constant(real(2, 3), normal(2, 3)))
    else:
        y = b.op(Softmax(), b.op(Reshape((12,)), x))
    return b.graph(y)


@pytest.mark.parametrize("kind", ["concat", "mean", "transpose", "reshape", "flat softmax"])
def test_graphs_that_work_along_the_first_dimension_run_sample_by_sample(kind: str) -> None:
    graph, data = _mixing(kind), normal(3, 4, 3)
    many = evaluate_batch(graph, [data])[0]
    if kind != "mean":
        assert rebatched(graph, 3) is None
        assert len(list(chunks(graph, [data]))) == 3
    for i in range(3):
        one = evaluate(graph, [data[i : i + 1]])[0]
        assert np.allclose(one.reshape(many[i].shape), many[i], atol=1e-6)


def test_a_batch_of_two_is_enlarged_too() -> None:
    b = Builder()
    x = b.input(real(2, 5))
    graph = b.graph(b.op(FullyConnected(), x, b.constant(real(3, 5), normal(3, 5))))
    bigger = rebatched(graph, 7)
    assert bigger is not None
    assert bigger.inputs[0].type.shape == (14, 5)
    assert evaluate_batch(graph, [normal(7, 2, 5)])[0].shape == (7, 2, 3)


def test_a_constant_for_each_of_the_batch_is_not_enlarged() -> None:
    b = Builder()
    x = b.input(real(2, 5))
    assert rebatched(b.graph(b.op(Add(), x, b.constant(real(2, 5), normal(2, 5)))), 3) is None


def test_integer_layers_too_long_for_float32_sums_are_exact() -> None:
    """2,048 products of 127 * 255 need more than 24 bits."""
    b = Builder()
    x = b.input(int8_type(1, 2, 2, 512, zero_point=-128))
    w = b.weights(3, 2, 2, 512, seed=4)
    graph = b.graph(b.op(Conv2D(out_quant=quant(40.0), rounding="even"), x, w))
    data = np.random.default_rng(0).integers(-128, 128, (4, 2, 2, 512)).astype(np.int8)
    data[0] = 127
    many = evaluate_batch(graph, [data], stored=True)[0]
    for i in range(4):
        assert np.array_equal(evaluate(graph, [data[i : i + 1]])[0], many[i : i + 1].reshape(1, 1, 1, 3))
    assert len(np.unique(many)) > 4


def test_chunks_keep_the_largest_temporary_small_and_the_order() -> None:
    b = Builder()
    x = b.input(real(1, 8, 8, 4))
    w = b.constant(real(2, 3, 3, 4), normal(2, 3, 3, 4))
    graph, data = b.graph(b.op(Conv2D(), x, w)), normal(50, 8, 8, 4)
    pieces = list(chunks(graph, [data], most_bytes=100_000))
    assert 3 < len(pieces) < 50
    assert np.array_equal(np.concatenate([p.inputs[0] for p in pieces]), data)
    assert sum(p.samples for p in pieces) == 50


def test_samples_are_thinned_out_where_they_would_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    b = Builder()
    x = b.input(real(1, 100))
    graph = b.graph(b.op(Reshape((1, 10, 10)), x))
    assert live_bytes(graph) == 800
    monkeypatch.setattr(walk, "_LIVE_BYTES", 8000)
    (kept,) = affordable(graph, [normal(100, 100)])
    assert len(kept) == 10
    assert np.array_equal(kept[-1], normal(100, 100)[-1])


def test_wrong_shapes_are_told_with_what_was_expected() -> None:
    b = Builder()
    x, y = b.input(real(1, 4)), b.input(real(2, 3))
    graph = b.graph(b.op(Reshape((4,)), x), b.op(Reshape((6,)), y))
    with pytest.raises(InvalidInput, match=r"needs \[samples, 2, 3\]"):
        evaluate_batch(graph, [normal(5, 4), normal(5, 3, 2)])
    with pytest.raises(InvalidInput, match=r"hold \[4, 5\] samples"):
        evaluate_batch(graph, [normal(5, 4), normal(4, 2, 3)])
