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
from smidgen.quantize.split import given_split, split_samples

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
