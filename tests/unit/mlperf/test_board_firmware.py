# SPDX-License-Identifier: Apache-2.0
"""The benchmark's firmware on the virtual board: times, pulses and energy are those of the counted cycles."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from smidgen.mlperf.board import BoardLink, BoardSettings, VirtualBoard
from smidgen.mlperf.firmware import firmware, long_command_bytes
from smidgen.mlperf.tasks import TASKS
from smidgen.targets import load_target
from tests.unit.mlperf import dut_models

TARGET = load_target("nucleo-l4r5zi")
KWS = TASKS["kws"]


def image(folder: Path, mode: str) -> Path:
    made = firmware(dut_models.kws(), KWS, mode=mode, command_bytes=long_command_bytes(KWS))
    assert made.command_bytes == 983
    return made.build(work_dir=folder)


def ask(link: BoardLink, command: bytes) -> str:
    link.write(command)
    said = b""
    while not said.endswith(b"m-ready\r\n"):
        more = link.read(20)
        assert more, said
        said += more
    return said.decode()


def loaded(link: BoardLink) -> None:
    assert link.read(5).endswith(b"m-init-done\r\nm-ready\r\n")
    ask(link, b"db load 490%")
    assert link.chunk_bytes == 490
    assert "m-load-done" in ask(link, b"db " + bytes(range(245)).hex().encode() * 2 + b"%")


def test_laps_are_the_counted_cycles(tmp_path: Path) -> None:
    with VirtualBoard(image(tmp_path, "performance"), TARGET) as board:
        link = BoardLink(board, command_bytes=983)
        loaded(link)
        took = []
        for n in (10, 110):
            laps = [int(t) for t in re.findall(r"m-lap-us-(\d+)", ask(link, b"infer %d 3%%" % n))]
            took.append(laps[1] - laps[0])
        assert took[1] - took[0] == pytest.approx(100 * board.counted[-1].cycles / 120, rel=0.01)


def test_pulses_bracket_the_energy_of_the_inferences(tmp_path: Path) -> None:
    with VirtualBoard(image(tmp_path, "energy"), TARGET, BoardSettings(baud=9600)) as board:
        link = BoardLink(board, command_bytes=983)
        loaded(link)
        assert "m-lap" not in ask(link, b"infer 2000 1%")
        assert {event.pin for event in board.pin_events} == {"timestamp"}
        falls = [e.seconds for e in board.pin_events if not e.level]
        rises = [e.seconds for e in board.pin_events if e.level]
        assert len(falls) == len(rises) == 3
        assert all(up - down >= 10e-6 for down, up in zip(falls, rises, strict=True))
        joules = board.energy_samples(falls[1], falls[2], 10_000).sum()
        assert joules / 2000 == pytest.approx(board.counted[-1].cycles * 375e-12, rel=0.02)
