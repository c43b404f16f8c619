# SPDX-License-Identifier: Apache-2.0
"""How well a model does its task: one number from its outputs, and how far it may be trusted to have dropped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from smidgen.errors import InvalidInput
from smidgen.ir import Array
from smidgen.quantize.data import Samples

Outputs = tuple[Array, ...]
"""Real values: a stack (samples, *shape) for each output of the model."""

_THRESHOLD = 0.5  # of a model with one score in 0..1
_POINT_DIGITS = 9  # 0.91 - 0.90 is 1 point, not a little more: it may be just what is allowed


@dataclass(frozen=True, slots=True)
class Truth:
    """What outputs are judged against: the samples that made them, and the float model's outputs."""

    samples: Samples
    float_outputs: Outputs

    def take(self, indices: Array) -> Truth:
        return Truth(self.samples.take(indices), tuple(o[indices] for o in self.float_outputs))


Score = Callable[[Outputs, Truth], float]


@dataclass(frozen=True, slots=True)
class Metric:
    """``score`` in the metric's own numbers; drops are told in ``unit``, of which the score's 1 has ``per_unit``.

    ``hits``: which samples count as right, where the score is their mean. ``needs_labels`` refuses data without.
    """

    name: str
    title: str
    unit: str
    score: Score
    per_unit: float = 1.0
    higher_is_better: bool = True
    needs_labels: bool = False
    hits: Callable[[Outputs, Truth], Array] | None = None

    def drop(self, float_score: float, score: float) -> float:
        """How much worse than float, in ``unit``; below 0: better."""
        if float_score == score:
            return 0.0  # also where both are infinite
        sign = 1.0 if self.higher_is_better else -1.0
        drop = float(sign * (float_score - score) * self.per_unit)
        return round(drop, _POINT_DIGITS) if self.unit == "points" else drop


def doubts(metric: Metric, float_score: float, samples: Samples) -> tuple[str, ...]:
    """A sentence where the float model does not know the labels: no better than one that always says the same class."""
    labels = samples.labels
    if metric.name != "top1" or labels is None:
        return ()
    flat = labels.argmax(axis=1) if labels.ndim == 2 and _one_hot(labels) else labels.reshape(-1)
    share = float(np.unique(flat, return_counts=True)[1].max() / flat.size)
    if float_score > min(share, _THRESHOLD):
        return ()
    return (
        f"the float model's {metric.title} is {100 * float_score:.2f}, the commonest label alone makes "
        f"{100 * share:.2f}. Do the labels belong to these samples, and are these prepared as for the training?",
    )


def _rows(scores: Array) -> Array:
    return scores.reshape(len(scores), -1)


def _scores(outputs: Outputs, labels: Array) -> Array:
    """The first output as (things to classify, classes): one a sample, or one a label where there are more."""
    first = outputs[0]
    if labels.size > len(first) and first.size % labels.size == 0:
        return first.reshape(labels.size, -1)
    return _rows(first)


def _classes(outputs: Outputs, truth: Truth, metric: str) -> tuple[Array, Array]:
    """Scores (things, classes) and the class of each. InvalidInput for labels that are no classes of this model."""
    labels, source = _required(truth.samples, metric), truth.samples.source
    if labels.ndim == 2 and labels.shape[1] > 1 and labels.shape == _rows(outputs[0]).shape and _one_hot(labels):
        labels = labels.argmax(axis=1)
    scores = _scores(outputs, labels)
    flat = labels.reshape(-1)
    if len(flat) != len(scores):
        raise InvalidInput(
            f"{source}: labels of shape {list(labels.shape)} do not say a class for each of {len(scores)} samples, as "
            f"{metric} needs. Save one class number a sample"
        )
    classes = max(scores.shape[1], 2)
    wrong = (flat != np.floor(flat)) | (flat < 0) | (flat >= classes)
    if wrong.any():
        at = int(wrong.argmax())
        raise InvalidInput(
            f"{source}: {int(wrong.sum())} of {flat.size} labels are no class of this model, which has {classes} "
            f"(0 to {classes - 1}); the first is {flat[at]:g} of sample {at}. "
            + (
                "Count classes from 0"
                if wrong.any() and flat.max() == classes and flat.min() >= 1
                else "Check the labels"
            )
        )
    return scores, flat.astype(np.int64)


def _one_hot(labels: Array) -> bool:
    return bool(np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all())


def _required(samples: Samples, metric: str) -> Array:
    if samples.labels is None:
        raise InvalidInput(
            f"{samples.source} holds no labels, which {metric} needs. Save them as 'y' in a .npz file, or take "
            f"--metric agreement, which compares with the float model"
        )
    return samples.labels


def _chosen(scores: Array, float_scores: Array) -> Array:
    """The class of each row. One column: over 1/2 where the float model's are within 0..1, else over 0 (logits)."""
    if scores.shape[1] > 1:
        most: Array = np.argmax(scores, axis=1)
        return most
    within = float_scores.min() >= 0 and float_scores.max() <= 1
    return (scores[:, 0] > (_THRESHOLD if within else 0.0)).astype(np.int64)


def _top1_hits(outputs: Outputs, truth: Truth) -> Array:
    scores, classes = _classes(outputs, truth, "top1")
    return np.equal(_chosen(scores, truth.float_outputs[0]), classes)


def _agreement_hits(outputs: Outputs, truth: Truth) -> Array:
    """All outputs choose the same class as the float model's."""
    same = [_chosen(_rows(o), f) == _chosen(_rows(f), f) for o, f in zip(outputs, truth.float_outputs, strict=True)]
    every: Array = np.all(same, axis=0)
    return every


def _mean_of(hits: Callable[[Outputs, Truth], Array]) -> Score:
    return lambda outputs, truth: float(hits(outputs, truth).mean())


def rank_auc(scores: Array, positive: Array) -> float:
    """Area under the ROC curve: the chance that a positive scores above a negative, ties counting half.

    The Mann-Whitney statistic from mid-ranks; what scikit-learn's roc_auc_score gives. NaN without both kinds.
    """
    positives = int(positive.sum())
    negatives = len(positive) - positives
    if not positives or not negatives:
        return float("nan")
    _, index, counts = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2)[index.reshape(-1)]
    return float((ranks[positive].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def _auc(outputs: Outputs, truth: Truth) -> float:
    """Binary: of class 1's score. More classes: each against the rest, the mean over those that the labels have."""
    scores, classes = _classes(outputs, truth, "auc")
    present = np.unique(classes)
    if len(present) < 2:
        raise InvalidInput(f"{truth.samples.source}: auc needs samples of two classes, all have label {present[0]}")
    if scores.shape[1] <= 2:
        return rank_auc(scores[:, -1], classes == 1)
    return float(np.mean([rank_auc(scores[:, c], classes == c) for c in present]))


def reconstruction_errors(outputs: Outputs, samples: Samples) -> Array:
    """Mean squared difference of the first output to the first input, a window each (MLPerf Tiny AD)."""
    made, given = _rows(outputs[0]).astype(np.float64), _rows(samples.inputs[0]).astype(np.float64)
    if made.shape != given.shape:
        raise InvalidInput(
            f"ad-auc compares the output with the input; this model's have {made.shape[1]} and {given.shape[1]} values"
        )
    errors: Array = np.mean((made - given) ** 2, axis=1)
    return errors


def _ad_auc(outputs: Outputs, truth: Truth) -> float:
    """MLPerf Tiny AD: a recording's error is the mean over its windows; the AUC of those errors over recordings."""
    samples = truth.samples
    if samples.files is None:
        raise InvalidInput(
            f"{samples.source} does not say which recording each window is of: save it as array 'recording'"
        )
    labels = _required(samples, "ad-auc").reshape(len(samples), -1)[:, 0]
    errors = reconstruction_errors(outputs, samples)
    counts = np.bincount(samples.files)
    present = counts > 0
    sums = np.bincount(samples.files, errors)[present]
    kinds = np.bincount(samples.files, labels != 0)[present] / counts[present]
    if not np.isin(kinds, (0, 1)).all():
        raise InvalidInput(f"{samples.source}: windows of one recording have different labels")
    if len(np.unique(kinds)) < 2:
        raise InvalidInput(
            f"{samples.source}: ad-auc needs recordings labelled 0 (normal) and 1 (anomaly), not one kind"
        )
    return rank_auc(sums / counts[present], kinds == 1)


def _f1(outputs: Outputs, truth: Truth) -> float:
    """Binary: of class 1. More classes: the mean over those that labels or predictions have."""
    scores, classes = _classes(outputs, truth, "f1")
    predicted = _chosen(scores, truth.float_outputs[0])
    of = [1] if scores.shape[1] <= 2 else np.union1d(classes, predicted).tolist()
    values = []
    for c in of:
        both = int(((predicted == c) & (classes == c)).sum())
        either = int((predicted == c).sum() + (classes == c).sum())
        values.append(2 * both / either if either else 0.0)
    return float(np.mean(values))


def _targets(outputs: Outputs, truth: Truth) -> Outputs:
    """Labels that are values of the first output's size; otherwise the float model's outputs."""
    labels = truth.samples.labels
    if labels is not None and labels.size == outputs[0].size and (labels.ndim > 1 or labels.dtype.kind == "f"):
        return (labels.reshape(outputs[0].shape).astype(np.float64),)
    return truth.float_outputs


def _powers(outputs: Outputs, truth: Truth) -> tuple[float, float, int]:
    targets = _targets(outputs, truth)
    pairs = [
        (t.astype(np.float64), o.astype(np.float64)) for t, o in zip(targets, outputs[: len(targets)], strict=True)
    ]
    signal = sum(float((t**2).sum()) for t, _ in pairs)
    return signal, sum(float(((t - o) ** 2).sum()) for t, o in pairs), sum(t.size for t, _ in pairs)


def _mse(outputs: Outputs, truth: Truth) -> float:
    _, noise, count = _powers(outputs, truth)
    return noise / count


def decibels(signal: float, noise: float) -> float:
    """Ratio of two powers; infinite without noise."""
    if noise <= 0:
        return float("inf")
    return float(10 * np.log10(signal / noise)) if signal > 0 else float("-inf")


def _sqnr(outputs: Outputs, truth: Truth) -> float:
    signal, noise, _ = _powers(outputs, truth)
    return decibels(signal, noise)


TOP1 = Metric("top1", "top-1", "points", _mean_of(_top1_hits), 100.0, needs_labels=True, hits=_top1_hits)
AGREEMENT = Metric(
    "agreement", "agreement with float", "points", _mean_of(_agreement_hits), 100.0, hits=_agreement_hits
)
METRICS: Sequence[Metric] = (
    TOP1,
    Metric("auc", "AUC", "points", _auc, 100.0, needs_labels=True),
    Metric("f1", "F1", "points", _f1, 100.0, needs_labels=True),
    Metric("ad-auc", "AUC over recordings", "points", _ad_auc, 100.0, needs_labels=True),
    Metric("mse", "mean squared error", "", _mse, higher_is_better=False),
    Metric("sqnr", "signal to quantisation noise", "dB", _sqnr),
    AGREEMENT,
)


def default_metric(samples: Samples, outputs: Outputs) -> Metric:
    """top1 for labels that are classes, ad-auc for labelled windows of recordings, mse for values, else agreement."""
    labels = samples.labels
    if labels is None:
        return AGREEMENT
    by_name = {m.name: m for m in METRICS}
    if samples.files is not None and outputs[0].size == samples.inputs[0].size:
        return by_name["ad-auc"]
    values = labels.size == outputs[0].size and not (labels == np.floor(labels)).all()
    return by_name["mse"] if values else TOP1
