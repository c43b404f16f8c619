# SPDX-License-Identifier: Apache-2.0
"""Weights kept in four bits: their parts, what is refused, and what passes leave of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smidgen.errors import InvalidGraph
from smidgen.ir import Array, FourBit, Graph, Node, QuantParams, TensorType, Value, evaluate, four_bit_parts, verify
from smidgen.ops import Conv2D, FullyConnected, Reshape, Transpose
from smidgen.transforms import INTEGER, run_pipeline
from smidgen.transforms.drop_dead_channels import drop_dead_channels
from smidgen.transforms.permute_dense_weights import permute_dense_weights
from tests.op_graphs import Builder, int8_type, quant, random_arrays


def products(rng: np.random.Generator, channels: int, values: int, group: int | None) -> Array:
    """Weights of which no group has a smaller factor than the one it is made by."""
    w = rng.integers(-8, 8, (channels, values)).astype(np.int8)
    if group is None:
        return w
    w[:, ::group] = rng.choice(np.array([-7, 7, 5], np.int8), w[:, ::group].shape)
    factors = rng.integers(1, 16, (channels, -(-values // group))).astype(np.int8)
    return w * np.repeat(factors, group, axis=1)[:, :values]


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.integers(0, 2**32), st.integers(1, 5), st.integers(1, 70), st.sampled_from([None, 8, 16, 24, 64]))
def test_parts_multiply_to_the_weights(seed: int, channels: int, values: int, group: int | None) -> None:
    data = products(np.random.default_rng(seed), channels, values, group)
    found = four_bit_parts(data, group)
    assert found is not None
    w, factors = found
    assert w.min() >= -8
    assert w.max() <= 7
    assert factors.min() >= 1
    assert factors.max() <= (1 if group is None else 15)
    np.testing.assert_array_equal(w * np.repeat(factors, group or values, axis=1)[:, :values].astype(np.int8), data)


def test_the_least_factor_is_taken() -> None:
    found = four_bit_parts(np.array([[6, -12] + [0] * 6, [8, 4] + [0] * 6, [0] * 8, [-120] + [105] * 7], np.int8), 8)
    assert found is not None
    assert found[1].ravel().tolist() == [2, 2, 1, 15]


@pytest.mark.parametrize(
    ("row", "group"), [([8], None), ([-9], None), ([9, 1], 8), ([127], 8), ([-128], 8), ([11, 13], 8)]
)
def test_other_weights_have_no_parts(row: list[int], group: int | None) -> None:
    assert four_bit_parts(np.array([row], np.int8), group) is None


def test_stored_bytes() -> None:
    plain = TensorType("int8", (3, 1, 1, 21))
    assert [replace(plain, storage=s).stored_nbytes for s in (None, FourBit(), FourBit(8), FourBit(16))] == [
        63, 3 * 11, 3 * 12, 3 * 12,
    ]  # fmt: skip


def conv(b: Builder, x: Value, w: Array, group: int | None, **attributes: object) -> Value:
    scales = QuantParams((0.01,) * len(w), (0,) * len(w), 0)
    t = TensorType("int8", w.shape, scales, FourBit(group))
    return b.op(replace(Conv2D(out_quant=quant(0.3, -7)), **attributes), x, b.constant(t, w))


def stored(graph: Graph) -> list[FourBit | None]:
    return [n["w"].type.storage for n in graph.nodes if isinstance(n.op, Conv2D | FullyConnected)]


def check(before: Graph, after: Graph) -> None:
    verify(after, "integer")
    for seed in range(3):
        inputs = random_arrays([v.type for v in before.inputs], seed)
        for a, b in zip(evaluate(before, inputs), evaluate(after, inputs), strict=True):
            np.testing.assert_array_equal(a, b)


def test_values_that_are_no_products_are_refused() -> None:
    b = Builder()
    x = b.input(int8_type(1, 2, 2, 8))
    g = b.graph(conv(b, x, np.full((2, 1, 1, 8), 9), None))
    with pytest.raises(InvalidGraph, match=r"\(8\) .* has values that are no four-bit products"):
        verify(g, "integer")


def test_only_constants_are_kept_in_four_bits() -> None:
    b = Builder()
    x = b.input(replace(int8_type(1, 4), storage=FourBit()))
    g = b.graph(b.op(Reshape((4,)), x))
    g = g.with_nodes(tuple(replace(n, op=Reshape((4,))) for n in g.nodes))
    with pytest.raises(InvalidGraph, match="kept in four bits, but is no constant"):
        verify(g, "integer")


@pytest.mark.parametrize("group", [None, 8])
def test_dead_channels(group: int | None) -> None:
    """A channel that nothing needs: groups shift against their factors, so the reader keeps it, with weights 0."""
    rng = np.random.default_rng(1)
    first = products(rng, 24, 8, group).reshape(24, 1, 1, 8)
    first[3] = 0
    second = products(rng, 4, 24, group).reshape(4, 1, 1, 24)
    b = Builder()
    x = b.input(int8_type(1, 3, 3, 8, zero_point=-3))
    g = b.graph(conv(b, conv(b, x, first, group), second, group))
    verify(g, "integer")
    after = drop_dead_channels(g)
    check(g, after)
    assert stored(after) == [FourBit(group)] * 2
    widths = [n["w"].type.shape[3] for n in after.nodes]
    assert widths == ([8, 23] if group is None else [8, 24])
    assert after.nodes[1]["w"].constant[..., 3].any() == (group is None)


def test_dead_channels_of_whole_groups_go() -> None:
    """Sixteen neighbours leave groups of eight as they are."""
    rng = np.random.default_rng(2)
    first, second = products(rng, 32, 8, 8).reshape(32, 1, 1, 8), products(rng, 4, 32, 8).reshape(4, 1, 1, 32)
    first[8:24] = 0
    b = Builder()
    x = b.input(int8_type(1, 3, 3, 8))
    g = b.graph(conv(b, conv(b, x, first, 8), second, 8))
    after = drop_dead_channels(g)
    check(g, after)
    assert stored(after) == [FourBit(8)] * 2
    assert after.nodes[1]["w"].type.shape == (4, 1, 1, 16)


def test_few_channels_that_stay_are_better_off_in_eight_bits() -> None:
    rng = np.random.default_rng(5)
    first, second = products(rng, 32, 8, 8).reshape(32, 1, 1, 8), products(rng, 4, 32, 8).reshape(4, 1, 1, 32)
    first[np.arange(32) % 4 > 0] = 0
    b = Builder()
    x = b.input(int8_type(1, 3, 3, 8))
    g = b.graph(conv(b, conv(b, x, first, 8), second, 8))
    after = drop_dead_channels(g)
    check(g, after)
    assert stored(after) == [FourBit(8), None]
    assert after.nodes[1]["w"].type.shape == (4, 1, 1, 8)


@pytest.mark.parametrize("group", [None, 8])
def test_permuted_dense_weights(group: int | None) -> None:
    """One step for all channels outlives any order; groups that come apart are kept in eight bits."""
    b = Builder()
    x = b.input(int8_type(1, 4, 2, 6))
    flat = b.op(Reshape((1, 48)), b.op(Transpose((0, 3, 1, 2)), x))
    w = products(np.random.default_rng(3), 5, 48, group)
    t = TensorType("int8", w.shape, QuantParams((0.01,) * 5, (0,) * 5, 0), FourBit(group))
    g = b.graph(b.op(FullyConnected(out_quant=quant(0.5)), flat, b.constant(t, w)))
    verify(g, "integer")
    after = permute_dense_weights(g)
    check(g, after)
    assert not any(
        isinstance(n.op, Transpose) and n.outputs[0] is n2.inputs[0] for n in after.nodes for n2 in after.nodes
    )
    assert stored(after) == [FourBit() if group is None else None]


def test_all_passes() -> None:
    rng = np.random.default_rng(4)
    b = Builder()
    x = b.input(int8_type(2, 6, 5, 3, zero_point=5))
    y = conv(b, x, products(rng, 8, 27, 8).reshape(8, 3, 3, 3), 8, padding=(1, 1, 1, 1), stride=(2, 2))
    y = conv(b, y, products(rng, 5, 8, None).reshape(5, 1, 1, 8), None)
    g = b.graph(y)
    after = run_pipeline(INTEGER, g)
    assert [type(n) for n in after.nodes] == [Node, Node]
    assert stored(after) == [FourBit(8), FourBit()]
