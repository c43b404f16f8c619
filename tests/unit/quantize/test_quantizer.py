# SPDX-License-Identifier: Apache-2.0
"""Float graphs to quantised ones: small networks with known answers, random ones with every recipe, bad data."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smidgen.errors import InvalidInput, UsageError
from smidgen.ir import Array, FourBit, evaluate, verify
from smidgen.ops import (
    Add,
    Clamp,
    Concat,
    Conv2D,
    DepthwiseConv2D,
    Dequantize,
    FullyConnected,
    Mul,
    Quantize,
)
from smidgen.quantize import (
    OBSERVERS,
    PRECISIONS,
    Precision,
    Recipe,
    apply,
    calibrate,
    evaluate_batch,
    layers,
    quantize,
    repair_effects,
)
from smidgen.quantize.batches import sample_shape
from smidgen.quantize.recipe import Scheme
from smidgen.transforms import FLOAT, INTEGER, run_pipeline
from tests.op_graphs import Builder
from tests.qdq_networks import FloatNetwork
from tests.unit.quantize.networks import normal, real, small_network, sqnr_db

_PLAIN = Recipe("affine", "int8", "minmax", False, False, False, False)


def test_a_network_of_whole_numbers_is_quantised_without_error() -> None:
    """Inputs, weights and sums that are steps already: the integer network computes the float one exactly."""
    b = Builder()
    x = b.input(real(1, 4))
    w = b.constant(real(2, 4), [[127, 1, 0, -3], [-127, 5, 2, 0]])
    graph = b.graph(b.op(FullyConnected(), x, w))
    data = np.random.default_rng(0).integers(-20, 21, (50, 4)).astype(np.float32)
    data[0], data[1] = -20, 20
    q = quantize(graph, [data], replace(_PLAIN, precision="int8"))
    (layer,) = (n for n in q.graph.nodes if isinstance(n.op, FullyConnected))
    assert layer["w"].constant.tolist() == [[127, 1, 0, -3], [-127, 5, 2, 0]]
    assert layer["w"].type.scale if layer["w"].type.quant is None else layer["w"].type.quant.scale == (1.0, 1.0)
    assert layer["x"].type.scale == 1.0
    step = layer.output.type.scale
    assert np.abs(evaluate_batch(q.graph, [data])[0] - evaluate_batch(graph, [data])[0]).max() <= step * 0.51


def test_weights_are_symmetric_per_channel_and_the_bias_has_the_product_scale() -> None:
    q = quantize(small_network(), [normal(20, 6, 6, 3)], _PLAIN)
    for node in q.graph.nodes:
        if isinstance(node.op, Conv2D | DepthwiseConv2D | FullyConnected):
            w, b = node["w"], node["b"]
            assert w.type.quant is not None
            assert b.type.quant is not None
            assert w.type.quant.axis == (2 if isinstance(node.op, DepthwiseConv2D) else 0)
            assert not any(w.type.quant.zero_point)
            assert np.abs(w.constant.astype(int)).max() == 127
            assert b.type.dtype == "int32"
            assert np.allclose(b.type.quant.scale, np.array(w.type.quant.scale) * node["x"].type.scale, rtol=1e-6)


def test_probabilities_have_steps_of_a_256th_and_of_a_255th_where_they_reach_1() -> None:
    data = normal(20, 6, 6, 3)
    for factor, steps in ((1e-3, 256), (1e3, 255)):
        (out,) = quantize(small_network(), [factor * data]).graph.outputs
        assert out.type.scale == pytest.approx(1 / steps, rel=1e-7)
        assert out.type.zero_point == -128


def test_precisions_give_each_layer_its_element_types() -> None:
    graph = small_network()
    names = [n.output.name for n in layers(graph)]
    chosen: dict[str, Precision] = dict(zip(names, ("int4", "int8", "int16", "float"), strict=True))
    q = quantize(graph, [normal(20, 6, 6, 3)], Recipe(precisions=chosen))
    verify(q.qdq, "imported")
    conv, depthwise, pointwise, dense = (
        n for n in q.graph.nodes if isinstance(n.op, Conv2D | DepthwiseConv2D | FullyConnected)
    )
    assert conv["w"].type.storage == FourBit(None)
    assert (conv["x"].type.dtype, depthwise["x"].type.dtype) == ("int8", "int8")
    assert (pointwise["x"].type.dtype, pointwise.output.type.dtype) == ("int16", "int16")
    assert pointwise["x"].type.zero_point == 0
    assert (dense["x"].type.dtype, dense.output.type.dtype) == ("float32", "float32")
    assert q.graph.outputs[0].type.dtype == "float32"
    assert [e.precision for e in q.layers] == ["int4", "int8", "int16", "float"]


def test_groups_of_four_bit_weights_only_where_a_channel_has_more_than_a_group() -> None:
    q = quantize(small_network(), [normal(20, 6, 6, 3)], Recipe(precision="int4", group=16))
    storage = [
        n["w"].type.storage for n in q.graph.nodes if isinstance(n.op, Conv2D | DepthwiseConv2D | FullyConnected)
    ]
    assert storage == [FourBit(16), None, FourBit(None), FourBit(None)]


def test_every_tensor_tells_its_error_the_rounded_input_too() -> None:
    q = quantize(small_network(), [normal(20, 6, 6, 3)])
    assert [t.dtype for t in q.tensors] == ["int8"] * len(q.tensors)
    assert 35 < q.tensors[0].sqnr_db < 45
    assert all(20 < t.sqnr_db < 60 for t in q.tensors)


def test_float_precision_leaves_the_graph_as_it_is() -> None:
    graph = small_network()
    q = quantize(graph, [normal(4, 6, 6, 3)], Recipe(precision="float", equalize=False))
    assert not any(isinstance(n.op, Quantize | Dequantize) for n in q.qdq.nodes)
    assert len(q.graph.nodes) == len(graph.nodes)


def test_more_bits_are_never_much_worse() -> None:
    for seed in range(3):
        graph, data, unseen = small_network(seed), normal(60, 6, 6, 3), normal(60, 6, 6, 3, seed=1)
        reference = evaluate_batch(graph, [unseen])[0]
        figures = [
            sqnr_db(reference, evaluate_batch(quantize(graph, [data], Recipe(precision=p)).graph, [unseen])[0])
            for p in PRECISIONS
        ]
        assert all(b > a + 3 for a, b in pairwise(figures)), figures


def test_repairs_gain_and_their_gains_are_told() -> None:
    graph, data, unseen = small_network(), normal(80, 6, 6, 3), normal(200, 6, 6, 3, seed=1)
    recipe = Recipe(precision="int4", group=None)
    off = replace(recipe, equalize=False, correct_bias=False, adapt_rounding=False, clip_weights=False)
    repaired, plain = quantize(graph, [data], recipe), quantize(graph, [data], off)
    reference = evaluate_batch(graph, [unseen])[0]
    assert sqnr_db(reference, evaluate_batch(repaired.graph, [unseen])[0]) > 3 + sqnr_db(
        reference, evaluate_batch(plain.graph, [unseen])[0]
    )
    for layer in repaired.layers:
        assert {"clip_weights", "correct_bias", "adapt_rounding"} <= set(layer.repairs)
        assert layer.repairs["correct_bias"] > -1e-6
        assert sum(gain for name, gain in layer.repairs.items() if name != "clip_outliers") > 0
    assert not any({"equalize", "correct_bias", "adapt_rounding"} & set(e.repairs) for e in plain.layers)


def test_what_each_repair_is_worth_is_measured_with_it_switched_off() -> None:
    graph, data = small_network(), [normal(60, 6, 6, 3)]
    recipe = Recipe(precision="int4", group=None, observer="minmax", equalize=False)
    gains = repair_effects(graph, data, recipe)
    assert set(gains) == {"clip_weights", "correct_bias", "adapt_rounding"}
    reference = evaluate_batch(graph, data)[0]
    rates = [
        sqnr_db(reference, evaluate_batch(quantize(graph, data, r).graph, data)[0])
        for r in (recipe, replace(recipe, adapt_rounding=False))
    ]
    assert gains["adapt_rounding"] == pytest.approx(rates[0] - rates[1], abs=1e-6)


def test_power_of_two_scales_everywhere() -> None:
    q = quantize(small_network(), [normal(20, 6, 6, 3)], replace(_PLAIN, scheme="power-of-two", observer="mse"))
    for v in q.graph.values():
        if v.type.quant is not None:
            assert all(np.frexp(s)[0] == 0.5 for s in v.type.quant.scale), v.name
            assert not any(v.type.quant.zero_point)


def test_concatenated_tensors_share_a_quantization_only_where_nothing_else_reads_them() -> None:
    b = Builder()
    x = b.input(real(1, 4, 4, 2))
    w = b.constant(real(2, 1, 1, 2), normal(2, 2))
    big = b.constant(real(2, 1, 1, 2), 20 * normal(2, 2))
    y, z = b.op(Conv2D(), x, w), b.op(Conv2D(), x, big)
    graph = b.graph(b.op(Concat(3), y, z), b.op(Clamp((0.0, 1.0)), y))
    data = normal(10, 4, 4, 2)
    q = quantize(graph, [data], replace(_PLAIN, precision="int8"))
    first, second = (n for n in q.graph.nodes if isinstance(n.op, Conv2D))
    joined = next(n for n in q.graph.nodes if isinstance(n.op, Concat))
    assert second.output.type.quant == joined.output.type.quant
    assert first.output.type.scale < joined.output.type.scale / 2


def test_tied_additions_have_one_scale() -> None:
    b = Builder()
    x = b.input(real(1, 4, 4, 2))
    y, z = (b.op(Conv2D(), x, b.constant(real(2, 1, 1, 2), s * normal(2, 2))) for s in (1, 20))
    graph = b.graph(b.op(Add(), y, z))
    data = [normal(10, 4, 4, 2)]
    for tied in (False, True):
        q = quantize(graph, data, replace(_PLAIN, tie_ranges=tied))
        add = next(n for n in q.graph.nodes if isinstance(n.op, Add))
        assert len({v.type.quant for v in (*add.inputs, add.output)}) == (1 if tied else 3)


def test_a_layer_shared_weights_and_several_inputs_and_outputs() -> None:
    b = Builder()
    x, y = b.input(real(1, 4)), b.input(real(1, 4))
    w = b.constant(real(3, 4), normal(3, 4))
    p, q = b.op(FullyConnected(), x, w), b.op(FullyConnected(), y, w)
    graph = b.graph(p, b.op(Mul(), p, q))
    data = [normal(30, 4), 5 * normal(30, 4, seed=1)]
    for precision in PRECISIONS:
        made = quantize(graph, data, Recipe(precision=precision))
        for a, c in zip(evaluate_batch(graph, data), evaluate_batch(made.graph, data), strict=True):
            assert sqnr_db(a, c) > (15 if precision == "int4" else 30)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_dead_channels_with_large_biases_and_constant_tensors(precision: Precision) -> None:
    """All-zero weights leave only the bias, which int32 has to hold in steps of the weights' scale."""
    b = Builder()
    x = b.input(real(1, 4))
    w = np.zeros((4, 4), np.float32)
    w[1] = 1e-20
    w[2] = (1, -1, 0.5, 2)
    y = b.op(FullyConnected(), x, b.constant(real(4, 4), w), b.constant(real(4), [1e4, -30, 0.5, 0]))
    graph = b.graph(y)
    q = quantize(graph, [1e-3 * normal(10, 4)], Recipe(precision=precision))
    got, want = (evaluate_batch(g, [1e-3 * normal(10, 4, seed=1)])[0] for g in (q.graph, graph))
    assert np.allclose(got[:, 0], 1e4, rtol=0.01)
    assert sqnr_db(want, got) > 30
    run_pipeline(INTEGER, q.graph)


@pytest.mark.parametrize("precision", ["int4", "int8"])
def test_layers_too_large_for_whole_grams_are_quantised_by_their_diagonals(precision: Precision) -> None:
    b = Builder()
    x = b.input(real(1, 3000))
    w = b.constant(real(4, 3000), normal(4, 3000))
    graph, data = b.graph(b.op(FullyConnected(), x, w)), [normal(20, 3000)]
    calibration = calibrate(graph, data)
    assert calibration.moments[graph.nodes[-1].output.name].real.shape == (1, 3000)
    q = quantize(graph, data, Recipe(precision=precision))
    assert sqnr_db(*(evaluate_batch(g, data)[0] for g in (graph, q.graph))) > (15 if precision == "int4" else 35)


def test_all_zero_data_and_one_sample_still_give_a_network() -> None:
    for data in (np.zeros((1, 6, 6, 3), np.float32), np.full((2, 6, 6, 3), 7, np.float32), normal(1, 6, 6, 3)):
        q = quantize(small_network(), [data])
        assert np.isfinite(evaluate_batch(q.graph, [normal(3, 6, 6, 3)])[0]).all()


def test_huge_and_tiny_ranges_give_valid_networks() -> None:
    for factor in (1e-25, 1e25):
        q = quantize(small_network(), [factor * normal(5, 6, 6, 3)])
        run_pipeline(INTEGER, q.graph)
        assert np.isfinite(evaluate_batch(q.graph, [factor * normal(5, 6, 6, 3)])[0]).all()


def _with(value: float) -> Array:
    data = normal(4, 6, 6, 3)
    data[2, 1, 1, 0] = value
    return data


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ([_with(np.nan)], "the first in sample 2"),
        ([_with(np.inf)], "1 NaN or infinite value"),
        ([normal(4, 3, 6, 6)], r"has shape \[4, 3, 6, 6\], needs \[samples, 6, 6, 3\]"),
        ([normal(0, 6, 6, 3)], "hold .0. samples"),
        ([], "takes 1 inputs, got 0"),
        ([normal(4, 6, 6, 3).astype(str)], "need float32"),
        ([np.full((4, 6, 6, 3), 3e38, np.float32)], "overflows float32"),
    ],
)
def test_bad_data_get_one_clear_error(data: list[Array], told: str) -> None:
    with np.errstate(all="ignore"), pytest.raises(InvalidInput, match=told):
        quantize(small_network(), data)


def test_precisions_of_unknown_layers_are_refused() -> None:
    with pytest.raises(UsageError, match="computes no such tensor"):
        quantize(small_network(), [normal(2, 6, 6, 3)], Recipe(precisions={"nothing": "int8"}))


def test_progress_ends_at_its_total_for_each_stage() -> None:
    told: list[tuple[str, int, int]] = []
    quantize(small_network(), [normal(2, 6, 6, 3)], progress=lambda *a: told.append(a))
    last = {stage: (done, total) for stage, done, total in told}
    assert set(last) == {"equalise", "calibrate", "quantise"}
    assert all(done == total for done, total in last.values())


def test_the_same_data_give_the_same_network_and_fast_ones_are_kept() -> None:
    graph, data = small_network(), [normal(20, 6, 6, 3)]
    calibration = calibrate(graph, data)
    for fast in (False, True):
        first, again = (apply(calibration, fast=fast).graph for _ in range(2))
        other = apply(calibrate(graph, data), fast=fast).graph
        for a, b, c in zip(first.values(), again.values(), other.values(), strict=True):
            assert a.type == b.type == c.type
            if a.data is not None:
                assert np.array_equal(a.data, b.constant)
                assert np.array_equal(a.data, c.constant)


def _draw_recipe(draw: st.DrawFn, names: list[str]) -> Recipe:
    flags = draw(st.tuples(*[st.booleans()] * 5))
    return Recipe(
        draw(st.sampled_from(get_args(Scheme))),
        draw(st.sampled_from(PRECISIONS)),
        draw(st.sampled_from(OBSERVERS)),
        *flags,
        group=draw(st.sampled_from([None, 8, 32])),
        precisions=draw(st.dictionaries(st.sampled_from(names), st.sampled_from(PRECISIONS))) if names else {},
    )


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(0, 10_000), st.integers(1, 8))
def test_every_network_and_recipe_gives_an_integer_graph_that_does_what_was_emulated(
    draw: st.DataObject, seed: int, count: int
) -> None:
    graph = run_pipeline(FLOAT, FloatNetwork(seed).graph())
    names = [n.output.name for n in layers(graph)]
    recipe = draw.draw(st.composite(_draw_recipe)(names))
    data = [normal(count, *sample_shape(v.type), seed=seed) for v in graph.inputs]
    q = quantize(graph, data, recipe)
    verify(q.qdq, "imported")
    run_pipeline(INTEGER, q.graph)
    told = {t.name: t.sqnr_db for t in q.tensors}
    for v, want, got in zip(graph.outputs, *(evaluate_batch(g, data) for g in (graph, q.graph)), strict=True):
        if np.any(want) and 0 < sqnr_db(want, got) < 40 and v.name in told:
            assert told[v.name] == pytest.approx(sqnr_db(want, got), abs=3)
    stored = [Quantize(v.type.quant, v.type.dtype, "even") if v.type.quant else None for v in q.graph.inputs]
    if not any(t.dtype == "float32" for n in q.graph.nodes for t in n.types):
        first = [
            op.evaluate([real(*v.type.shape)], [a[0].reshape(v.type.shape)])[0] if op else a[0].reshape(v.type.shape)
            for op, a, v in zip(stored, data, q.graph.inputs, strict=True)
        ]
        batch = evaluate_batch(q.graph, data, stored=True)
        for one, many in zip(evaluate(q.graph, first), batch, strict=True):
            assert np.array_equal(one.reshape(many[0].shape), many[0])
