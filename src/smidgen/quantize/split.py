# SPDX-License-Identifier: Apache-2.0
"""Which samples calibrate and which judge: never the same ones, the same choice every time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from smidgen.errors import InvalidInput, UsageError
from smidgen.ir import Array
from smidgen.quantize.data import Samples

DEFAULT_CALIBRATION = 100
LEAST_CALIBRATION = 4
LEAST_EVALUATION = 4
LEAST_HELD_BACK_FROM = 600  # samples that judge
_MOST_CLASSES = 1000


@dataclass(frozen=True, slots=True)
class Split:
    """``how``: by what the samples were divided, in words. ``notes``: what to know about it.

    ``held_back``: samples like ``evaluation`` that a search does not see, to check what it chose."""

    calibration: Samples
    evaluation: Samples
    how: str
    seed: int
    notes: tuple[str, ...] = ()
    held_back: Samples | None = None


def split_samples(samples: Samples, calibration: int | None, seed: int) -> Split:
    """``calibration`` samples (default: half, at most 100) to calibrate with, all others to judge by.

    Classes are divided in proportion where labels are classes, and windows of one recording stay together. InvalidInput
    for too few samples.
    """
    _require_count("calibration_samples", calibration, 1)
    count = len(samples)
    least = (calibration or LEAST_CALIBRATION) + LEAST_EVALUATION
    if count < least:
        raise InvalidInput(
            f"{samples.source}: {count} samples are too few: at least {least} are needed "
            f"({least - LEAST_EVALUATION} to calibrate, {LEAST_EVALUATION} others to judge by). Record more"
            + (", lower --calibration-samples" if calibration and count >= LEAST_CALIBRATION + LEAST_EVALUATION else "")
            + ", or judge by another file (--eval)"
        )
    wanted = calibration or min(DEFAULT_CALIBRATION, count // 2)
    rng = np.random.default_rng(seed)
    notes: tuple[str, ...] = ()
    if samples.files is not None and samples.files.max() > 0:
        chosen, how = _by_file(samples.files, samples.labels, wanted, rng), "by recording"
    else:
        classes = _classes(samples.labels, count)
        chosen = _stratified(classes, wanted, rng)
        how = "at random" if classes.max() == 0 else "in proportion to the classes"
        if samples.files is not None:
            notes = ("all samples are windows of one recording: calibration has seen the neighbours of what judges",)
    rest = np.setdiff1d(np.arange(count), chosen)
    return Split(samples.take(chosen), samples.take(rest), how, seed, notes)


def _require_count(name: str, count: int | None, least: int) -> None:
    if count is not None and count < least:
        raise UsageError(f"{name} is a number from {least} on, not {count}")


def hold_back(split: Split, count: int | None) -> Split:
    """Takes ``count`` of the samples that judge from a search, as ``split_samples`` divides; None: a third of 600 or
    more, none of fewer, which the bound needs more. InvalidInput where too few are left."""
    _require_count("held_back", count, 0)
    samples = split.evaluation
    if count is None:
        count = len(samples) // 3 if len(samples) >= LEAST_HELD_BACK_FROM else 0
    if count == 0:
        return split
    if len(samples) - count < LEAST_EVALUATION:
        raise InvalidInput(
            f"{samples.source}: {len(samples)} samples judge; {count} of them cannot be held back: at least "
            f"{LEAST_EVALUATION} have to be left for the search. Lower --hold-back, or give more samples"
        )
    rng = np.random.default_rng(split.seed)
    if samples.files is not None and samples.files.max() > samples.files.min():
        numbered = np.unique(samples.files, return_inverse=True)[1].reshape(-1)
        chosen = _by_file(numbered, samples.labels, count, rng)
    else:
        chosen = _stratified(_classes(samples.labels, len(samples)), count, rng)
    rest = np.setdiff1d(np.arange(len(samples)), chosen)
    return replace(split, evaluation=samples.take(rest), held_back=samples.take(chosen))


def given_split(calibration: Samples, evaluation: Samples, most: int | None, seed: int) -> Split:
    """The user's own division; of ``calibration`` at most ``most`` samples are used. InvalidInput for too few."""
    _require_count("calibration_samples", most, 1)
    for samples, least, use in ((calibration, LEAST_CALIBRATION, "calibrate"), (evaluation, 1, "judge by")):
        if len(samples) < least:
            raise InvalidInput(
                f"{samples.source}: {len(samples)} samples are too few to {use}: at least {least} are needed"
            )
    shared = _shared(calibration, evaluation)
    notes = (f"{shared} samples of {evaluation.source} are in {calibration.source} too",) if shared else ()
    if most is not None and most < len(calibration):
        calibration = calibration.take(
            _stratified(_classes(calibration.labels, len(calibration)), most, np.random.default_rng(seed))
        )
    return Split(calibration, evaluation, "as given (--eval)", seed, notes)


def _shared(calibration: Samples, evaluation: Samples) -> int:
    """How many samples to judge by were seen in calibration, byte for byte."""
    seen = {tuple(a.tobytes() for a in case) for case in zip(*calibration.inputs, strict=True)}
    return sum(tuple(a.tobytes() for a in case) in seen for case in zip(*evaluation.inputs, strict=True))


def _classes(labels: Array | None, count: int) -> Array:
    """The class of each of ``count`` samples; all 0 where labels are no classes."""
    if labels is not None and labels.ndim == 1:
        found, index = np.unique(labels, return_inverse=True)
        if len(found) <= min(_MOST_CLASSES, max(count // 2, 1)):
            return index.reshape(-1)
    return np.zeros(count, np.int64)


def _stratified(classes: Array, wanted: int, rng: np.random.Generator) -> Array:
    """Indices, sorted: ``wanted`` of them, shared out by largest remainder; ties go to the lower class."""
    counts = np.bincount(classes)
    exact = counts * (wanted / counts.sum())
    quota = np.floor(exact).astype(np.int64)
    order = np.argsort(-(exact - quota), kind="stable")
    quota[order[: wanted - int(quota.sum())]] += 1
    parts = [rng.permutation(np.flatnonzero(classes == c))[:q] for c, q in enumerate(quota)]
    return np.sort(np.concatenate(parts))


def _by_file(files: Array, labels: Array | None, wanted: int, rng: np.random.Generator) -> Array:
    """Indices of whole recordings until about ``wanted`` samples are taken, each class in its turn."""
    first = np.unique(files, return_index=True)[1]
    classes = _classes(None if labels is None else labels[first], len(first))
    share = min(max(round(len(first) * wanted / len(files)), 1), len(first) - 1)
    return np.flatnonzero(np.isin(files, _stratified(classes, share, rng)))
