# SPDX-License-Identifier: Apache-2.0
"""Files of the streaming wakeword benchmark: where its words are (sww_*_test.json), and audio."""

from __future__ import annotations

import json
import math
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smidgen.errors import InvalidInput

SAMPLE_RATE = 16_000


@dataclass(frozen=True, slots=True)
class WakewordTest:
    """One entry of a test file: ``words_s`` are (start, end) of each word."""

    wav_file: str
    words_s: tuple[tuple[float, float], ...]
    length_s: float
    sample_rate: int


def read_tests(path: Path) -> tuple[WakewordTest, ...]:
    """All entries of a sww_*_test.json. InvalidInput says what is wrong and where."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except OSError as e:
        raise InvalidInput(f"{path}: cannot be read: {e.strerror}") from None
    except (ValueError, RecursionError) as e:
        raise InvalidInput(f"{path}: not JSON: {e}") from None
    if not isinstance(entries, list) or not entries:
        raise InvalidInput(f"{path}: not a list of tests, as sww_short_test.json is")
    return tuple(_test(entry, f"{path}, entry {i + 1}") for i, entry in enumerate(entries))


def _test(entry: object, where: str) -> WakewordTest:
    if not isinstance(entry, dict):
        raise InvalidInput(f"{where}: not an object with wav_file and detection_windows")
    name, words = entry.get("wav_file"), entry.get("detection_windows")
    if not isinstance(name, str) or not name:
        raise InvalidInput(f"{where}: wav_file is missing or no text")
    if not isinstance(words, list):
        raise InvalidInput(f"{where}: detection_windows is missing or no list")
    pairs = tuple(_word(w, f"{where}, detection_windows[{i}]") for i, w in enumerate(words))
    rate = _number(entry.get("sample_rate", SAMPLE_RATE), f"{where}: sample_rate")
    if rate != SAMPLE_RATE:
        raise InvalidInput(f"{where}: sample_rate is {rate:g}; the benchmark's is {SAMPLE_RATE}")
    last = max((end for _, end in pairs), default=0.0)
    return WakewordTest(name, pairs, _number(entry.get("length_sec", last), f"{where}: length_sec"), SAMPLE_RATE)


def _word(pair: object, where: str) -> tuple[float, float]:
    if not isinstance(pair, list) or len(pair) != 2:
        raise InvalidInput(f"{where}: not a pair of start and end in seconds")
    start, end = (_number(x, where) for x in pair)
    if start > end:
        raise InvalidInput(f"{where}: ends at {end:g} s, before its start at {start:g} s")
    return start, end


def _number(x: object, where: str) -> float:
    if isinstance(x, bool) or not isinstance(x, int | float) or not 0 <= x < math.inf:
        raise InvalidInput(f"{where}: {x!r} is no number of 0 or more")
    return float(x)


def read_wav(path: Path) -> NDArray[np.int16]:
    """The first channel of a 16-bit PCM file at 16 kHz. InvalidInput for another one or a truncated one."""
    try:
        with wave.open(str(path), "rb") as f:
            channels, width, rate, frames = f.getparams()[:4]
            data = f.readframes(frames)
    except OSError as e:
        raise InvalidInput(f"{path}: cannot be read: {e.strerror}") from None
    except (wave.Error, EOFError) as e:
        raise InvalidInput(f"{path}: not a PCM wav file: {str(e) or 'it ends in its header'}") from None
    if width != 2 or rate != SAMPLE_RATE:
        raise InvalidInput(f"{path}: {8 * width} bits at {rate} Hz; the benchmark streams 16 bits at {SAMPLE_RATE} Hz")
    if len(data) != frames * channels * width:
        raise InvalidInput(f"{path}: truncated: {len(data)} of {frames * channels * width} bytes of audio are there")
    return np.frombuffer(data, "<i2").reshape(-1, channels)[:, 0].copy()
