# SPDX-License-Identifier: Apache-2.0
"""Tasks that are run in a way of their own, by name: the entry point for streams of audio."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from smidgen.mlperf.bench import Outcome
from smidgen.mlperf.results_types import Mode
from smidgen.mlperf.tasks import Task


class SpecialRun(Protocol):
    """Runs a task in one mode and writes its files into ``folder``."""

    def __call__(self, task: Task, mode: Mode, folder: Path) -> Outcome: ...


SPECIAL_RUNS: Mapping[str, SpecialRun] = MappingProxyType({})
