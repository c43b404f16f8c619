# SPDX-License-Identifier: Apache-2.0
"""The official keyword model, quantised from float: accuracy on samples that calibration did not see."""

from __future__ import annotations

import numpy as np
import pytest

from smidgen.frontends import load
from smidgen.ir import Array, Graph
from smidgen.quantize import Recipe, evaluate_batch, quantize
from smidgen.transforms import FLOAT, INTEGER, run_pipeline
from tests.shared import SHARED, needs_shared

pytestmark = [needs_shared, pytest.mark.slow]

_CALIBRATION = 100  # of 500 samples; the rest judges


@pytest.fixture(scope="module")
def keywords() -> tuple[Graph, Array, Array]:
    """The float model, its inputs as reals and their labels."""
    graph = run_pipeline(FLOAT, load(SHARED / "zoo" / "kws01" / "kws01_fp32.onnx"))
    samples = np.load(SHARED / "datasets" / "kws01" / "kws01.npz")
    return graph, ((samples["x"].astype(np.float32) - 83) * np.float32(0.5847029)).astype(np.float32), samples["y"]


def _auc(scores: Array, labels: Array) -> float:
    """One against the rest, mean over classes; ties count half (Mann-Whitney)."""
    found = []
    for c in range(scores.shape[1]):
        yes, no = scores[labels == c, c], scores[labels != c, c]
        if len(yes) and len(no):
            above = (yes[:, None] > no[None]).mean() + 0.5 * (yes[:, None] == no[None]).mean()
            found.append(float(above))
    return float(np.mean(found))


def _judge(graph: Graph, data: Array, labels: Array) -> tuple[float, float]:
    scores = evaluate_batch(graph, [data])[0]
    return float((scores.argmax(axis=1) == labels).mean()), _auc(scores, labels)


@pytest.mark.parametrize(("recipe", "points"), [(Recipe(), 0.2), (Recipe(precision="int4"), 1.0)])
def test_keywords_keep_their_accuracy(keywords: tuple[Graph, Array, Array], recipe: Recipe, points: float) -> None:
    graph, data, labels = keywords
    unseen, truth = data[_CALIBRATION:], labels[_CALIBRATION:]
    q = quantize(graph, [data[:_CALIBRATION]], recipe)
    run_pipeline(INTEGER, q.graph)
    top1, auc = _judge(graph, unseen, truth)
    quantised_top1, quantised_auc = _judge(q.graph, unseen, truth)
    assert quantised_top1 >= top1 - points / 100
    assert quantised_auc >= auc - 0.002


def test_power_of_two_scales_cost_more_area_under_the_curve_than_affine_ones(
    keywords: tuple[Graph, Array, Array],
) -> None:
    """ONNC's recipe and its effect."""
    graph, data, labels = keywords
    onnc = Recipe("power-of-two", "int8", "mse", False, False, False, False)
    unseen, truth = data[_CALIBRATION:], labels[_CALIBRATION:]
    aucs = [_judge(quantize(graph, [data[:_CALIBRATION]], r).graph, unseen, truth)[1] for r in (Recipe(), onnc)]
    assert aucs[1] < _judge(graph, unseen, truth)[1] - 0.002 < aucs[0]
