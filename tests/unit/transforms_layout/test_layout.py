# SPDX-License-Identifier: Apache-2.0
"""The layout passes: before and after, and that they change no result on random graphs."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smidgen.ir import Graph, Node, Op, QuantParams, TensorType, Value, evaluate, verify
from smidgen.ir.names import Names
from smidgen.ops import (
    Add,
    Clamp,
    Concat,
    Conv2D,
    Dequantize,
    FullyConnected,
    MaxPool2D,
    Mean,
    Mul,
    Pad,
    Quantize,
    Requantize,
    Reshape,
    Softmax,
    Transpose,
)
from smidgen.transforms.drop_dead_nodes import drop_dead_nodes
from smidgen.transforms.fuse_bias import fuse_bias
from smidgen.transforms.merge_reshapes import merge_reshapes
from smidgen.transforms.permutations import keeps_order
from smidgen.transforms.permute_dense_weights import permute_dense_weights
from smidgen.transforms.sink_transposes import sink_transposes, sink_transposes_through_dequantize
from tests.onnx_models import Array

A, B = QuantParams((0.05,), (3,)), QuantParams((0.04,), (-7,))
TO_NHWC, TO_NCHW = (0, 2, 3, 1), (0, 3, 1, 2)


class Sketch:
    """Writes graphs a node a line."""

    def __init__(self, shape: tuple[int, ...], quant: QuantParams | None = A) -> None:
        self.names = Names()
        self.dtype = "float32" if quant is None else "int8"
        self.x = self.value("x", TensorType("float32" if quant is None else "int8", shape, quant))
        self.nodes: list[Node] = []

    def value(self, name: str, t: TensorType, data: Array | None = None) -> Value:
        return Value(self.names.fresh(name), t, data)

    def constant(self, data: Array, quant: QuantParams | None = None) -> Value:
        t = TensorType(str(data.dtype), data.shape, quant)  # type: ignore[arg-type]  # int8, int32 or float32
        return self.value("c", t, data)

    def __call__(self, op: Op, *inputs: Value) -> Value:
        (t,) = op.infer([v.type for v in inputs])
        out = self.value(type(op).__name__, t)
        self.nodes.append(Node(op, inputs, (out,), f"sketch:{len(self.nodes)}"))
        return out

    def graph(self, *outputs: Value) -> Graph:
        return Graph("sketch", "onnx-qdq.v1", (self.x,), outputs, tuple(self.nodes))


def sunk(graph: Graph) -> Graph:
    """After the pass and the removal of what it orphaned; equal results are checked on random data."""
    after = drop_dead_nodes(sink_transposes(graph))
    verify(after, "imported")
    assert [v.name for v in after.outputs] == [v.name for v in graph.outputs]
    same_results(graph, after)
    return after


def sunk_float(graph: Graph) -> Graph:
    """As ``sunk``, with the pass of the float pipeline."""
    after = drop_dead_nodes(sink_transposes_through_dequantize(graph))
    verify(after, "imported")
    same_results(graph, after)
    return after


def same_results(before: Graph, after: Graph, tolerance: float = 0.0) -> None:
    """Equal, or within ``tolerance`` of the largest result where floats are rounded in another order."""
    rng = np.random.default_rng(0)
    t = before.inputs[0].type
    x = rng.integers(-128, 128, t.shape).astype(np.int8) if t.dtype == "int8" else rng.normal(0, 3, t.shape)
    x = x.astype(t.dtype)
    for a, b in zip(evaluate(before, [x]), evaluate(after, [x]), strict=True):
        np.testing.assert_allclose(b, a, rtol=0, atol=tolerance * float(np.abs(a.astype(np.float64)).max()))


def kinds(graph: Graph) -> list[str]:
    return [type(n.op).__name__ for n in graph.nodes]


def test_inverse_pair_vanishes_around_elementwise_ops() -> None:
    s = Sketch((1, 3, 4, 5))
    y = s(Transpose(TO_NCHW), s(Requantize(B), s(Clamp((0, 9)), s(Transpose(TO_NHWC), s.x))))
    after = sunk(s.graph(y))
    assert kinds(after) == ["Clamp", "Requantize"]
    assert after.outputs[0].type.shape == (1, 3, 4, 5)


def test_remaining_transpose_comes_last() -> None:
    s = Sketch((1, 3, 4, 5))
    after = sunk(s.graph(s(Clamp((0, 9)), s(Transpose(TO_NHWC), s.x))))
    assert kinds(after) == ["Clamp", "Transpose"]


def test_transpose_of_ones_is_a_reshape() -> None:
    s = Sketch((1, 1, 1, 7))
    after = sunk(s.graph(s(Transpose(TO_NCHW), s.x)))
    assert kinds(after) == ["Reshape"]


def test_reshape_ignores_a_transpose_that_moves_nothing() -> None:
    s = Sketch((1, 1, 1, 7))
    after = sunk(s.graph(s(Reshape((7,)), s(Transpose(TO_NCHW), s.x))))
    assert kinds(after) == ["Reshape"]


def test_quantise_and_dequantise_let_it_pass() -> None:
    s = Sketch((1, 3, 4, 5))
    real = s(Dequantize(), s(Transpose(TO_NHWC), s.x))
    after = sunk_float(s.graph(s(Transpose(TO_NCHW), s(Quantize(B, "int8", "even"), real))))
    assert kinds(after) == ["Dequantize", "Quantize"]


def test_both_branches_of_an_addition() -> None:
    s = Sketch((1, 3, 4, 5))
    left, right = s(Clamp((0, 9)), s.x), s(Clamp((-5, 5)), s.x)
    y = s(Add(out_quant=B), s(Transpose(TO_NHWC), left), s(Transpose(TO_NHWC), right))
    assert kinds(sunk(s.graph(s(Transpose(TO_NCHW), y)))) == ["Clamp", "Clamp", "Add"]


def test_one_branch_that_has_its_transpose_elsewhere() -> None:
    """x + conv(x) in NCHW: the skip connection reads what the convolution reads."""
    s = Sketch((1, 3, 4, 5))
    rng = np.random.default_rng(1)
    w = s.constant(rng.integers(-9, 9, (3, 1, 1, 3)).astype(np.int8), QuantParams((0.1,), (0,)))
    y = s(Transpose(TO_NCHW), s(Conv2D(out_quant=B), s(Transpose(TO_NHWC), s.x), w))
    after = sunk(s.graph(s(MaxPool2D(), s(Transpose(TO_NHWC), s(Add(out_quant=A), s.x, y)))))
    assert kinds(after) == ["Transpose", "Conv2D", "Add", "MaxPool2D"]


@pytest.mark.parametrize("op", [Add(out_quant=B), Mul(out_quant=B)])
def test_constant_operand_is_transposed(op: Op) -> None:
    s = Sketch((1, 3, 4, 5))
    c = s.constant(np.arange(3).reshape(1, 1, 1, 3).astype(np.int8), B)
    after = sunk(s.graph(s(op, s(Transpose(TO_NHWC), s.x), c)))
    assert kinds(after)[-1] == "Transpose"
    assert after.nodes[0]["b"].type.shape == (1, 3, 1, 1)


def test_axes_are_renamed() -> None:
    s = Sketch((1, 3, 4, 5))
    t = s(Transpose(TO_NHWC), s.x)
    padded = s(Pad((0, 1, 2, 0), (0, 0, 0, 3), 4), t)
    y = s(Concat(3), padded, padded)
    y = s(Mean(1, 2, out_quant=B), y)
    after = sunk(s.graph(y))
    assert kinds(after) == ["Pad", "Concat", "Mean", "Reshape"]
    assert [n.op for n in after.nodes[:3]] == [
        Pad((0, 0, 1, 2), (0, 3, 0, 0), 4),
        Concat(1),
        Mean(2, 3, out_quant=B),
    ]


def test_float_sums_are_not_reordered() -> None:
    s = Sketch((1, 3, 4, 5), None)
    turned = s(Mean(1, 2), s(Transpose((0, 3, 2, 1)), s.x))  # the rows become columns
    assert kinds(sunk(s.graph(turned))) == ["Transpose", "Mean"]
    s = Sketch((1, 3, 4, 5), None)
    assert kinds(sunk(s.graph(s(Mean(1, 2), s(Transpose(TO_NHWC), s.x))))) == ["Mean", "Reshape"]


def test_scattered_mean_waits() -> None:
    s = Sketch((2, 3, 4, 5))
    y = s(Mean(2, 3, out_quant=B), s(Transpose((1, 3, 0, 2)), s.x))
    assert kinds(sunk(s.graph(y))) == ["Transpose", "Mean"]


def test_outputs_keep_their_names_and_layout() -> None:
    s = Sketch((1, 3, 4, 5))
    t = s(Transpose(TO_NHWC), s.x)
    twice = s(Transpose(TO_NCHW), t)
    after = sunk(s.graph(t, twice, s(Clamp((0, 5)), t)))
    assert [v.type.shape for v in after.outputs] == [(1, 4, 5, 3), (1, 3, 4, 5), (1, 4, 5, 3)]


def test_reshapes_merge() -> None:
    s = Sketch((2, 6))
    y = s(Reshape((12,)), s(Reshape((3, 4)), s(Reshape((4, 3)), s.x)))
    graph = s.graph(y)
    after = drop_dead_nodes(merge_reshapes(graph))
    assert kinds(after) == ["Reshape"]
    same_results(graph, after)


@pytest.mark.parametrize("between", [None, Clamp((0, 90)), Requantize(B)])
def test_flattening_moves_into_dense_weights(between: Op | None) -> None:
    s = Sketch((1, 4, 5, 3))
    y = s(Reshape((1, 60)), s(Transpose(TO_NCHW), s.x))
    y = s(between, y) if between else y
    rng = np.random.default_rng(1)
    scales = QuantParams((0.01,) * 7, (0,) * 7, 0)
    w = s.constant(rng.integers(-128, 128, (7, 60)).astype(np.int8), scales)
    graph = s.graph(s(FullyConnected(out_quant=B), y, w))
    after = drop_dead_nodes(permute_dense_weights(graph))
    verify(after, "integer")
    assert "Transpose" not in kinds(after)
    same_results(graph, after)


def test_flattened_map_with_another_reader_stays() -> None:
    s = Sketch((1, 4, 5, 3))
    y = s(Reshape((1, 60)), s(Transpose(TO_NCHW), s.x))
    w = s.constant(np.ones((7, 60), np.int8), QuantParams((0.01,), (0,)))
    graph = s.graph(s(FullyConnected(out_quant=B), y, w), y)
    assert permute_dense_weights(graph).nodes == graph.nodes


@pytest.mark.parametrize("swapped", [False, True])
def test_constant_addition_becomes_the_bias(swapped: bool) -> None:
    s = Sketch((2, 4), None)
    w = s.constant(np.ones((3, 4), np.float32))
    y = s(FullyConnected(), s.x, w)
    c = s.constant(np.arange(3, dtype=np.float32).reshape(1, 3))
    graph = s.graph(s(Add(), *((c, y) if swapped else (y, c))))
    after = fuse_bias(graph)
    verify(after, "imported")
    assert kinds(after) == ["FullyConnected"]
    assert after.nodes[0].loc == "sketch:0 + sketch:1"
    same_results(graph, after, 1e-6)


@pytest.mark.parametrize("case", ["subtraction", "row vector", "second reader", "bias already"])
def test_other_additions_stay(case: str) -> None:
    s = Sketch((3, 4), None)
    bias = [s.constant(np.ones(3, np.float32))] if case == "bias already" else []
    y = s(FullyConnected(), s.x, s.constant(np.ones((3, 4), np.float32)), *bias)
    c = s.constant(np.ones((3, 1) if case == "row vector" else (1, 3), np.float32))
    total = s(Add(signs=(1, -1) if case == "subtraction" else (1, 1)), y, c)
    graph = s.graph(total, y) if case == "second reader" else s.graph(total)
    assert fuse_bias(graph).nodes == graph.nodes


@given(st.permutations(range(4)), st.tuples(*[st.integers(1, 3)] * 4))
def test_keeps_order_means_that_no_element_moves(permutation: list[int], shape: tuple[int, ...]) -> None:
    x = np.arange(np.prod(shape)).reshape(shape)
    same = bool(np.array_equal(x.transpose(permutation).ravel(), x.ravel()))
    assert keeps_order(shape, tuple(permutation)) == same


@st.composite
def random_graphs(draw: st.DrawFn) -> Graph:
    """Ten ops on tensors of four dimensions, many of them transposes, with several outputs."""
    s = Sketch(draw(st.tuples(*[st.integers(1, 3)] * 4)))
    values = [s.x]
    for _ in range(10):
        x = draw(st.sampled_from(values))
        kind = draw(
            st.sampled_from(["transpose"] * 4 + ["unary", "pad", "concat", "add", "constant", "mean", "softmax"])
        )
        if kind == "transpose":
            y = s(Transpose(tuple(draw(st.permutations(range(4))))), x)
        elif kind == "unary":
            y = s(draw(st.sampled_from([Clamp((-20, 30)), Requantize(A)])), x)
        elif kind == "pad" and x.type.elements < 500:
            y = s(Pad(*(draw(st.tuples(*[st.integers(0, 1)] * 4)) for _ in range(2)), value=3), x)
        elif kind == "mean":
            first = draw(st.integers(0, 3))
            y = s(Mean(first, draw(st.integers(first, 3)), out_quant=A), x)
        elif kind == "softmax":
            y = s(Softmax(out_quant=A, rounding="even"), x)
        elif kind == "constant":
            c = s.constant(np.arange(x.type.shape[1], dtype=np.int8).reshape(1, -1, 1, 1), B)
            y = s(Add(out_quant=A), c, x)
        else:
            other = draw(st.sampled_from([v for v in values if v.type == x.type]))
            y = s(Concat(draw(st.integers(0, 3))), x, other) if kind == "concat" else s(Add(out_quant=A), x, other)
        values.append(y)
    return s.graph(*draw(st.lists(st.sampled_from(values[1:]), min_size=1, max_size=3, unique=True)), values[-1])


@settings(max_examples=150, deadline=None)
@given(random_graphs())
def test_random_graphs_compute_the_same(graph: Graph) -> None:
    after = sunk(graph)
    moved = Counter(kinds(drop_dead_nodes(graph)))["Transpose"], Counter(kinds(after))["Transpose"]
    assert moved[1] <= moved[0] + len(graph.outputs)  # an output of its own layout may need one that others share
