# SPDX-License-Identifier: Apache-2.0
"""A misspelt key in a board's file is refused: it would silently give a wrong figure."""

from __future__ import annotations

from pathlib import Path

import pytest

from smidgen.errors import TargetError
from smidgen.targets import load, load_target

_BOARD = Path(load.__file__).parent / "boards/nucleo-l4r5zi.toml"


@pytest.mark.parametrize(
    ("right", "wrong", "where"),
    [
        ("clock_hz =", "clock =", "the board: unknown clock"),
        ("prefetch = true", "prefetch = true\nprefech = false", "flash_cache: unknown prefech"),
        ("board_percent = [-10, 10]", "board = [-10, 10]", "latency_error: unknown board"),
        ("board_percent = [-10, 10]", "board_percent = [10, -10]", "two whole percentages, the lower first"),
        ("board_percent = [-10, 10]", "board_percent = [-10]", "two whole percentages, the lower first"),
        ("picojoules_per_cycle = 375", "picojoules = 375", "energy: unknown picojoules"),
        ("picojoules_per_cycle = 375", "picojoules_per_cycle = 0", "energy: picojoules_per_cycle is 0"),
        ("wait_states = 5", "wait_states = 5\nwaitstates = 0", r"regions\[0\]: unknown waitstates"),
    ],
)
def test_unknown_key(right: str, wrong: str, where: str, tmp_path: Path) -> None:
    text = _BOARD.read_text(encoding="utf-8")
    assert right in text
    mine = tmp_path / "mine.toml"
    mine.write_text(text.replace(right, wrong, 1), encoding="utf-8")
    with pytest.raises(TargetError, match=where):
        load_target(mine)
