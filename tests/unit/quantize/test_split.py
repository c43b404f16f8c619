# SPDX-License-Identifier: Apache-2.0
"""The division of samples: in proportion, repeatable, and never overlapping."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smidgen.errors import InvalidInput
from smidgen.quantize.data import Samples
from smidgen.quantize.split import given_split, hold_back, split_samples

Array = npt.NDArray[Any]


def numbered(count: int, labels: Array | None = None, files: Array | None = None) -> Samples:
    return Samples("d.npz", (np.arange(count, dtype=np.float32).reshape(count, 1),), labels, files)


def numbers(samples: Samples) -> list[int]:
    return [int(v) for v in samples.inputs[0][:, 0]]


@settings(deadline=None)
@given(st.integers(8, 60), st.integers(1, 5), st.integers(0, 3), st.integers(4, 30))
def test_disjoint_complete_and_in_proportion(count: int, classes: int, seed: int, wanted: int) -> None:
    if count < wanted + 4:
        wanted = 4
    labels = np.random.default_rng(seed).integers(0, classes, count)
    split = split_samples(numbered(count, labels), wanted, seed)
    calibration, evaluation = numbers(split.calibration), numbers(split.evaluation)
    assert len(calibration) == wanted
    assert sorted(calibration + evaluation) == list(range(count))
    assert split.calibration.labels is not None
    np.testing.assert_array_equal(split.calibration.labels, labels[calibration])
    if split.how == "in proportion to the classes":
        for c in range(classes):
            exact = wanted * (labels == c).sum() / count
            assert abs((split.calibration.labels == c).sum() - exact) < 1


def test_the_seed_decides() -> None:
    samples = numbered(50, np.arange(50) % 5)
    first = numbers(split_samples(samples, None, 0).calibration)
    assert first == numbers(split_samples(samples, None, 0).calibration)
    assert first != numbers(split_samples(samples, None, 1).calibration)
    assert len(first) == 25


def test_half_but_at_most_a_hundred_without_labels() -> None:
    assert len(split_samples(numbered(500), None, 0).calibration) == 100
    assert split_samples(numbered(9), None, 0).how == "at random"


def test_recordings_stay_together() -> None:
    files = np.repeat(np.arange(10), 6)
    split = split_samples(numbered(60, files % 2, files), 30, 0)
    assert split.calibration.files is not None
    assert split.evaluation.files is not None
    assert not set(split.calibration.files) & set(split.evaluation.files)
    assert len(split.calibration) == 30
    assert split.how == "by recording"
    alone = split_samples(numbered(60, None, np.zeros(60, np.int64)), 30, 0)
    assert "windows of one recording" in alone.notes[0]


@pytest.mark.parametrize(("count", "wanted", "least"), [(7, None, 8), (1, None, 8), (20, 17, 21)])
def test_too_few(count: int, wanted: int | None, least: int) -> None:
    with pytest.raises(InvalidInput, match=f"{count} samples are too few: at least {least} are needed"):
        split_samples(numbered(count), wanted, 0)


def test_given_parts() -> None:
    split = given_split(numbered(20), numbered(5), 10, 0)
    assert (len(split.calibration), numbers(split.evaluation)) == (10, [0, 1, 2, 3, 4])
    assert split.notes == ("5 samples of d.npz are in d.npz too",)
    with pytest.raises(InvalidInput, match="3 samples are too few to calibrate: at least 4"):
        given_split(numbered(3), numbered(5), None, 0)


def test_held_back_samples_are_in_no_other_part() -> None:
    labels = np.arange(900) % 3
    split = split_samples(numbered(900, labels), 100, 1)
    held = hold_back(split, None)
    assert held.held_back is not None
    assert len(held.held_back) == 800 // 3
    parts = (held.calibration, held.evaluation, held.held_back)
    assert sorted(i for p in parts for i in numbers(p)) == list(range(900))
    assert held.held_back.labels is not None
    assert set(np.bincount(held.held_back.labels)) <= {88, 89}
    assert numbers(hold_back(split, None).held_back or held.evaluation) == numbers(held.held_back)
    assert hold_back(split, 0) is split


def test_few_samples_are_not_held_back_unasked() -> None:
    split = split_samples(numbered(500), None, 0)
    assert hold_back(split, None) is split
    assert len(hold_back(split, 100).evaluation) == 300
    with pytest.raises(InvalidInput, match=r"397 of them cannot be held back.*Lower --hold-back"):
        hold_back(split, 397)


def test_recordings_are_held_back_whole() -> None:
    files = np.repeat(np.arange(20), 10)
    split = hold_back(split_samples(numbered(200, files % 2, files), 60, 0), 50)
    assert split.held_back is not None
    assert split.held_back.files is not None
    assert split.evaluation.files is not None
    assert not set(split.held_back.files) & set(split.evaluation.files)
    assert 30 <= len(split.held_back) <= 70
