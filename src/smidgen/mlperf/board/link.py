# SPDX-License-Identifier: Apache-2.0
"""A virtual board in this process, as a line to a device."""

from __future__ import annotations

from smidgen.errors import LinkLost, SimulationError
from smidgen.mlperf.board.board import VirtualBoard

_BOOT_S = 10.0
_LEAST_S = 0.001


class BoardLink:
    """Meets ``Link``. The board runs while its answer is read, and only then."""

    def __init__(self, board: VirtualBoard, name: str = "", command_bytes: int = 80) -> None:
        """``command_bytes``: the longest command its firmware takes. The board comes through its boot."""
        self.board = board
        self.chunk_bytes = (command_bytes - len("db ")) // 2
        """How many bytes of an input go into one command."""
        self.name = name or f"virtual {board.target.name}"
        self._lost = ""
        self._run(_BOOT_S)

    def write(self, data: bytes) -> None:
        self._check()
        self.board.send(data)

    def read(self, timeout: float) -> bytes:
        """What has arrived. ``b""`` comes at once if the board sleeps: nothing will come however long one waits."""
        self._check()
        data = self.board.receive()
        if data:
            return data
        self._run(max(timeout, _LEAST_S))
        data = self.board.receive()
        if not data:
            self._check()
        return data

    def _run(self, seconds: float) -> None:
        try:
            self.board.run(seconds)
        except SimulationError as error:
            self._lost = str(error)

    def close(self) -> None:
        self.board.close()
        self._lost = self._lost or "it was closed"

    def _check(self) -> None:
        if self._lost:
            raise LinkLost(f"{self.name}: the board is gone: {self._lost}")
