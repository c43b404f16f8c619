# SPDX-License-Identifier: Apache-2.0
"""Logits that only a softmax reads get the range that is best for the probabilities; others keep their observer's."""

from __future__ import annotations

import numpy as np
import pytest

from smidgen.ir import Array, Graph, QuantParams, TensorType
from smidgen.ops import FullyConnected, Reshape, Softmax
from smidgen.quantize import Recipe, calibrate, evaluate_batch, quantize
from smidgen.quantize.logits import softmax_range
from smidgen.quantize.schemes import params
from smidgen.transforms import FLOAT, run_pipeline
from tests.op_graphs import Builder
from tests.qdq_networks import FloatNetwork


def real(*shape: int) -> TensorType:
    return TensorType("float32", shape)


def _logits(classes: int = 6, count: int = 80) -> Array:
    """One class leads by a little or by a lot; the others lie far below zero, where they mean nothing."""
    r = np.random.default_rng(0)
    x = r.normal(-40, 10, (count, classes))
    x[np.arange(count), r.integers(0, classes, count)] = 8
    x[np.arange(count), r.integers(0, classes, count)] = 8 - 6 * r.random(count)
    return x.astype(np.float32)


def _plain(data: Array) -> QuantParams:
    return params(min(float(data.min()), 0.0), max(float(data.max()), 0.0), "int8", "affine")


def _classifier(classes: int = 6, *, shown: bool = False, flat: bool = False) -> Graph:
    b = Builder()
    x = b.input(real(1, classes))
    y = b.op(FullyConnected(), x, b.constant(real(classes, classes), np.eye(classes)))
    z = b.op(Reshape((1, classes)), b.op(Reshape((1, 1, 1, classes)), y)) if flat else y
    p = b.op(Softmax(), z)
    return b.graph(p, y) if shown else b.graph(p)


def _noise(graph: Graph, data: Array, recipe: Recipe) -> float:
    want, got = (evaluate_batch(g, [data])[0] for g in (graph, quantize(graph, [data], recipe).graph))
    return float(np.square(want - got).sum())


def test_steps_are_spent_where_probabilities_change() -> None:
    graph, data = _classifier(), _logits()
    quant = softmax_range(Softmax(), data, _plain(data))
    least, most = ((q - quant.zero_point[0]) * quant.scale[0] for q in (-128, 127))
    assert -20 < least < 0
    assert most > 7  # the classes that lead are told apart
    (name,) = calibrate(graph, [data], Recipe(precision="float")).logits
    assert name == graph.nodes[-1].inputs[0].name
    wide = TensorType("int8", (1, 6), quant)
    assert wide.scale < float(data.max() - data.min()) / 255 / 3


def test_beta_decides_which_logits_matter() -> None:
    data = _logits()
    steps = [softmax_range(Softmax(beta), data, _plain(data)) for beta in (1.0, 0.1)]
    assert steps[0].scale[0] * 2 < steps[1].scale[0]


def test_the_network_gains() -> None:
    graph, data = _classifier(), _logits()
    assert _noise(graph, data, Recipe()) < _noise(graph, data, Recipe(observer="minmax"))


@pytest.mark.parametrize("flat", [False, True])
def test_only_what_a_softmax_alone_reads_and_the_affine_scheme(flat: bool) -> None:
    data = _logits()

    def steps(recipe: Recipe, shown: bool) -> float:
        graph = _classifier(shown=shown, flat=flat)
        dense = next(n for n in graph.nodes if isinstance(n.op, FullyConnected))
        return next(t.scale for t in quantize(graph, [data], recipe).tensors if t.name == dense.output.name)

    assert steps(Recipe(), False) < 0.5 * steps(Recipe(), True)
    assert steps(Recipe(observer="minmax"), False) == steps(Recipe(observer="minmax"), True)
    power = Recipe("power-of-two")
    assert steps(power, False) == steps(power, True)


def test_the_observers_range_stays_where_all_of_it_matters_or_there_is_none() -> None:
    small = np.random.default_rng(1).normal(size=(50, 3)).astype(np.float32)
    for data in (small, np.zeros((4, 3), np.float32)):
        plain = _plain(data)
        assert softmax_range(Softmax(), data, plain) is plain
    many = np.tile(_logits(), (1000, 1))
    assert softmax_range(Softmax(), many, _plain(many)) != _plain(many)


@pytest.mark.parametrize("seed", [154, 451])
def test_found_networks_quantise(seed: int) -> None:
    """154: a Reshape that changes the channels between convolutions. 451: a softmax inside, followed by a Clamp."""
    graph = run_pipeline(FLOAT, FloatNetwork(seed).graph())
    shape = graph.inputs[0].type.shape
    data = np.random.default_rng(seed).normal(size=(8, *(shape[1:] if shape[0] == 1 else shape))).astype(np.float32)
    want, got = (evaluate_batch(g, [data]) for g in (graph, quantize(graph, [data]).graph))
    for a, b in zip(want, got, strict=True):
        assert np.square(a - b).sum() <= 0.05 * np.square(a).sum()
