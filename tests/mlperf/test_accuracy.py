# SPDX-License-Identifier: Apache-2.0
"""Top-1 and AUC against what the official code prints for the same results.

The expected values were made by running summarize_result of benchmark/runner/main.py (with scikit-learn 1.7) and
eval_functions_eembc.py of github.com/mlcommons/tiny on ``accuracy_cases``.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smidgen.errors import InvalidInput
from smidgen.mlperf.accuracy import Accuracy, Scored, accuracy, roc_auc
from smidgen.mlperf.formats.results_types import Layout
from tests.mlperf.accuracy_cases import KINDS, device_results

_MLC = {"ad": ("92.7", "0.975"), "vww": ("75.0", "0.906"), "kws": ("37.5", "0.886"), "ic": ("34.0", "0.855")}
_EEMBC = {
    "ad": (92.5, 0.9750000000000001),
    "vww": (75.0, 0.9055555555555554),
    "kws": (37.5, 0.8855303030303031),
    "ic": (34.0, 0.8551111111111108),
}
_SUM_ORDER = 1e-12  # the official loop adds in another order


def _of(kind: str, layout: Layout) -> Accuracy:
    labels, results = device_results(kind)
    scored = [Scored(f"f{i}", y, tuple(map(tuple, r))) for i, (y, r) in enumerate(zip(labels, results, strict=True))]
    return accuracy(scored, layout)


@pytest.mark.parametrize("kind", KINDS)
def test_as_the_python_runner_prints(kind: str) -> None:
    found = _of(kind, "mlc")
    assert (found.top1_text, found.auc_text) == _MLC[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_as_energyrunner_computes(kind: str) -> None:
    found = _of(kind, "eembc")
    assert found.top1_percent == pytest.approx(_EEMBC[kind][0], abs=_SUM_ORDER)
    assert found.auc == pytest.approx(_EEMBC[kind][1], abs=_SUM_ORDER)


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30))
def test_auc_counts_pairs(pairs: list[tuple[int, bool]]) -> None:
    """AUC is the share of (positive, negative) pairs in the right order, ties as half."""
    scores, labels = np.array([float(s) for s, _ in pairs]), np.array([int(y) for _, y in pairs])
    if len(set(labels.tolist())) == 1:
        with pytest.raises(InvalidInput, match="same label"):
            roc_auc(scores, labels)
        return
    order = [(p > n) + 0.5 * (p == n) for p, n in itertools.product(scores[labels == 1], scores[labels == 0])]
    assert roc_auc(scores, labels) == pytest.approx(sum(order) / len(order), abs=_SUM_ORDER)


def test_what_is_not_defined() -> None:
    with pytest.raises(InvalidInput, match="accuracy of nothing"):
        accuracy([])
    with pytest.raises(InvalidInput, match="all zero"):
        accuracy([Scored("a", 0, ((0.0, 0.0),)), Scored("b", 1, ((0.5, 0.5),))])
    with pytest.raises(InvalidInput, match=r"\[2, 3\] values"):
        accuracy([Scored("a", 0, ((0.0, 1.0),)), Scored("b", 1, ((0.5, 0.5, 0.0),))])
    with pytest.raises(InvalidInput, match="whole data set"):
        accuracy([Scored("a", 0, ((0.1, 0.5, 0.4),)), Scored("b", 1, ((0.5, 0.5, 0.0),))])
