# SPDX-License-Identifier: Apache-2.0
"""Equalisation keeps the float function, leaves what it must not touch, and makes quiet channels louder."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smidgen.ir import Array, Graph, TensorType
from smidgen.ops import AveragePool2D, Conv2D, DepthwiseConv2D, FullyConnected, Reshape
from smidgen.quantize import Recipe, calibrate, evaluate_batch, quantize
from smidgen.quantize.batches import sample_shape
from smidgen.transforms import FLOAT, run_pipeline
from tests.op_graphs import Builder
from tests.qdq_networks import FloatNetwork


def _normal(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.sampled_from(["int4", "int8", "int16"]), st.booleans())
def test_the_float_function_stays_within_rounding(seed: int, count: int, precision: str, power: bool) -> None:
    graph = run_pipeline(FLOAT, FloatNetwork(seed).graph())
    data = [_normal(count, *sample_shape(v.type), seed=seed) for v in graph.inputs]
    scheme = "power-of-two" if power else "affine"
    recipe = Recipe(scheme, "int4" if precision == "int4" else "int16" if precision == "int16" else "int8")
    equalized = calibrate(graph, data, recipe).graph
    unseen = [3 * _normal(4, *sample_shape(v.type), seed=seed + 1) for v in graph.inputs]
    for a, b in zip(evaluate_batch(graph, unseen), evaluate_batch(equalized, unseen), strict=True):
        assert np.abs(a - b).max() <= 1e-4 * max(1.0, float(np.abs(a).max()))


def _uneven(clamp: float) -> Graph:
    """A convolution whose channels differ a thousandfold, then depthwise, pool, flatten, dense, which even it out."""
    b = Builder()

    def real(*shape: int) -> TensorType:
        return TensorType("float32", shape)

    sizes = np.geomspace(0.03, 30, 8)
    x = b.input(real(1, 4, 4, 3))
    w = b.constant(real(8, 1, 1, 3), _normal(8, 1, 1, 3) * sizes[:, None, None, None])
    y = b.op(Conv2D(clamp=(0.0, clamp)), x, w, b.constant(real(8), sizes))
    d = b.constant(real(3, 3, 8), _normal(3, 3, 8, seed=1))
    z = b.op(DepthwiseConv2D(padding=(1, 1, 1, 1), clamp=(0.0, np.inf)), y, d)
    flat = b.op(Reshape((1, 32)), b.op(AveragePool2D((2, 2), (2, 2)), z))
    f = b.constant(real(5, 32), _normal(5, 32, seed=2) / np.tile(sizes, 4))
    return b.graph(b.op(FullyConnected(), flat, f))


def test_channels_become_alike_and_the_quantised_network_gains() -> None:
    graph, data, unseen = _uneven(np.inf), [_normal(80, 4, 4, 3)], [_normal(80, 4, 4, 3, seed=9)]
    calibration = calibrate(graph, data)
    conv = next(n for n in calibration.graph.nodes if isinstance(n.op, Conv2D))
    before, after = (np.abs(n["w"].constant).max(axis=(1, 2, 3)) for n in (graph.nodes[0], conv))
    assert after.max() / after.min() < before.max() / before.min() / 8
    assert calibration.equalized[conv.output.name] > 3
    reference = evaluate_batch(graph, unseen)[0]
    noise = []
    for switch in (True, False):
        got = evaluate_batch(quantize(graph, data, Recipe(equalize=switch)).graph, unseen)[0]
        noise.append(float(np.square(got - reference).mean()))
    assert noise[0] < noise[1] / 10


def test_a_finite_clamp_keeps_its_channels() -> None:
    graph = _uneven(6.0)
    equalized = calibrate(graph, [_normal(20, 4, 4, 3)]).graph
    before, after = (next(n for n in g.nodes if isinstance(n.op, Conv2D)) for g in (graph, equalized))
    assert np.array_equal(before["w"].constant, after["w"].constant)
    last = next(n for n in equalized.nodes if isinstance(n.op, FullyConnected))
    assert not np.array_equal(last["w"].constant, graph.nodes[-1]["w"].constant)


def test_shared_weights_and_the_switch_leave_everything() -> None:
    graph = _uneven(np.inf)
    same = calibrate(graph, [_normal(20, 4, 4, 3)], Recipe(equalize=False))
    assert same.graph is graph
    assert same.equalized == {}
    b = Builder()
    x = b.input(TensorType("float32", (1, 4)))
    w = b.constant(TensorType("float32", (4, 4)), _normal(4, 4) * np.geomspace(0.01, 1, 4)[:, None])
    y = b.op(FullyConnected(), b.op(FullyConnected(), x, w), w)
    shared = calibrate(b.graph(y), [_normal(20, 4)])
    assert all(n["w"] is w for n in shared.graph.nodes)
    assert shared.equalized == {}


@pytest.mark.parametrize("count", [1, 3])
def test_few_samples_do_not_break_it(count: int) -> None:
    assert np.isfinite(
        evaluate_batch(calibrate(_uneven(np.inf), [_normal(count, 4, 4, 3)]).graph, [_normal(5, 4, 4, 3)])[0]
    ).all()
