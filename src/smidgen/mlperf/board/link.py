# SPDX-License-Identifier: Apache-2.0
"""A virtual board in this process, as a line to a device."""

from __future__ import annotations

from smidgen.errors import LinkLost, SimulationError
from smidgen.mlperf.board.board import VirtualBoard


class BoardLink:
    """Meets ``Link``. The board runs while its answer is read, and only then."""

    def __init__(self, board: VirtualBoard, name: str = "") -> None:
        self.board = board
        self.name = name or f"virtual {board.target.name}"
        self._lost = ""

    def write(self, data: bytes) -> None:
        self._check()
        self.board.send(data)

    def read(self, timeout: float) -> bytes:
        """What has arrived. ``b""`` comes at once if the board sleeps: nothing will come however long one waits."""
        self._check()
        data = self.board.receive()
        if data:
            return data
        try:
            self.board.run(timeout)
        except SimulationError as error:
            self._lost = str(error)
        data = self.board.receive()
        if not data:
            self._check()
        return data

    def close(self) -> None:
        self.board.close()
        self._lost = self._lost or "it was closed"

    def _check(self) -> None:
        if self._lost:
            raise LinkLost(f"{self.name}: the board is gone: {self._lost}")
