# SPDX-License-Identifier: Apache-2.0
"""Dead and constant channels go, results stay: hand-made corners, and random networks with zeroed channels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smidgen.compiler import load
from smidgen.ir import Array, Graph, QuantParams, TensorType, Value, evaluate, evaluate_all, format_graph, verify
from smidgen.ops import (
    Add,
    AveragePool2D,
    Clamp,
    Concat,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    LeakyRelu,
    Lookup,
    MaxPool2D,
    Mean,
    Mul,
    Pad,
    Requantize,
    Reshape,
    Softmax,
    Transpose,
)
from smidgen.ops.accumulators import worst_case
from smidgen.transforms import INTEGER, run_pipeline
from smidgen.transforms.channel_ranges import channel_ranges
from smidgen.transforms.channels import is_weighted, links
from smidgen.transforms.drop_dead_channels import drop_dead_channels
from tests.op_graphs import Builder, int8_type, quant, random_arrays
from tests.random_networks import RandomNetwork
from tests.shared import SHARED, needs_shared

_MAP = int8_type(1, 5, 6, 4, scale=0.1, zero_point=-3)
_OUT = quant(2.0, -7)


def conv(b: Builder, x: Value, w: Array, bias: list[int] | None = None, **attributes: object) -> Value:
    """A convolution by these weights (o, kh, kw, i), scales 0.01, 0.02, ... a channel."""
    o = w.shape[0]
    scales = QuantParams(tuple(0.01 * (i + 1) for i in range(o)), (0,) * o, 0)
    operands = [b.constant(TensorType("int8", w.shape, scales), w)]
    if bias is not None:
        operands.append(b.constant(TensorType("int32", (o,)), bias))
    return b.op(replace(Conv2D(out_quant=_OUT), **attributes), x, *operands)


def weights(*shape: int, seed: int = 0) -> Array:
    """Without a zero, so that only what a test zeroes is dead."""
    r = np.random.default_rng(seed)
    return r.integers(1, 128, shape) * r.choice([-1, 1], shape)


def without(w: Array, *, rows: tuple[int, ...] = (), columns: tuple[int, ...] = ()) -> Array:
    w = w.copy()
    w[list(rows)] = 0
    w[..., list(columns)] = 0
    return w


def check(before: Graph, seeds: int = 4) -> Graph:
    """The graph without its dead channels, after comparing results and running the pass twice."""
    after = drop_dead_channels(before)
    verify(after, "integer")
    assert [v.type for v in (*after.inputs, *after.outputs)] == [v.type for v in (*before.inputs, *before.outputs)]
    for seed in range(seeds):
        inputs = random_arrays([v.type for v in before.inputs], seed)
        for a, b in zip(evaluate(before, inputs), evaluate(after, inputs), strict=True):
            np.testing.assert_array_equal(a, b)
    assert format_graph(drop_dead_channels(after)) == format_graph(after)
    assert max_accumulator(after) <= max_accumulator(before)
    return after


def max_accumulator(graph: Graph) -> int:
    return max((int(worst_case(n).max()) for n in graph.nodes if is_weighted(n)), default=0)


def widths(graph: Graph) -> list[int]:
    """Channels of each node's result."""
    return [n.output.type.shape[-1] for n in graph.nodes]


def between(make: Callable[[Builder, Value], Value], first: Array, bias: list[int], **second: object) -> Graph:
    """conv(first) -> make -> 3x3 conv of 3 channels."""
    b = Builder()
    x = make(b, conv(b, b.input(_MAP), first, bias))
    return b.graph(conv(b, x, weights(3, 3, 3, x.type.shape[-1], seed=9), **second))


_PADDED = {"padding": (1, 0, 0, 1)}
_AT_ZERO, _ELSEWHERE = [0, 5, 5, 0, 5], [0, 5, 5, 9000, 5]  # requantised bias of channel 3: the zero point, or not
_FIRST = without(weights(5, 1, 1, 4), rows=(0, 3))


def test_channels_that_nothing_reads() -> None:
    b = Builder()
    x = conv(b, b.input(_MAP), weights(5, 1, 1, 4))
    after = check(b.graph(conv(b, x, without(weights(3, 3, 3, 5), columns=(1, 4)), **_PADDED)))
    assert widths(after) == [3, 3]
    assert after.nodes[0]["w"].type.shape == (3, 1, 1, 4)
    quantization = after.nodes[0]["w"].type.quant
    assert quantization is not None
    assert quantization.scale == (0.01, 0.03, 0.04)
    assert after.nodes[1]["w"].type.shape == (3, 3, 3, 3)


@pytest.mark.parametrize(
    ("bias", "second", "left"),
    [
        (_AT_ZERO, {}, 3),
        (_AT_ZERO, _PADDED, 3),
        (_ELSEWHERE, {}, 3),
        (_ELSEWHERE, _PADDED, 4),  # at the border the constant is not all that the window sees
    ],
)
def test_constants_fold_where_padding_allows(bias: list[int], second: dict[str, object], left: int) -> None:
    assert widths(check(between(lambda _, x: x, _FIRST, bias, **second))) == [left, 3]


def test_a_bias_is_made_where_there_is_none() -> None:
    after = check(between(lambda _, x: x, _FIRST, _ELSEWHERE))
    assert after.nodes[1]["b"].constant.any()
    assert check(between(lambda _, x: x, _FIRST, _AT_ZERO)).nodes[1].get("b") is None


def test_sums_that_a_clamp_cuts_off() -> None:
    """RELU of what is never positive: constant, though no weight is zero."""
    graph = between(lambda _, x: x, -np.abs(weights(5, 1, 1, 4)), [100, -10_000_000, 3, 50, -20_000_000])
    relu = replace(graph.nodes[0], op=replace(Conv2D(out_quant=_OUT), clamp=(-7, 127)))
    assert widths(check(graph.with_nodes((relu, graph.nodes[1])))) == [3, 3]


def _lookup(b: Builder, x: Value) -> Value:
    table = b.constant(TensorType("int8", (256,)), np.random.default_rng(3).integers(-128, 128, 256))
    return b.op(Lookup(_OUT), x, table)


def _depthwise(b: Builder, x: Value, multiplier: int = 1, **attributes: object) -> Value:
    count = x.type.shape[-1] * multiplier
    w = b.constant(
        TensorType("int8", (2, 3, count), QuantParams((0.02,) * count, (0,) * count, 2)), weights(2, 3, count)
    )
    return b.op(replace(DepthwiseConv2D(out_quant=_OUT), **attributes), x, w)


def _branch(b: Builder, x: Value) -> Value:
    """The same input's first five channels, of which the same two are constant."""
    return conv(b, b.inputs[0], without(weights(5, 1, 1, 4, seed=4), rows=(0, 3)), [5, 0, 0, 0, 0])


THROUGH: dict[str, tuple[Callable[[Builder, Value], Value], list[int]]] = {
    "depthwise": (_depthwise, [3, 3, 3]),
    "depthwise_padded": (lambda b, x: _depthwise(b, x, padding=(0, 1, 1, 1)), [4, 4, 3]),
    "depthwise_multiplied": (lambda b, x: _depthwise(b, x, 2), [3, 6, 3]),
    "maximum": (lambda b, x: b.op(MaxPool2D((2, 2), (1, 2), (1, 0, 0, 1)), x), [3, 3, 3]),
    "average": (lambda b, x: b.op(AveragePool2D((2, 3), (2, 1), (0, 1, 1, 0), out_quant=_OUT), x), [3, 3, 3]),
    "clamp": (lambda b, x: b.op(Clamp((-3, 8)), x), [3, 3, 3]),
    "leaky": (lambda b, x: b.op(LeakyRelu(-0.5, _OUT), x), [3, 3, 3]),
    "requantized": (lambda b, x: b.op(Requantize(quant(0.5, 9)), x), [3, 3, 3]),
    "table": (_lookup, [3, 3, 3]),
    "addition": (lambda b, x: b.op(Add(out_quant=_OUT), x, _branch(b, x)), [3, 3, 3, 3]),
    "product": (lambda b, x: b.op(Mul(out_quant=_OUT), _branch(b, x), x), [3, 3, 3, 3]),
    "constant_addend": (
        lambda b, x: b.op(Add(out_quant=_OUT), x, b.constant(int8_type(1, 1, 1, 5), weights(5))),
        [3, 3, 3],
    ),
    "one_addend_for_all": (
        lambda b, x: b.op(Add(out_quant=_OUT), b.constant(int8_type(1, 1, 1, 1), weights(1)), x),
        [3, 3, 3],
    ),
    "concatenation": (lambda b, x: b.op(Concat(3), x, _branch(b, x), x), [3, 3, 9, 3]),
    "rows_concatenated": (lambda b, x: b.op(Concat(1), x, _branch(b, x)), [4, 4, 4, 3]),  # unlike constants
    "padded_with_the_constant": (lambda b, x: b.op(Pad((0, 1, 0, 0), (0, 0, 2, 0), -7), x), [4, 4, 3]),
    "padded_channels": (lambda b, x: b.op(Pad((0, 0, 0, 1), (0, 0, 0, 2), 4), x), [3, 3, 3]),
    "turned": (lambda b, x: b.op(Transpose((0, 2, 1, 3)), x), [3, 3, 3]),
    "rows_merged": (lambda b, x: b.op(Reshape((1, 6, 5, 5)), x), [3, 3, 3]),
    "flattened": (lambda b, x: b.op(Reshape((1, 5, 3, 10)), x), [3, 6, 3]),
    "channels_moved": (lambda b, x: b.op(Transpose((0, 3, 1, 2)), x), [5, 6, 3]),
    "softmax": (lambda b, x: b.op(Softmax(out_quant=QuantParams((1 / 256,), (-128,))), x), [5, 5, 3]),
}


@pytest.mark.parametrize("name", THROUGH)
def test_through(name: str) -> None:
    """Channels 0 and 3 of the first layer are constant, 3 not the zero point, and go through every kind of op."""
    make, left = THROUGH[name]
    assert widths(check(between(make, _FIRST, _ELSEWHERE))) == left


def test_a_residual_stage_shares_its_channels() -> None:
    """What one addition's reader does not read, another's does: all of a stage keep it; where nothing reads, idle."""
    b = Builder()
    x = conv(b, b.input(_MAP), weights(4, 1, 1, 4))
    y = b.op(Add(out_quant=_OUT), x, conv(b, x, without(weights(4, 1, 1, 4, seed=1), columns=(2, 3))))
    z = b.op(Add(out_quant=_OUT), y, conv(b, y, weights(4, 1, 1, 4, seed=2)))
    after = check(b.graph(conv(b, z, without(weights(2, 1, 1, 4, seed=3), columns=(0, 2)))))
    assert widths(after) == [4, 4, 4, 4, 4, 2]
    idle = after.nodes[3]["w"].constant  # of the second block's own layer only channels 1 and 3 are read
    assert idle.any(axis=(1, 2, 3)).tolist() == [False, True, False, True]


def test_a_residual_stage_that_nothing_reads() -> None:
    b = Builder()
    x = conv(b, b.input(_MAP), weights(4, 1, 1, 4))
    y = b.op(Add(out_quant=_OUT), x, conv(b, x, without(weights(4, 1, 1, 4, seed=1), columns=(2,))))
    after = check(b.graph(conv(b, y, without(weights(2, 1, 1, 4, seed=3), columns=(2,)))))
    assert widths(after) == [3, 3, 3, 2]


def test_flattened_columns() -> None:
    """A channel goes when no row or column of the map is read."""
    b = Builder()
    x = conv(b, b.input(_MAP), weights(4, 2, 3, 4))
    flat = b.op(Reshape((1, 64)), x)
    w = weights(3, 64)
    w[:, 2::4] = 0
    w[:, 3:60:4] = 0  # channel 3 is read at the last position
    dense = b.op(FullyConnected(out_quant=_OUT), flat, b.constant(int8_type(3, 64), w))
    after = check(b.graph(dense))
    assert widths(after) == [3, 48, 3]
    assert after.nodes[2]["w"].type.shape == (3, 48)


def test_a_mean_of_channels_reads_all() -> None:
    b = Builder()
    x = conv(b, b.input(_MAP), _FIRST, _ELSEWHERE)
    assert widths(check(b.graph(b.op(Mean(3, 3, out_quant=_OUT), x)))) == [5, 1]
    b = Builder()
    x = conv(b, b.input(_MAP), _FIRST, _ELSEWHERE)
    pooled = b.op(Mean(1, 2, out_quant=_OUT), x)
    assert widths(check(b.graph(conv(b, pooled, weights(2, 1, 1, 5))))) == [3, 3, 2]


def test_groups_lose_the_same_channels() -> None:
    b = Builder()
    first = without(weights(6, 1, 1, 4), rows=(1, 4, 5))  # 1 and 4 lie alike in the two groups, 5 alone
    x = conv(b, b.input(_MAP), first, [0, 9000, 0, 0, 9000, 9000])
    y = conv(b, x, weights(4, 2, 2, 3), groups=2)
    after = check(b.graph(conv(b, y, without(weights(2, 1, 1, 4), columns=(0, 2)))))
    assert widths(after) == [4, 2, 2]  # of each group's two results the second
    assert after.nodes[1]["w"].type.shape == (2, 2, 2, 2)


def test_a_network_that_computes_nothing_keeps_one_channel() -> None:
    b = Builder()
    x = conv(b, b.input(_MAP), weights(5, 3, 3, 4), padding=(1, 1, 1, 1))
    x = conv(b, _depthwise(b, x), np.zeros((5, 1, 1, 5), np.int64), [1000, -2000, 3000, 0, 0])
    after = check(b.graph(conv(b, x, weights(2, 1, 1, 5))))
    assert widths(after) == [1, 1, 1, 2]
    assert not any(n["w"].constant.any() for n in after.nodes)


def test_outputs_and_inputs_keep_their_channels() -> None:
    b = Builder()
    x = b.input(_MAP)
    y = conv(b, x, without(weights(5, 1, 1, 4), rows=(2,), columns=(1,)), [0, 0, 77, 0, 0])
    after = check(b.graph(y, conv(b, y, without(weights(3, 1, 1, 5), columns=(0,)))))
    assert widths(after) == [5, 3]
    assert after.nodes[0]["w"].type.shape == (5, 1, 1, 4)


def test_weights_that_another_node_reads_as_data() -> None:
    b = Builder()
    x = conv(b, b.input(_MAP), weights(4, 1, 1, 4))
    table = b.constant(int8_type(6, 4), without(weights(6, 4), columns=(1,)))
    y = b.op(Add(out_quant=_OUT), x, table)
    check(b.graph(b.op(FullyConnected(out_quant=_OUT), x, table), conv(b, y, weights(2, 1, 1, 4))))


def test_accumulators_that_may_overflow_are_left_alone() -> None:
    """What they hold is undefined, so nothing is derived from it; the next pass's message is the user's."""
    graph = between(lambda _, x: x, _FIRST, [0, 0, 2**31 - 1, 9000, 0])
    assert widths(drop_dead_channels(graph)) == [5, 3]


def test_ranges_contain_what_is_computed() -> None:
    for seed in range(25):
        graph = RandomNetwork(seed).graph()
        ranges = channel_ranges(graph)
        for value, data in evaluate_all(graph, random_arrays([v.type for v in graph.inputs], seed)).items():
            flat = data.reshape(-1, data.shape[-1]).astype(np.int64)
            assert (flat.min(axis=0) >= ranges[value].lo).all(), (seed, value.name)
            assert (flat.max(axis=0) <= ranges[value].hi).all(), (seed, value.name)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 1 << 32))
def test_random_networks(seed: int) -> None:
    check(RandomNetwork(seed).graph(), seeds=2)


def test_random_networks_lose_channels_through_every_op() -> None:
    """The drawing is worth its time: each op is narrowed in some network."""
    narrowed = set()
    for seed in range(60):
        before = RandomNetwork(seed).graph()
        after = drop_dead_channels(before)
        for a, b in zip(before.nodes, after.nodes, strict=True):
            if a.output.type.shape != b.output.type.shape:
                narrowed.add(type(a.op))
    linked = (Add, AveragePool2D, Clamp, Concat, Conv2D, DepthwiseConv2D, Lookup, MaxPool2D, Mean, Mul, Pad, Reshape)
    assert narrowed >= set(linked)


def test_nominal_macs_stay() -> None:
    """The pipeline notes them first; layers narrowed, merged with a clamp or with padding keep theirs."""
    b = Builder()
    x = b.op(Clamp((-7, 90)), conv(b, b.input(_MAP), _FIRST, _ELSEWHERE))
    x = conv(b, b.op(Pad((0, 1, 1, 0), (0, 0, 0, 0), -7), x), weights(3, 3, 3, 5))
    before = b.graph(b.op(FullyConnected(out_quant=_OUT), x, b.constant(int8_type(2, 3), np.ones(6))))
    after = run_pipeline(INTEGER, before, probe=random_arrays([_MAP]))
    assert before.nominal_macs == before.macs == after.nominal_macs == sum(n.nominal_macs for n in after.nodes)
    assert [n.nominal_macs for n in after.nodes] == [n.macs for n in before.nodes if n.macs]
    assert after.macs == before.macs - 5 * 6 * 4 - 4 * 5 * 3 * 9  # of the constants, one is what the padding holds
    assert run_pipeline(INTEGER[:-1], after).nominal_macs == before.macs  # noted once


def test_removed_layers_count_on_paper() -> None:
    b = Builder()
    x = b.input(_MAP)
    conv(b, x, weights(3, 1, 1, 4))
    before = b.graph(conv(b, x, weights(5, 1, 1, 4)))
    after = run_pipeline(INTEGER, before)
    assert (after.nominal_macs, after.macs) == (before.macs, after.nodes[0].nominal_macs)
    assert len(after.nodes) == 1


LIVE = {"ad": 264_192, "kws": 2_656_768, "ic": 12_501_632, "vww": 3_727_313, "sww": 826_368}


@needs_shared
@pytest.mark.parametrize("task", LIVE)
def test_official_models(task: str) -> None:
    """Of VWW half is dead, of the others nothing."""
    graph = load(SHARED / f"zoo/{task}01/{task}01_int8.tflite")
    after = run_pipeline(INTEGER, graph, probe=random_arrays([v.type for v in graph.inputs]))
    assert (after.nominal_macs, after.macs) == (graph.macs, LIVE[task])


def test_links_of_ops_without_channels() -> None:
    b = Builder()
    scalar = b.constant(TensorType("int8", (), quant()), 3)
    y = b.op(Add(out_quant=_OUT), b.input(_MAP), scalar)
    assert links(b.graph(y).nodes[0]) is None
