# SPDX-License-Identifier: Apache-2.0
"""Runs a core for a while and stops it from outside, without an access made twice or never."""

from __future__ import annotations

import threading
import time

from smidgen.sim.core import EmulatedCore

_TICK_S = 0.02
_RETIRE_S = 0.01
"""Far longer than the emulator takes from the end of a callback to the end of the instruction that made it."""


class Gate:
    """Stops a run at its deadline. Pages and hooks do their work with ``lock`` held, unless the gate ``refuses``.

    A core that is stopped during an access makes it again when it goes on. So an access that comes after the deadline
    is refused, and stops the core; only a core that makes none for a while is stopped from the other thread.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._armed = threading.Event()
        self._closed = threading.Event()
        self._deadline = 0.0
        self._core: EmulatedCore | None = None
        self._asked = False
        self._thread: threading.Thread | None = None

    def run(self, core: EmulatedCore, seconds: float) -> None:
        """Until something stops the core, or ``seconds`` of wall time are over."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="smidgen-board", daemon=True)
            self._thread.start()
        with self.lock:
            self._core, self._asked, self._deadline = core, False, time.monotonic() + seconds
            self._armed.set()
        try:
            core.go_on()
        finally:
            with self.lock:
                self._armed.clear()
                self._core = None

    def refuses(self) -> bool:
        """Whether an access must do nothing: it will come again. Called with ``lock`` held until it has been served."""
        if self._asked and self._core is not None:
            self._core.stop()
        return self._asked

    def close(self) -> None:
        """Ends the thread."""
        self._closed.set()
        self._armed.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _watch(self) -> None:
        while not self._closed.is_set():
            self._armed.wait()
            if self._closed.wait(_TICK_S):
                return
            with self.lock:
                due = self._armed.is_set() and time.monotonic() >= self._deadline
                self._asked = self._asked or due
            if due and not self._closed.wait(_RETIRE_S):
                self._stop_between_accesses()

    def _stop_between_accesses(self) -> None:
        """Stops a core that has made no access since it was asked to stop."""
        with self.lock:
            if self._asked and self._core is not None:
                self._core.stop()
