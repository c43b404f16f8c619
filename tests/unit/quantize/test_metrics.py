# SPDX-License-Identifier: Apache-2.0
"""Metrics against their definitions, written out by pairs and by counting."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smidgen.errors import InvalidInput
from smidgen.quantize.confidence import drop_confidence, paired
from smidgen.quantize.data import Samples
from smidgen.quantize.metrics import AGREEMENT, METRICS, TOP1, Truth, decibels, default_metric, rank_auc

Array = npt.NDArray[Any]
BY_NAME = {m.name: m for m in METRICS}


def truth(scores: Array, labels: Any = None, files: Any = None, inputs: Array | None = None) -> Truth:
    given_inputs = np.zeros_like(scores) if inputs is None else inputs
    as_array = [None if a is None else np.asarray(a) for a in (labels, files)]
    return Truth(Samples("d.npz", (given_inputs,), *as_array), (scores,))


def score(name: str, scores: Any, labels: Any = None, **others: Any) -> float:
    outputs = np.asarray(scores, np.float32)
    return BY_NAME[name].score((outputs,), truth(outputs, labels, **others))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=25))
def test_auc_counts_pairs(pairs: list[tuple[int, bool]]) -> None:
    positive = [s for s, p in pairs if p]
    negative = [s for s, p in pairs if not p]
    got = rank_auc(np.array([s for s, _ in pairs], np.float32), np.array([p for _, p in pairs]))
    if not positive or not negative:
        assert np.isnan(got)
        return
    wins = sum((a > b) + 0.5 * (a == b) for a, b in product(positive, negative))
    assert got == pytest.approx(wins / (len(positive) * len(negative)), abs=1e-12)


def test_auc_of_several_classes_is_the_mean_over_those_present() -> None:
    rng = np.random.default_rng(0)
    scores, labels = rng.random((40, 4)), rng.integers(0, 3, 40)  # nobody is class 3
    each = [rank_auc(scores[:, c].astype(np.float32), labels == c) for c in range(3)]
    assert score("auc", scores, labels) == pytest.approx(np.mean(each))
    assert score("auc", [[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]], [0, 1, 0]) == 1.0
    assert score("auc", [[0.1], [0.8], [0.6]], [0, 1, 0]) == 1.0
    with pytest.raises(InvalidInput, match="auc needs samples of two classes, all have label 1"):
        score("auc", scores, np.ones(40))


def test_top1() -> None:
    assert score("top1", [[1, 2, 3], [3, 2, 1], [0, 5, 0]], [2, 1, 1]) == pytest.approx(2 / 3)
    assert score("top1", [[1, 2, 3], [3, 2, 1]], [[0, 0, 1], [1, 0, 0]]) == 1.0  # one-hot
    assert score("top1", [[0.4], [0.6]], [0, 1]) == 1.0  # one score within 0..1
    assert score("top1", [[0.4], [-3.0]], [1, 0]) == 1.0  # one logit
    pixels = np.zeros((2, 4, 3), np.float32)
    pixels[:, :, 1] = 1
    assert score("top1", pixels, np.ones((2, 4))) == 1.0  # a label a pixel


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        (None, "d.npz holds no labels, which top1 needs.*--metric agreement"),
        ([0, 3, 1], r"1 of 3 labels are no class of this model, which has 3 \(0 to 2\); the first is 3 of sample 1"),
        ([1, 3, 2], "Count classes from 0"),
        ([0, -1, 1], "the first is -1 of sample 1"),
        ([0, 0.5, 1], "the first is 0.5 of sample 1"),
        ([[0, 1], [1, 1], [1, 0]], r"labels of shape \[3, 2\] do not say a class for each of 3 samples"),
    ],
)
def test_labels_that_do_not_fit(labels: Any, text: str) -> None:
    with pytest.raises(InvalidInput, match=text):
        score("top1", [[1, 2, 3], [3, 2, 1], [0, 5, 0]], labels)


def test_f1() -> None:
    # class 1: 2 right, 1 missed, 1 too many
    assert score("f1", [[0, 1], [0, 1], [1, 0], [0, 1]], [1, 1, 1, 0]) == pytest.approx(2 * 2 / (2 * 2 + 1 + 1))
    three = np.eye(3)[[0, 1, 2, 2]]
    # 0: right; 1: one of one predicted, one missed as 2; 2: right once, once too many
    assert score("f1", three, [0, 1, 2, 1]) == pytest.approx((1 + 2 / 3 + 2 / 3) / 3)


def test_ad_auc_averages_windows_over_recordings() -> None:
    inputs = np.zeros((6, 2), np.float32)
    outputs = np.sqrt(np.array([[1.0], [3], [9], [1], [2], [2.5]])).repeat(2, axis=1)
    # recordings: 0: 1, 3 -> 2 (normal); 1: 9, 1 -> 5 (anomaly); 2: 2, 2.5 -> 2.25 (normal)
    labels, files = [0, 0, 1, 1, 0, 0], [0, 0, 1, 1, 2, 2]
    assert score("ad-auc", outputs, labels, files=files, inputs=inputs) == 1.0
    assert score("ad-auc", outputs, [1, 1, 0, 0, 1, 1], files=files, inputs=inputs) == 0.0
    uneven = np.sqrt(np.array([[2.0], [2], [2], [3], [1], [1]])).repeat(2, axis=1)
    # sums would say 6 for the normal recording of three windows; means say 2, 3, 1
    assert score("ad-auc", uneven, [0, 0, 0, 1, 0, 0], files=[0, 0, 0, 1, 2, 2], inputs=inputs) == 1.0
    with pytest.raises(InvalidInput, match="save it as array 'recording'"):
        score("ad-auc", outputs, labels, inputs=inputs)
    with pytest.raises(InvalidInput, match="windows of one recording have different labels"):
        score("ad-auc", outputs, [0, 1, 1, 1, 0, 0], files=files, inputs=inputs)
    with pytest.raises(InvalidInput, match="this model's have 2 and 3 values"):
        score("ad-auc", outputs, labels, files=files, inputs=np.zeros((6, 3), np.float32))


def test_mse_and_sqnr_against_float_or_values() -> None:
    exact, noisy = np.array([[3.0, 4.0]], np.float32), np.array([[3.0, 4.5]], np.float32)
    assert BY_NAME["mse"].score((noisy,), truth(exact)) == 0.125
    assert BY_NAME["sqnr"].score((noisy,), truth(exact)) == pytest.approx(20.0)
    assert BY_NAME["sqnr"].score((exact,), truth(exact)) == float("inf")
    assert BY_NAME["mse"].score((noisy,), truth(exact, np.array([[3.0, 5.5]]))) == 0.5
    assert decibels(0, 1) == float("-inf")


def test_agreement_and_drops() -> None:
    float_outputs = np.array([[1.0, 2], [2, 1]])
    assert AGREEMENT.score((np.array([[1.0, 2], [1, 2]]),), truth(float_outputs)) == 0.5
    assert AGREEMENT.drop(1.0, 0.995) == pytest.approx(0.5)  # points
    assert BY_NAME["auc"].drop(0.99, 0.985) == pytest.approx(0.5)
    assert BY_NAME["mse"].drop(0.1, 0.3) == pytest.approx(0.2)  # lower is better
    assert BY_NAME["sqnr"].drop(float("inf"), float("inf")) == 0.0
    assert AGREEMENT.drop(0.9, 0.95) == pytest.approx(-5)  # better than float
    assert AGREEMENT.drop(0.91, 0.90) == 1.0  # and not 1.0000000000000009, which a bound of 1 would refuse
    assert BY_NAME["mse"].drop(0.3, 0.1) == pytest.approx(-0.2)


def test_defaults_follow_the_data() -> None:
    scores = np.zeros((4, 3), np.float32)
    names = [
        default_metric(truth(scores, labels, files).samples, (scores,)).name
        for labels, files in (
            (None, None),
            ([0, 1, 2, 0], None),
            (np.full((4, 3), 0.5), None),
            ([0, 1, 0, 1], [0, 1, 2, 3]),
        )
    ]
    assert names == ["agreement", "top1", "mse", "ad-auc"]


def test_the_interval_of_pairs() -> None:
    """Bonett and Price (2012), written out; wider with more discordant pairs, centred on the difference."""
    n, worse, better = 402, 4 / 402, 2 / 402
    spread = 1.959964 * ((worse + better - (worse - better) ** 2) / n) ** 0.5
    got = paired(3, 1, 400)
    assert (got.least, got.most) == pytest.approx((100 * (worse - better - spread), 100 * (worse - better + spread)))
    assert paired(13, 11, 400).most > got.most
    scores = np.eye(3, dtype=np.float32)[np.arange(30) % 3]
    t = truth(scores, np.arange(30) % 3)
    wrong = scores.copy()
    wrong[0] = scores[1]
    found = drop_confidence(TOP1, t, (wrong,), 0)
    assert found is not None
    assert (found.worsened, found.improved) == (1, 0)


def test_the_bootstrap_covers_the_drop_and_repeats() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 90)
    scores = (np.eye(3)[labels] + rng.normal(0, 0.6, (90, 3))).astype(np.float32)
    worse = (scores + rng.normal(0, 0.8, (90, 3))).astype(np.float32)
    t, metric = truth(scores, labels), BY_NAME["auc"]
    found = drop_confidence(metric, t, (worse,), 0)
    drop = metric.drop(metric.score((scores,), t), metric.score((worse,), t))
    assert found is not None
    assert found.least < drop < found.most
    assert drop_confidence(metric, t, (worse,), 0) == found
