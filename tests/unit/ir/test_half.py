# SPDX-License-Identifier: Apache-2.0
"""Weights kept in half precision: which values may be, what is refused, and which constants a pass keeps so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smidgen.errors import InvalidGraph
from smidgen.ir import Array, Graph, Half, Node, TensorType, Value, evaluate, in_half_precision, verify
from smidgen.ir.types import storage_after
from smidgen.ops import Add, FullyConnected
from smidgen.transforms.keep_halves import keep_halves
from tests.op_graphs import Builder


def real(*shape: int) -> TensorType:
    return TensorType("float32", shape)


def dense(data: Array) -> Graph:
    b = Builder()
    return b.graph(b.op(FullyConnected(), b.input(real(1, data.shape[1])), b.constant(real(*data.shape), data)))


def weights(graph: Graph) -> list[TensorType]:
    return [n["w"].type for n in graph.nodes if isinstance(n.op, FullyConnected)]


@settings(max_examples=300, deadline=None)
@given(st.floats(width=32, allow_nan=True, allow_infinity=True))
def test_what_half_precision_holds(x: float) -> None:
    """Against the definition: an integer of at most 11 bits times a power of two from 2^-24, below 65536."""
    data = np.array([x], np.float32)
    exact = False
    if np.isfinite(x):
        mantissa, exponent = np.frexp(abs(x))
        step = max(int(exponent) - 11, -24)
        exact = abs(x) < 65536 and float(np.ldexp(mantissa, int(exponent) - step)).is_integer()
    found = in_half_precision(data)
    assert (found is not None) == exact
    assert (storage_after(data, Half()) is not None) == exact
    if found is not None:
        np.testing.assert_array_equal(found.astype(np.float32).view(np.uint32), data.view(np.uint32))


@pytest.mark.parametrize("value", [65520.0, 65536.0, 2.0**-25, 1 + 2**-11, np.nan, np.inf, -np.inf])
def test_other_values_are_refused(value: float) -> None:
    assert in_half_precision(np.array([1, value], np.float32)) is None
    graph = dense(np.array([[1, value]], np.float32))
    assert weights(keep_halves(graph)) == [real(1, 2)]
    (node,) = graph.nodes
    w = replace(node["w"], type=TensorType("float32", (1, 2), None, Half()))
    with pytest.raises(InvalidGraph, match=r"\(8\) .* kept in 16 bits, has values that are not exact in half"):
        verify(graph.with_nodes((replace(node, inputs=(node["x"], w)),)), "integer")


def test_types() -> None:
    t = TensorType("float32", (3, 5), None, Half())
    assert (t.nbytes, t.stored_nbytes, str(t)) == (60, 30, "float32[3,5] kept in 16 bits")
    with pytest.raises(InvalidGraph, match="only float32 weights are kept in half precision, not int8"):
        TensorType("int8", (3, 5), None, Half())


def test_only_constants_are_kept_so() -> None:
    graph = dense(np.ones((2, 3), np.float32))
    (node,) = graph.nodes
    w = Value("w", TensorType("float32", (2, 3), None, Half()))
    with pytest.raises(InvalidGraph, match="'w' is kept in half precision, but is no constant of weights"):
        verify(replace(graph, inputs=(*graph.inputs, w), nodes=(replace(node, inputs=(node["x"], w)),)), "integer")


def test_weights_that_fit_are_kept_as_halves() -> None:
    data = np.random.default_rng(0).standard_normal((4, 6)).astype(np.float16).astype(np.float32)
    graph = dense(data)
    found = keep_halves(graph)
    verify(found, "integer")
    assert weights(found) == [TensorType("float32", (4, 6), None, Half())]
    assert weights(keep_halves(found)) == weights(found)
    x = [np.random.default_rng(1).standard_normal((1, 6)).astype(np.float32)]
    np.testing.assert_array_equal(evaluate(graph, x)[0], evaluate(found, x)[0])
    assert weights(keep_halves(dense(data + np.float32(2**-20)))) == [real(4, 6)]


def test_weights_that_an_addition_reads_too_stay_there_as_they_are() -> None:
    b = Builder()
    x, w = b.input(real(2, 2)), b.constant(real(2, 2), np.ones((2, 2)))
    first = b.op(FullyConnected(), x, w)
    graph = b.graph(b.op(Add(), b.op(FullyConnected(), first, w), w))
    found = keep_halves(graph)
    verify(found, "integer")
    assert [t.storage for t in weights(found)] == [Half(), Half()]
    assert found.nodes[0]["w"] is found.nodes[1]["w"]
    add: Node = found.nodes[2]
    assert add["b"] is w
