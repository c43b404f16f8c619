# SPDX-License-Identifier: Apache-2.0
"""Top-1 and AUC, each as the MLCommons Python runner and as EEMBC's EnergyRunner compute and print them.

The MLCommons runner's figures are defined by summarize_result and calculate_accuracy in benchmark/runner/main.py of
github.com/mlcommons/tiny, and by scikit-learn's roc_auc_score that it calls; EnergyRunner's by its published logs and
by the evaluation script of the training folders (ROC over 101 linear thresholds).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from smidgen.errors import InvalidInput
from smidgen.mlperf.formats.results_types import Layout

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_TINY = 1e-8  # keeps the runner's precision and recall from dividing by zero


@dataclass(frozen=True, slots=True)
class Scored:
    """One file of a data set: its label, and the device's results for each of its inferences, in order."""

    file: str
    label: int
    results: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Top-1 in percent and AUC, with both as printed. ``files`` went into them."""

    top1_percent: float
    auc: float
    top1_text: str
    auc_text: str
    files: int


def accuracy(scored: Sequence[Scored], layout: Layout = "mlc") -> Accuracy:
    """Both figures over a whole data set. InvalidInput where they are not defined (one class only, ragged results)."""
    if not scored:
        raise InvalidInput("no results: the accuracy of nothing is not defined")
    widths = {len(r) for s in scored for r in s.results}
    if len(widths) != 1 or 0 in widths or any(not s.results for s in scored):
        raise InvalidInput(f"the device answered with {sorted(widths)} values an inference: all must be alike")
    return _mlc(scored) if layout == "mlc" else _eembc(scored)


def _mlc(scored: Sequence[Scored]) -> Accuracy:
    labels = np.array([s.label for s in scored], np.int64)
    means = np.array([np.mean([_shares(r) for r in s.results], axis=0) for s in scored])
    if means.shape[1] == 1:
        top1 = _best_mean_of_precision_and_recall(means[:, 0], labels)
    else:
        top1 = float(100 * np.sum(np.argmax(means, axis=1) == labels) / len(labels))
    auc = roc_auc(means[:, -1], labels) if means.shape[1] <= 2 else one_against_rest(means, labels)
    return Accuracy(top1, auc, f"{top1:2.1f}", f"{auc:.3f}", len(scored))


def _shares(results: tuple[float, ...]) -> list[float]:
    """Scores divided by their sum, as the runner does before anything else (a single value is left)."""
    if len(results) == 1:
        return list(results)
    total = sum(results)
    if total == 0.0:
        raise InvalidInput("the device answered with scores that are all zero: they cannot be made probabilities")
    return [r / total for r in results]


def _best_mean_of_precision_and_recall(errors: Floats, labels: Ints) -> float:
    """The runner's "accuracy" of an anomaly detector: the best over 100 thresholds of (precision + recall) / 2."""
    low, high = np.amin(errors), np.amax(errors)
    best = 0.0
    for threshold in low + np.arange(0.0, 1.0, 0.01) * (high - low):
        flagged = errors > threshold
        true_positive = np.sum(flagged & (labels == 1))
        precision = true_positive / (true_positive + np.sum(flagged & (labels == 0)) + _TINY)
        recall = true_positive / (true_positive + np.sum(~flagged & (labels == 1)) + _TINY)
        best = max(best, float(100 * (precision + recall) / 2))
    return best


def roc_auc(scores: Floats, labels: Ints) -> float:
    """Area under the ROC curve with label 1 positive: trapezia between all distinct scores, ties as one step."""
    positive = labels == 1
    if not np.isin(labels, (0, 1)).all():
        raise InvalidInput("AUC of two classes needs labels 0 and 1")
    if positive.all() or not positive.any():
        raise InvalidInput("AUC is not defined: all files have the same label")
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    hits = np.concatenate([[0], np.cumsum(positive[order])[ends]])
    alarms = np.concatenate([[0], np.cumsum(~positive[order])[ends]])
    return float(np.trapezoid(hits / hits[-1], alarms / alarms[-1]))


def one_against_rest(shares: Floats, labels: Ints) -> float:
    """Mean over the classes of the AUC of each against all others (macro average, as scikit-learn's "ovr")."""
    classes = np.unique(labels)
    if len(classes) != shares.shape[1]:
        raise InvalidInput(
            f"AUC is not defined: labels name {len(classes)} classes, the device scores {shares.shape[1]}; "
            "run the whole data set"
        )
    return float(np.mean([roc_auc(shares[:, i], (labels == c).astype(np.int64)) for i, c in enumerate(classes)]))


def _eembc(scored: Sequence[Scored]) -> Accuracy:
    labels = np.array([s.label for s in scored], np.int64)
    means = np.array([np.mean(s.results, axis=0) for s in scored])
    if means.shape[1] == 1:
        errors = means[:, 0]
        low, high = np.amin(errors), np.amax(errors)
        top1 = max(
            float(100 * np.mean((errors > threshold) == (labels == 1)))
            for threshold in low + np.arange(0.0, 1.0, 0.01) * (high - low)
        )
        auc = threshold_auc(errors, labels == 1, low + np.arange(0.0, 1.01, 0.01) * (high - low))
    else:
        top1 = float(100 * np.sum(np.argmax(means, axis=1) == labels) / len(labels))
        thresholds = np.arange(0.0, 1.01, 0.01)
        auc = float(np.mean([threshold_auc(means[:, c], labels == c, thresholds) for c in range(means.shape[1])]))
    return Accuracy(top1, auc, f"{top1:.1f}", f"{auc:.2f}", len(scored))


def threshold_auc(scores: Floats, positive: npt.NDArray[np.bool_], thresholds: Floats) -> float:
    """Area under the ROC through linear thresholds; at the first of them everything counts as flagged."""
    if positive.all() or not positive.any():
        raise InvalidInput("AUC is not defined: all files, or none, have the label; run the whole data set")
    flagged = scores[None, :] > thresholds[:, None]
    flagged[0] = True
    hits = np.mean(flagged[:, positive], axis=1)
    alarms = np.mean(flagged[:, ~positive], axis=1)
    return float(np.sum(0.5 * (hits[:-1] + hits[1:]) * (alarms[:-1] - alarms[1:])))
