# SPDX-License-Identifier: Apache-2.0
"""Serves a virtual board on a pseudo-terminal."""

from __future__ import annotations

import time

from smidgen.mlperf.board.board import VirtualBoard
from smidgen.mlperf.board.pty_line import PtyLine

_SLICE_S = 0.05
_IDLE_S = 0.2
_MOST_WAITING = 1 << 16
_UNREAD_S = 2.0
"""A program that leaves the line unread for this long loses what waits, as on a UART without flow control."""


class BoardServer:
    """State: what has left the board and not the line.

    In modelled time everything happens at once. In real time (``real``) the board's clock follows the wall's while it
    sleeps, and nothing is said before its time; where emulation is slower than the board it is said later.
    """

    def __init__(self, board: VirtualBoard, line: PtyLine, *, real: bool = False) -> None:
        self._board = board
        self._line = line
        self._real = real
        self._waiting = b""
        self._said_at = time.monotonic()
        self._started = time.monotonic()
        self._reset_pressed = False
        self.dropped_bytes = 0

    def serve(self) -> None:
        """Until something is raised. SimulationError if the firmware fails, after what it said before has been passed
        on as far as there is room."""
        try:
            while True:
                self.turn()
        finally:
            self._say()

    def turn(self) -> None:
        """Passes on what came in and what goes out, and lets the core work for a while."""
        if self._reset_pressed:
            self._reset()
        self._line.wait(self._patience(), hear=self._hungry(), say=bool(self._waiting))
        if self._hungry():
            self._hear()
        if self._running():
            self._board.run(_SLICE_S)
        self._say()
        self._line.share()

    def press_reset(self) -> None:
        """The reset button; from a signal or another thread, too."""
        self._reset_pressed = True

    def _reset(self) -> None:
        self._reset_pressed = False
        self._board.reset()
        self._waiting = b""
        self._started = time.monotonic()

    def _hungry(self) -> bool:
        return self._board.waiting_bytes < _MOST_WAITING

    def _running(self) -> bool:
        return not self._board.asleep and len(self._waiting) < _MOST_WAITING

    def _patience(self) -> float:
        if self._running():
            return 0.0
        due = self._board.next_sent_at
        if due is None:
            return _IDLE_S
        return min(_IDLE_S, max(0.0, due - self._elapsed())) if self._real else 0.0

    def _elapsed(self) -> float:
        return time.monotonic() - self._started

    def _hear(self) -> None:
        data = self._line.hear()
        if data:
            if self._real:
                self._board.idle_until(self._elapsed())
            self._board.send(data)

    def _say(self) -> None:
        now = time.monotonic()
        if len(self._waiting) < _MOST_WAITING:
            self._waiting += self._board.receive(self._elapsed() if self._real else None)
        said = self._line.say(self._waiting) if self._waiting else 0
        self._waiting = self._waiting[said:]
        if said or not self._waiting:
            self._said_at = now
        elif now - self._said_at > _UNREAD_S:
            self.dropped_bytes += len(self._waiting)
            self._waiting = b""
