# SPDX-License-Identifier: Apache-2.0
"""What a search keeps: believed only whole, and only for what it was measured of."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from smidgen.errors import UsageError
from smidgen.ir import TensorType, Value
from smidgen.precision.cost import Cost
from smidgen.precision.durations import parse_seconds
from smidgen.precision.state import Judged, digest_of, finite, open_state
from tests.graphs import Net

COST = Cost(100, 120, 30, 40, 1234.5, None)
JUDGED = Judged(COST, 0.9, 1.5, 0.001)


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "s.json"
    state = open_state(path, "abc")
    assert (state.known, state.damaged) == ({}, False)
    state.put(("int8", "int16"), JUDGED)
    state.put(("int4", "float"), Judged(COST))
    again = open_state(path, "abc")
    assert again.get(("int8", "int16")) == JUDGED
    assert again.get(("int4", "float")) == Judged(COST)
    assert again.get(("int8", "int8")) is None
    assert (again.resumed, again.damaged) == (1, False)


@pytest.mark.parametrize("change", ["", "{}", "[1]", "cut", "figure", "other", "binary"])
def test_what_cannot_be_believed_is_ignored(change: str, tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    open_state(path, "abc").put(("int8",), JUDGED)
    text = path.read_text(encoding="utf-8")
    damaged = {"cut": text[:-20], "figure": text.replace("0.9", "0.8")}.get(change, change)
    if change == "binary":
        path.write_bytes(b"\xff\xfe\x00")
    elif change != "other":
        path.write_text(damaged, encoding="utf-8")
    state = open_state(path, "xyz" if change == "other" else "abc")
    assert state.damaged
    assert state.known == {}
    state.put(("int8",), JUDGED)
    assert open_state(path, state.digest).known


def test_without_a_place_it_is_kept_in_memory() -> None:
    state = open_state(None, "abc")
    state.put(("int8",), JUDGED)
    assert state.get(("int8",)) == JUDGED


def test_the_digest_sees_everything() -> None:
    def graph(value: float) -> str:
        t = TensorType("float32", (2,))
        x = Value("x", t)
        y = Value("c", t, np.full(2, value, np.float32))
        net = Net("g").graph([x], [x, y])
        return digest_of(net, [np.arange(3), None], ["a"])

    t = TensorType("float32", (2,))
    x = Value("x", t)
    plain = Net("g").graph([x], [x])
    digests = [
        digest_of(plain, arrays, words)
        for arrays, words in (
            ([np.arange(3)], ["a"]),
            ([np.arange(4)], ["a"]),
            ([np.arange(3) + 1], ["a"]),
            ([np.arange(3).astype(np.int8)], ["a"]),
            ([np.arange(3), None], ["a"]),
            ([np.arange(3)], ["a", "b"]),
            ([np.arange(3)], ["b"]),
        )
    ]
    assert len({*digests, graph(1.0), graph(2.0)}) == 9
    assert digest_of(plain, [np.arange(3)], ["a"]) == digests[0]


def test_infinite_drops_are_kept_as_numbers() -> None:
    assert finite(float("inf")) > 1e200
    assert finite(float("-inf")) < -1e200
    assert finite(2.5) == 2.5


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("10m", 600), ("1.5h", 5400), (" 2M ", 120)])
def test_durations(text: str, seconds: float) -> None:
    assert parse_seconds(text, "--budget") == seconds


@pytest.mark.parametrize("text", ["", "0", "-5", "10 minutes", "m", "nan", "1e3", "0m"])
def test_no_durations(text: str) -> None:
    with pytest.raises(UsageError, match="--budget takes a length of time like 90s, 10m or 1h, not"):
        parse_seconds(text, "--budget")


def test_targets_are_told_alike_in_every_process() -> None:
    code = "from smidgen.precision.state import target_words; from smidgen.targets import load_target\n"
    code += "print(target_words(load_target('nucleo-l4r5zi')))"
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in range(4)
    }
    assert len(told) == 1, "or no search would go on where it stopped"
    assert "fpu" in told.pop()
