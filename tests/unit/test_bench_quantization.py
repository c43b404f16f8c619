# SPDX-License-Identifier: Apache-2.0
"""The comparison of quantisers: its measure, its samples, and one small model through both sides."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from bench import quantization_data
from bench.quantization import MOST_DB, RESULTS, Subject, judge, measure_ort, measure_smidgen, pooled_db, sqnr_db
from bench.quantization_data import Samples, log_mel
from bench.quantization_ort import DEFAULTS, Setting, first_settings, outputs, variations
from onnx import TensorProto

from smidgen.errors import UsageError
from tests.onnx_models import Builder


def test_decibels_of_known_errors() -> None:
    y = np.array([[3.0, 4.0], [1.0, 0.0], [0.0, 0.0]])
    q = np.array([[3.0, 3.5], [1.0, 0.0], [0.0, 0.1]])
    first, second, third = sqnr_db(y, q)
    assert first == pytest.approx(20.0)  # 25 / 0.25
    assert second == MOST_DB, "nothing differs"
    assert third == -MOST_DB, "all of it is noise"
    assert pooled_db(y[:2], q[:2]) == pytest.approx(10 * np.log10(26 / 0.25))


def test_judging_counts_equal_answers() -> None:
    real, quantized = np.array([[0.9, 0.1], [0.4, 0.6]]), np.array([[0.8, 0.2], [0.7, 0.3]])
    assert judge(real, quantized, None)["same_top1"] == 0.5


def test_settings_are_distinct_and_start_with_the_defaults() -> None:
    names = [str(s) for s in (DEFAULTS, *first_settings(), *variations(Setting(activation="QUInt8")))]
    assert len(set(names)) == len(names)
    assert len(names) > 50


def test_log_mel_of_silence_and_of_a_tone() -> None:
    """Silence is 0; a tone of 1 kHz peaks in the filter whose triangle holds it (edges at equal steps of mel)."""
    assert log_mel(np.zeros(4096)).shape == (7, 40)
    assert not log_mel(np.zeros(4096)).any()
    tone = log_mel(0.1 * np.sin(2 * np.pi * 1000 * np.arange(4096) / 16000))
    step = np.log1p(8000 / 700) / 41
    assert tone[3].argmax() == round(np.log1p(1000 / 700) / step) - 1


def test_absent_data_are_named(tmp_path: Path) -> None:
    for name in ("kws", "sww", "ad"):
        with pytest.raises(UsageError, match=r"is absent; --shared"):
            quantization_data.SAMPLES[name](tmp_path)


def test_both_sides_measure_a_small_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    b = Builder(17)
    x = b.input(("batch", 8), TensorProto.FLOAT)
    weights = [b.constant(rng.normal(0, 1, shape).astype(np.float32)) for shape in ((8, 6), (6,), (6, 3))]
    y = b.node("MatMul", b.node("Relu", b.node("Add", b.node("MatMul", x, weights[0]), weights[1])), weights[2])
    path = tmp_path / "dense.onnx"
    path.write_bytes(b.build(y, output_type=TensorProto.FLOAT))
    data = rng.normal(0, 1, (40, 8)).astype(np.float32)
    s = Subject("dense", path, Samples(data[:20], data[20:]), outputs(path, data[20:]))
    monkeypatch.setattr("bench.quantization.first_settings", lambda: iter([Setting(per_channel=True, prepared=True)]))
    monkeypatch.setattr("bench.quantization.variations", lambda best: iter([]))
    theirs, ours = measure_ort(s), measure_smidgen(s)
    assert theirs["defaults"]["sqnr_db"] > 25
    assert theirs["best"]["sqnr_db"] >= theirs["defaults"]["sqnr_db"]
    assert ours["affine"]["sqnr_db"] > 25
    assert ours["affine, int16 activations"]["sqnr_db"] > ours["affine, four-bit weights"]["sqnr_db"]


def test_published_figures_are_of_the_official_models() -> None:
    published = json.loads(RESULTS.read_text())
    assert sorted(published) == ["ad", "ic", "kws", "sww", "vww"]
    for entry in published.values():
        assert entry["onnxruntime"]["best"]["sqnr_db"] >= entry["onnxruntime"]["defaults"]["sqnr_db"]
