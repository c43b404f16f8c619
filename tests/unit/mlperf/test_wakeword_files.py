# SPDX-License-Identifier: Apache-2.0
"""Test files and recordings, good and bad."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import numpy as np
import pytest

from smidgen.errors import InvalidInput
from smidgen.mlperf.wakeword.files import read_tests, read_wav

GOOD = {"wav_file": "a.wav", "detection_windows": [[1.0, 1.5], [4, 4.75]], "length_sec": 10.0, "sample_rate": 16000}


def write_wav(path: Path, samples: np.ndarray, *, rate: int = 16_000) -> Path:
    """``samples`` (frames, channels)."""
    with wave.open(str(path), "wb") as f:
        f.setnchannels(samples.shape[1])
        f.setsampwidth(samples.dtype.itemsize)
        f.setframerate(rate)
        f.writeframes(samples.tobytes())
    return path


def test_tests_are_read(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text(json.dumps([GOOD, {"wav_file": "b.wav", "detection_windows": []}]))
    first, second = read_tests(path)
    assert (first.wav_file, first.words_s, first.length_s) == ("a.wav", ((1.0, 1.5), (4.0, 4.75)), 10.0)
    assert (second.words_s, second.length_s, second.sample_rate) == ((), 0.0, 16_000)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("{}", "not a list of tests"),
        ("[]", "not a list of tests"),
        ("[3]", "entry 1: not an object"),
        (json.dumps([GOOD, {**GOOD, "wav_file": 3}]), "entry 2: wav_file"),
        (json.dumps([{**GOOD, "detection_windows": None}]), "detection_windows is missing"),
        (json.dumps([{**GOOD, "detection_windows": [[1, 2], [3]]}]), r"detection_windows\[1\]: not a pair"),
        (json.dumps([{**GOOD, "detection_windows": [[2, 1]]}]), "ends at 1 s, before its start"),
        ('[{"wav_file": "a", "detection_windows": [[NaN, 1]]}]', "nan is no number"),
        (json.dumps([{**GOOD, "length_sec": True}]), "True is no number"),
        (json.dumps([{**GOOD, "sample_rate": 8000}]), "the benchmark's is 16000"),
    ],
)
def test_bad_test_files_get_one_clear_error(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "t.json"
    path.write_text(content)
    with pytest.raises(InvalidInput, match=message):
        read_tests(path)


def test_the_first_channel_is_heard(tmp_path: Path) -> None:
    x = np.arange(-300, 300, dtype="<i2").reshape(-1, 2)
    assert read_wav(write_wav(tmp_path / "s.wav", x)).tolist() == x[:, 0].tolist()
    assert read_wav(write_wav(tmp_path / "m.wav", x[:, :1])).tolist() == x[:, 0].tolist()


def test_bad_recordings_get_one_clear_error(tmp_path: Path) -> None:
    x = np.zeros((100, 2), "<i2")
    good = write_wav(tmp_path / "a.wav", x).read_bytes()
    for name, data, message in (
        ("cut", good[:-30], "truncated: 370 of 400 bytes"),
        ("header", good[:20], "not a PCM wav file"),
        ("empty", b"", "ends in its header"),
        ("text", b"hello, this is no audio file at all", "not a PCM wav file"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InvalidInput, match=message):
            read_wav(tmp_path / name)
    with pytest.raises(InvalidInput, match="8 bits at 16000 Hz"):
        read_wav(write_wav(tmp_path / "b.wav", x.astype(np.uint8)))
    with pytest.raises(InvalidInput, match="16 bits at 8000 Hz"):
        read_wav(write_wav(tmp_path / "c.wav", x, rate=8_000))
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_wav(tmp_path / "absent")
