# SPDX-License-Identifier: Apache-2.0
"""The float32 features against their definition, and the definition against sums written out."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smidgen.errors import UsageError
from smidgen.features import WAKEWORD, LogMel, Stream, features, reference, reference_levels
from tests.unit.features.sounds import Samples, clipped, sounds, tone

SPECS = (
    WAKEWORD,
    LogMel(window=256, hop=128),
    LogMel(window=512, hop=160, bands=23, low_hz=100, high_hz=7000, pre_emphasis=0.97, shape="hann"),
    LogMel(window=2048, hop=1024, bands=64, shape="rectangular", periodic=True, zero_point=0, offset_db=40),
    LogMel(sample_rate=8000, high_hz=4000, window=256, hop=256, bands=80, pre_emphasis=0.0, floor=1e-12),
)


def by_sums(spec: LogMel, frame: Samples, before: int, band: int) -> float:
    """One feature, term by term: no FFT, no matrix."""
    n = spec.window
    x = [v / 32768 for v in (before, *frame.tolist())]
    y = [x[i + 1] - spec.pre_emphasis * x[i] for i in range(n)]
    w = [0.54 - 0.46 * math.cos(2 * math.pi * i / (n - 1)) for i in range(n)]

    def mel(hertz: float) -> float:
        return 1127.0 * math.log(1 + hertz / 700)

    width = (mel(spec.high_hz) - mel(spec.low_hz)) / (spec.bands + 1)
    energy = 0.0
    for k in range(1, n // 2 + 1):
        off = abs(mel(k * spec.sample_rate / n) - mel(spec.low_hz) - width * (band + 1)) / width
        if off < 1:
            turn = 2j * math.pi * k / n
            s = sum(a * b * np.exp(-turn * i) for i, (a, b) in enumerate(zip(y, w, strict=True)))
            energy += (1 - off) * abs(s) ** 2 / n
    return min(1.0, max(0.0, (10 * math.log10(max(energy, spec.floor)) + spec.offset_db) / spec.range_db))


def test_the_definition_is_what_it_says_term_by_term() -> None:
    spec = LogMel(window=256, hop=100)
    x = clipped(np.random.default_rng(0).normal(0, 900, 460))
    levels = reference_levels(spec, x)
    assert levels.shape == (3, 40)
    for frame, band in ((0, 0), (1, 7), (2, 21), (2, 39)):
        start = frame * spec.hop
        before = int(x[start - 1]) if start else 0
        assert levels[frame, band] == pytest.approx(by_sums(spec, x[start : start + 256], before, band), abs=1e-9)


def test_the_filters_of_the_benchmark() -> None:
    filters = WAKEWORD.filters()
    assert filters.shape == (513, 40)
    assert np.count_nonzero(filters) == 987
    assert not filters[0].any()
    assert not filters[512].any()
    inside = filters[filters.any(axis=1)].sum(axis=1)
    assert np.allclose(inside[6:-70], 1.0)  # between the first peak and the last one slopes add up to 1


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_the_model_is_within_a_step_of_the_definition(spec: LogMel) -> None:
    unclipped = wrong = 0
    for name, x in sounds().items():
        ours, wanted = features(spec, x).astype(int), reference(spec, x).astype(int)
        assert ours.shape == wanted.shape
        assert np.abs(ours - wanted).max() <= 1, name
        unclipped += int(((wanted > -128) & (wanted < 127)).sum())
        wrong += int((ours != wanted).sum())
    assert unclipped > 1000
    assert wrong <= unclipped / 500  # almost none differ at all


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.floats(0, 1), st.floats(0.5, 60000), st.floats(0, 0.5), st.floats(0, 3000))
@example(0, 0.0, 32767.0, 100.5 / 1024, 0.0)
def test_tones_in_noise_are_within_a_step(seed: int, phase: float, level: float, pitch: float, noise: float) -> None:
    rng = np.random.default_rng(seed)
    n = np.arange(1024 + 512)
    x = clipped(level * np.cos(2 * np.pi * (pitch * n + phase)) + rng.normal(0, noise, len(n)))
    assert np.abs(features(WAKEWORD, x).astype(int) - reference(WAKEWORD, x)).max() <= 1


def test_every_bin_at_full_scale_is_within_a_step() -> None:
    for k in range(0, 513, 4):
        x = tone(32767, k / 1024, 1024)
        assert np.abs(features(WAKEWORD, x).astype(int) - reference(WAKEWORD, x)).max() <= 1, k


def test_loud_sounds_saturate_where_the_reference_code_would_wrap() -> None:
    loud = features(WAKEWORD, tone(32767, 100 / 1024, 2048))
    assert loud.max() == 127
    assert features(WAKEWORD, np.zeros(2048, np.int16)).max() == -128


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 1500), min_size=1, max_size=8), st.booleans())
def test_a_stream_may_arrive_in_any_pieces(cuts: list[int], padded: bool) -> None:
    x = clipped(np.random.default_rng(3).normal(0, 2000, 5000))
    stream, at, parts = Stream(WAKEWORD, padded=padded), 0, []
    for cut in (*cuts, len(x)):
        parts.append(stream.push(x[at : at + cut]))
        at = min(len(x), at + cut)
    assert np.array_equal(np.concatenate(parts), features(WAKEWORD, x, padded=padded))


def test_padding_is_silence_before_the_first_sample() -> None:
    x = clipped(np.random.default_rng(4).normal(0, 2000, 3000))
    silent = np.concatenate((np.zeros(512, np.int16), x))
    assert np.array_equal(features(WAKEWORD, x, padded=True), features(WAKEWORD, silent))
    assert features(WAKEWORD, x[:511], padded=True).shape == (0, 40)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"window": 1000}, "window is 1000; use one of 256, 512, 1024, 2048"),
        ({"hop": 0}, "hop is 0"),
        ({"hop": 1025}, "hop is 1025"),
        ({"bands": 0}, "0 mel bands"),
        ({"high_hz": 8001}, "8000, half the sample rate"),
        ({"low_hz": 8000.0}, "mel bands from 8000"),
        ({"pre_emphasis": math.nan}, "pre_emphasis is nan"),
        ({"shape": "kaiser"}, "window shape 'kaiser'"),
        ({"scale": 0.0}, "scale is 0"),
        ({"floor": 0.0}, "floor is 0"),
        ({"zero_point": 128}, "zero_point is 128"),
        ({"offset_db": math.inf}, "offset_db is inf"),
        ({"range_db": 0.0}, "range_db is 0"),
        ({"sample_rate": 0}, "sample_rate is 0"),
    ],
)
def test_impossible_features_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        replace(WAKEWORD, **change)  # type: ignore[arg-type]  # wrong on purpose
