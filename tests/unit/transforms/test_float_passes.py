# SPDX-License-Identifier: Apache-2.0
"""The passes on float graphs: what they fold, what they must leave, and that results stay."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smidgen.ir import Array, Graph, TensorType, Value, evaluate, verify
from smidgen.ops import (
    Add,
    AveragePool2D,
    Clamp,
    Concat,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    MaxPool2D,
    Mean,
    Mul,
    Quantize,
    Reshape,
    Softmax,
    Transpose,
)
from smidgen.transforms import FLOAT, run_pipeline
from smidgen.transforms.drop_dead_nodes import drop_dead_nodes
from smidgen.transforms.fold_affine import fold_affine
from smidgen.transforms.fuse_activation import fuse_real_activation
from smidgen.transforms.hoist_transposes import hoist_transposes
from smidgen.transforms.permutations import moved_reshape
from smidgen.transforms.permute_dense_weights import permute_dense_weights, permute_real_dense_weights
from smidgen.transforms.sink_reshapes import sink_reshapes
from tests.op_graphs import Builder, quant
from tests.qdq_networks import FloatNetwork

BOUND = 1e-5  # of the largest output
SEEDS = 60


class Floats(Builder):
    """A builder whose constants are random, and whose first input is ``x``."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.random = np.random.default_rng(1)
        self.x = self.input(TensorType("float32", shape))

    def reals(self, *shape: int, low: float = -1.5, high: float = 1.5) -> Value:
        return self.constant(TensorType("float32", shape), self.random.uniform(low, high, shape))

    def number(self, value: float) -> Value:
        return self.constant(TensorType("float32", (1, 1, 1, 1)), [value])

    def conv(self, x: Value, channels: int, size: int = 3, **attributes: object) -> Value:
        op = replace(Conv2D(rounding="even"), **attributes)
        return self.op(op, x, self.reals(channels, size, size, x.type.shape[3]), self.reals(channels))

    def affine(self, x: Value) -> Value:
        channels = x.type.shape[-1]
        scaled = self.op(Mul(rounding="even"), x, self.reals(1, 1, 1, channels, low=0.3))
        return self.op(Add(rounding="even"), scaled, self.reals(1, 1, 1, channels))


def kinds(graph: Graph) -> list[str]:
    return [type(n.op).__name__ for n in graph.nodes]


def close(before: Graph, after: Graph, seeds: int = 3) -> None:
    verify(after, "imported")
    assert [v.type for v in (*after.inputs, *after.outputs)] == [v.type for v in (*before.inputs, *before.outputs)]
    for seed in range(seeds):
        r = np.random.default_rng(seed)
        xs = [r.normal(0, 2, v.type.shape).astype(np.float32) for v in before.inputs]
        for a, b in zip(evaluate(before, xs), evaluate(after, xs), strict=True):
            np.testing.assert_allclose(b, a, rtol=0, atol=BOUND * float(np.abs(a).max(initial=1e-30)))


def folded(graph: Graph) -> list[str]:
    after = drop_dead_nodes(fold_affine(graph))
    close(graph, after)
    return kinds(after)


def test_random_networks_keep_their_results() -> None:
    changed = 0
    for seed in range(SEEDS):
        graph = FloatNetwork(seed).graph()
        after = run_pipeline(FLOAT, graph)
        close(graph, after, 1)
        changed += kinds(after) != kinds(graph)
    assert changed > SEEDS / 6


def test_batch_normalisation_folds_both_ways() -> None:
    f = Floats(1, 6, 6, 3)
    assert folded(f.graph(f.affine(f.conv(f.x, 4)))) == ["Conv2D"]
    f = Floats(1, 6, 6, 3)
    assert folded(f.graph(f.conv(f.affine(f.x), 4))) == ["Conv2D"]


@pytest.mark.parametrize("groups", [1, 2])
def test_grouped_and_depthwise_layers_take_it(groups: int) -> None:
    f = Floats(2, 5, 5, 4)
    y = f.op(Conv2D(rounding="even", groups=groups), f.affine(f.x), f.reals(6, 2, 2, 4 // groups))
    y = f.op(
        DepthwiseConv2D(rounding="even"), f.affine(f.op(Clamp((0.0, math.inf)), y)), f.reals(2, 2, 12), f.reals(12)
    )
    y = f.op(FullyConnected(rounding="even"), f.affine(f.op(Clamp((0.0, math.inf)), y)), f.reals(3, 12))
    wanted = ["Conv2D", "Clamp", "DepthwiseConv2D", "Clamp", "FullyConnected"]
    assert folded(f.graph(y)) == wanted


def test_padding_keeps_a_shift_outside() -> None:
    f = Floats(1, 6, 6, 3)
    assert folded(f.graph(f.conv(f.affine(f.x), 4, padding=(1, 0, 0, 0)))) == ["DepthwiseConv2D", "Conv2D"]
    f = Floats(1, 6, 6, 3)
    scaled = f.op(Mul(rounding="even"), f.x, f.reals(1, 1, 1, 3))
    assert folded(f.graph(f.conv(scaled, 4, padding=(1, 0, 0, 0)))) == ["Conv2D"]


def test_a_layer_with_a_clamp_or_another_reader_stays() -> None:
    f = Floats(1, 6, 6, 3)
    assert folded(f.graph(f.affine(f.conv(f.x, 4, clamp=(0.0, math.inf))))) == ["Conv2D", "DepthwiseConv2D"]
    f = Floats(1, 6, 6, 3)
    y = f.conv(f.x, 4)
    assert folded(f.graph(f.affine(y), y)) == ["Conv2D", "DepthwiseConv2D"]


def test_through_pools_only_where_they_commute() -> None:
    for negative, pool, wanted in (
        (False, MaxPool2D((2, 2), (2, 2)), ["Conv2D", "MaxPool2D"]),
        (True, MaxPool2D((2, 2), (2, 2)), ["Conv2D", "MaxPool2D", "DepthwiseConv2D"]),
        (True, AveragePool2D((2, 2), (2, 2), rounding="even"), ["Conv2D", "AveragePool2D"]),
        (True, Mean(1, 2, rounding="even"), ["Conv2D", "Mean"]),
        (
            True,
            AveragePool2D((2, 2), padding=(1, 0, 0, 0), count_include_pad=True, rounding="even"),
            ["Conv2D", "AveragePool2D", "DepthwiseConv2D"],
        ),
    ):
        f = Floats(1, 6, 6, 3)
        y = f.op(pool, f.conv(f.x, 4))
        scale = f.reals(1, 1, 1, 4, low=-2.0, high=-1.0) if negative else f.reals(1, 1, 1, 4, low=0.5)
        y = f.op(Add(rounding="even"), f.op(Mul(rounding="even"), y, scale), f.reals(1, 1, 1, 4))
        assert folded(f.graph(y)) == wanted


def test_a_scale_that_folds_twice_leaves_other_readers_their_value() -> None:
    """A negative scale cannot cross the max pool; with a second one it could, but the first product is read twice."""
    f = Floats(1, 6, 6, 3)
    y = f.op(MaxPool2D((2, 2), (2, 2)), f.conv(f.x, 4))
    once = f.op(Mul(rounding="even"), y, f.number(-1.0))
    graph = f.graph(f.op(Mul(rounding="even"), once, f.number(-2.0)), f.op(Clamp((0.0, 1.0)), once))
    close(graph, fold_affine(graph))


def test_what_float32_cannot_hold_is_left() -> None:
    f = Floats(1, 4, 4, 2)
    y = f.op(Mul(rounding="even"), f.conv(f.x, 2), f.number(3e38))
    y = f.op(Mul(rounding="even"), y, f.number(3e38))
    y = f.op(Mul(rounding="even"), y, f.number(1e-38))
    after = fold_affine(f.graph(y))
    verify(after, "imported")
    assert all(np.isfinite(v.data).all() for v in after.values() if v.data is not None)


def test_standardised_data_keep_their_digits() -> None:
    """(x - 100000) / 2: taking the mean into the bias would leave 3 of float32's 7 digits."""
    f = Floats(1, 1, 1, 4)
    centred = f.op(Add(rounding="even"), f.x, f.constant(TensorType("float32", (1, 1, 1, 4)), [-1e5] * 4))
    scaled = f.op(Mul(rounding="even"), centred, f.number(0.5))
    w = f.reals(3, 4)
    graph = f.graph(f.op(FullyConnected(rounding="even"), scaled, w))
    after = fold_affine(graph)
    assert kinds(after) == ["Add", "FullyConnected"]
    x = (1e5 + np.array([[[[1, -2, 3, 0.5]]]])).astype(np.float32)
    exact = (x.astype(np.float64) - 1e5) * 0.5 @ w.constant.astype(np.float64).T
    np.testing.assert_allclose(evaluate(after, [x])[0], exact, rtol=1e-6)


def test_quantised_graphs_are_left_alone() -> None:
    f = Floats(1, 6, 6, 3)
    graph = f.graph(f.op(Quantize(quant()), f.op(Clamp((0.0, 6.0)), f.affine(f.conv(f.x, 4)))))
    assert fold_affine(graph) is graph
    assert fuse_real_activation(graph) is graph


def test_clamps_cross_max_pools_and_fuse() -> None:
    f = Floats(1, 6, 6, 3)
    y = f.op(MaxPool2D((2, 2)), f.op(MaxPool2D((2, 2)), f.conv(f.x, 4)))
    graph = f.graph(f.op(Clamp((-1.0, 6.0)), f.op(Clamp((0.0, math.inf)), y)))
    after = fuse_real_activation(graph)
    close(graph, after)
    assert kinds(after) == ["Conv2D", "MaxPool2D", "MaxPool2D"]
    assert after.nodes[0].op.clamp == (0.0, 6.0)  # type: ignore[attr-defined]  # a Conv2D, checked above


def test_reshapes_sink_behind_elementwise_ops() -> None:
    f = Floats(1, 1, 8, 3)
    y = f.op(Reshape((1, 8, 3)), f.x)
    y = f.op(Clamp((0.0, 1.0)), f.op(Mul(rounding="even"), y, f.reals(1, 1, 3)))
    graph = f.graph(f.op(Softmax(rounding="even"), y))
    after = sink_reshapes(graph)
    close(graph, after)
    assert kinds(after) == ["Mul", "Clamp", "Reshape", "Softmax"]


def test_transposes_hoist_to_the_inputs() -> None:
    f = Floats(1, 3, 4, 5)
    y = f.op(Add(rounding="even"), f.x, f.reals(1, 3, 1, 1))
    y = f.op(Transpose((0, 2, 3, 1)), f.op(Clamp((0.0, 1.0)), y))
    graph = f.graph(f.conv(y, 2))
    after = drop_dead_nodes(hoist_transposes(graph))
    close(graph, after)
    assert kinds(after) == ["Transpose", "Add", "Clamp", "Conv2D"]


def test_flattening_moves_into_several_dense_layers_and_concatenations() -> None:
    f = Floats(2, 4, 5, 3)
    flat = f.op(Reshape((2, 60)), f.op(Transpose((0, 3, 1, 2)), f.x))
    activated = f.op(Clamp((0.0, math.inf)), f.op(Mul(rounding="even"), flat, f.reals(1, 60)))
    first = f.op(FullyConnected(rounding="even"), activated, f.reals(3, 60))
    joined = f.op(Concat(1), first, flat)
    graph = f.graph(f.op(FullyConnected(rounding="even"), joined, f.reals(2, 63)))
    after = drop_dead_nodes(permute_real_dense_weights(graph))
    close(graph, after)
    assert "Transpose" not in kinds(after)
    assert kinds(permute_dense_weights(graph)) == kinds(graph)  # the integers' pass leaves reals


@st.composite
def reshapes(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """A base shape, a permutation of it, and another shape of as many elements."""
    base = tuple(draw(st.lists(st.sampled_from([1, 2, 3, 4, 6]), min_size=1, max_size=4)))
    permutation = tuple(draw(st.permutations(range(len(base)))))
    rest, to = math.prod(base), []
    while rest > 1:
        to.append(draw(st.sampled_from([d for d in range(1, rest + 1) if rest % d == 0])))
        rest //= to[-1]
    return base, permutation, tuple(to) or (1,)


@given(reshapes())
@settings(max_examples=400, deadline=None)
def test_moved_reshapes_are_the_same_function(case: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]) -> None:
    base, permutation, to = case
    x: Array = np.arange(math.prod(base)).reshape(base)
    moved = moved_reshape(base, permutation, to)
    if moved is not None:
        want = x.transpose(permutation).reshape(to)
        np.testing.assert_array_equal(x.reshape(moved.shape).transpose(moved.permutation), want)


def test_flattening_channels_with_rows_is_not_moved() -> None:
    assert moved_reshape((1, 4, 5, 3), (0, 3, 1, 2), (1, 60)) is None
    found = moved_reshape((1, 4, 5, 3), (0, 3, 1, 2), (1, 3, 20))
    assert found is not None
    assert found.shape == (1, 20, 3)
