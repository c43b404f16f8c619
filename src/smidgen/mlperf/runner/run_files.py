# SPDX-License-Identifier: Apache-2.0
"""The files that a run leaves, in the layout of either official runner."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Protocol

from smidgen.mlperf.formats import results_eembc
from smidgen.mlperf.formats.results_json import results_json
from smidgen.mlperf.formats.results_types import Layout, Mode
from smidgen.mlperf.formats.results_write import log_entry, log_head, log_tail
from smidgen.mlperf.runner.journal import Done, when_of
from smidgen.mlperf.runner.protocol import Identity
from smidgen.mlperf.tasks import Task

THIRD_FILES = frozenset(("results.json", "script.async"))
"""What a layout has beside log.txt and results.txt."""


@dataclass(frozen=True, slots=True)
class Session:
    """What the files say of a run as a whole. ``line`` is what the device is behind: the submission's checker knows a
    modelled one by it. ``stamp_us``: what the device answered to ``timestamp`` when it was asked who it is."""

    task: Task
    mode: Mode
    line: str
    baud: int
    identity: Identity
    stamp_us: int | None


class RunFiles(Protocol):
    """How a run's files are laid out."""

    def head(self) -> list[str]:
        """The log's lines until the first input."""

    def entry(self, done: Done, number: int) -> list[str]:
        """The log's lines of an input; called in order."""

    def results(self, done: Sequence[Done], top1: str | None, auc: str | None, text: str) -> str:
        """results.txt, which is ``text`` in the MLC layout."""

    def third(self, done: Sequence[Done]) -> tuple[str, str]:
        """The file beside log.txt and results.txt: its name and text."""

    def tail(self, text: str) -> list[str]:
        """The log's last lines, where results.txt is ``text``."""


class _MlcFiles:
    """As the MLCommons Python runner has them."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def head(self) -> list[str]:
        s = self._session
        return log_head("log.txt", s.line, s.baud, s.identity.name, s.identity.profile, s.identity.model_id)

    def entry(self, done: Done, number: int) -> list[str]:
        return log_entry(done.entry, number, done.piece, when_of(done))

    def results(self, done: Sequence[Done], top1: str | None, auc: str | None, text: str) -> str:
        return text

    def third(self, done: Sequence[Done]) -> tuple[str, str]:
        return "results.json", results_json([d.entry for d in done])

    def tail(self, text: str) -> list[str]:
        return log_tail(text, "log.txt")


class _EembcFiles:
    """As EnergyRunner has them."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._first: float | None = None
        self._last = 0.0
        self._started = datetime.now()

    def head(self) -> list[str]:
        s = self._session
        return results_eembc.log_head(
            s.line, s.baud, s.identity.name, s.identity.profile, s.identity.model_id,
            stamp_us=s.stamp_us, started=self._started,
        )  # fmt: skip

    def entry(self, done: Done, number: int) -> list[str]:
        self._first = done.when if self._first is None else self._first
        self._last = max(self._last, done.when - self._first)  # boards at work side by side end in any order
        return results_eembc.log_entry(done.entry, self._session.task, done.piece, self._last)

    def results(self, done: Sequence[Done], top1: str | None, auc: str | None, text: str) -> str:
        if top1 is not None and auc is not None:
            return results_eembc.accuracy_results(top1, auc, self._last)
        return results_eembc.performance_results([d.entry for d in done], self._last)

    def third(self, done: Sequence[Done]) -> tuple[str, str]:
        return "script.async", results_eembc.script([(d.piece, d.entry) for d in done], self._session.task)

    def tail(self, text: str) -> list[str]:
        return results_eembc.log_tail(self._started, self._last)


RUN_FILES: Mapping[Layout, Callable[[Session], RunFiles]] = MappingProxyType({"mlc": _MlcFiles, "eembc": _EembcFiles})
"""By layout."""
