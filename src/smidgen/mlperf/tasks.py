# SPDX-License-Identifier: Apache-2.0
"""The benchmark's tasks: what a device is fed, what it answers with, and how good the answer must be.

Facts are from MLPerfTiny_Rules.adoc and benchmark/runner of github.com/mlcommons/tiny (commit 1afd2c9), and from the
label files of github.com/eembc/energyrunner.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from smidgen.errors import UsageError

InputFormat = Literal["int8", "rgb8", "float32", "audio"]


@dataclass(frozen=True, slots=True)
class Window:
    """How a file is cut into inputs: ``nbytes`` a piece, every ``stride_bytes``."""

    nbytes: int
    stride_bytes: int


@dataclass(frozen=True, slots=True)
class Task:
    """One benchmark. ``file_bytes`` is the size of a data set's file, ``input_bytes`` what the device is sent.

    ``format`` is that of the bytes sent: int8 as the model's input, rgb8 (uint8 RGB interleaved, minus 128 is the
    model's input where its zero point is -128), float32 little-endian, or audio (a 16 kHz stream; nothing is sent).
    ``target`` is the closed division's quality target for ``metric``, None for sww (see ``most_errors``).
    """

    name: str
    model_id: str
    title: str
    format: InputFormat
    file_bytes: int
    input_bytes: int
    input_shape: tuple[int, ...]
    outputs: int
    files: int
    metric: Literal["top1", "auc", "wakeword"]
    target: float | None
    window: Window | None = None
    most_errors: tuple[int, int] | None = None

    @property
    def inputs_per_file(self) -> int:
        """How many inferences one file of the data set takes."""
        if self.window is None:
            return 1
        return (self.file_bytes - self.window.nbytes) // self.window.stride_bytes + 1


_AD = Task(
    "ad", "ad01", "anomaly detection", "float32", 102_400, 2_560, (1, 640), 1, 248, "auc", 0.85,
    window=Window(2_560, 512),
)  # fmt: skip
_IC = Task("ic", "ic01", "image classification", "rgb8", 3_072, 3_072, (1, 32, 32, 3), 10, 200, "top1", 85.0)
_IC2 = Task("ic2", "ic02", "image classification, wide", "rgb8", 3_072, 3_072, (1, 32, 32, 3), 10, 200, "top1", 91.0)
_KWS = Task("kws", "kws01", "keyword spotting", "int8", 490, 490, (1, 49, 10, 1), 12, 1_000, "top1", 90.0)
_VWW = Task("vww", "vww01", "visual wake words", "rgb8", 27_648, 27_648, (1, 96, 96, 3), 2, 1_000, "top1", 80.0)
_SWW = Task(
    "sww", "sww01", "streaming wakeword", "audio", 76_800_044, 0, (1, 30, 1, 40), 3, 1, "wakeword", None,
    most_errors=(8, 8),
)  # fmt: skip

TASKS: Mapping[str, Task] = MappingProxyType({t.name: t for t in (_AD, _IC, _KWS, _VWW, _SWW, _IC2)})
"""By name: ad, ic, kws, vww, sww, ic2 (the wide network of v1.4, on the files of ic)."""

CLASSIC = ("ad", "ic", "kws", "vww")
"""The four tasks of every round."""


def task_of(model: str, named: str | None) -> Task:
    """The task named, else that of a zoo model. UsageError where neither tells what ``model`` is for."""
    known = named or model
    if known not in TASKS:
        raise UsageError(f"what {model} is for cannot be told: add --task, one of {', '.join(TASKS)}")
    return TASKS[known]
