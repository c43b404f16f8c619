# SPDX-License-Identifier: Apache-2.0
"""The rounds of MLPerf Tiny: which benchmarks each has, and what it takes from which runner.

From MLPerfTiny_Rules.adoc of github.com/mlcommons/tiny (commit 1afd2c9), its tools/submission, and the
directory_structure.adoc of each github.com/mlcommons/tiny_results_v*.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from smidgen.mlperf.tasks import CLASSIC, TASKS, Task

LONG_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "anomaly_detection": "ad",
        "image_classification": "ic",
        "keyword_spotting": "kws",
        "visual_wake_words": "vww",
        "streaming_wakeword_detection": "sww",
    }
)
"""Names of benchmark folders that the checker of v1.0 maps, and only that one."""


@dataclass(frozen=True, slots=True)
class Round:
    """One round. ``python_runner`` and ``energy_runner``: whose results it takes; ``prefixed``: whether files may be
    called performance_log.txt (the text of v1.0 asks for it,
    its checker finds none such); ``old_images``: whether ic may be measured with the 200 images of v0.5.
    """

    name: str
    benchmarks: tuple[str, ...]
    energy_runner: bool = True
    python_runner: bool = False
    prefixed: bool = False
    long_names: bool = False
    old_images: bool = False
    fewer_recordings: bool = False

    def task(self, folder: str) -> Task | None:
        """The task that a benchmark's folder is called after; None for another name."""
        name = LONG_NAMES.get(folder, folder) if self.long_names else folder
        return TASKS[name] if name in self.benchmarks else None


ROUNDS: Mapping[str, Round] = MappingProxyType(
    {
        r.name: r
        for r in (
            Round("v0.5", CLASSIC, prefixed=True, long_names=True, old_images=True),
            Round("v0.7", CLASSIC, prefixed=True, long_names=True),
            Round("v1.0", CLASSIC, long_names=True),
            Round("v1.1", CLASSIC),
            Round("v1.2", CLASSIC, fewer_recordings=True),
            Round("v1.3", (*CLASSIC, "sww"), python_runner=True, fewer_recordings=True),
            Round("v1.4", (*CLASSIC, "ic2", "sww"), python_runner=True, energy_runner=False, fewer_recordings=True),
        )
    }
)
"""By name, oldest first."""

TO_FILL = "TO FILL"
"""What smidgen submit writes where only a human knows the answer."""

LATEST = "v1.4"
DIVISIONS = ("closed", "open")
CATEGORIES = ("available", "preview", "rdi")
WORDS = 50
"""Wakewords in the long recording of sww."""
