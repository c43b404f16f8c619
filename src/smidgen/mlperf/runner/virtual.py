# SPDX-License-Identifier: Apache-2.0
"""Virtual boards for the runner: an image in, lines to boards out, and their modelled energy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from smidgen.errors import TargetError
from smidgen.mlperf.board import BoardLink, BoardSettings, InferenceCost, VirtualBoard
from smidgen.mlperf.formats.results_types import Power
from smidgen.mlperf.runner.workers import Opened
from smidgen.targets import Target

_PIN = "timestamp"
_SAMPLES_PER_S = 1000


@dataclass(frozen=True, slots=True)
class BoardOpener:
    """Boots a board of its own for each caller. Picklable. ``command_bytes``: the longest its firmware takes;
    ``cost``: of an inference, if it was counted elsewhere."""

    elf: Path
    target: Target
    baud: int
    energy: bool = False
    command_bytes: int = 80
    cost: InferenceCost | None = None

    def __call__(self) -> Opened:
        if self.energy and self.target.energy is None:
            raise TargetError(f"{self.target.name}: no energy per cycle is known of it, so none can be modelled")
        board = VirtualBoard(self.elf, self.target, BoardSettings(baud=self.baud, cost=self.cost))
        link = BoardLink(board, command_bytes=self.command_bytes)
        return Opened(link, BoardMonitor(board) if self.energy else None, self.energy, link.chunk_bytes, queues=True)


class BoardMonitor:
    """Meets ``Monitor``: the modelled energy of a virtual board, in samples of a millisecond of its own time."""

    def __init__(self, board: VirtualBoard) -> None:
        self._board = board
        self.begin()

    def begin(self) -> None:
        self._since_s = self._board.seconds
        self._edges = len(self._board.pin_events)

    def end(self) -> Power:
        """Edges are where the pin falls, as instruments trigger on."""
        until = self._board.seconds
        samples = self._board.energy_samples(self._since_s, until, _SAMPLES_PER_S)
        falls = [e.seconds for e in self._board.pin_events[self._edges :] if e.pin == _PIN and not e.level]
        events = [(i, int((s - self._since_s) * _SAMPLES_PER_S)) for i, s in enumerate(falls)]
        return Power(tuple(float(s) for s in samples), tuple(events), None)
