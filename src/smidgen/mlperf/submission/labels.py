# SPDX-License-Identifier: Apache-2.0
"""What the official inputs are labelled, by their file names: a log of EnergyRunner does not say.

labels.csv: from y_labels.csv of ic01 and vww01 in github.com/eembc/energyrunner, and for the balanced 200 images that
ic has used since v0.7 from results.json of tiny_results_v1.3. Names of kws and ad files end in, or begin with, theirs.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

from smidgen.mlperf.tasks import TASKS, Task

DataSet = Literal["official", "old images", "alternative list", "unknown"]

_KWS = re.compile(r"tst_\d{6}_[A-Za-z]+_(\d{1,2})\.bin")
_AD = re.compile(r"(normal|anomaly)_id_\d\d_\d{8}_hist_librosa\.bin")

ALTERNATIVE_FILES = 72
"""Recordings in ad's second list, y_labels_alt.csv: 36 normal, 36 anomalous."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """Which data set file names belong to, and the label of each that it knows."""

    data_set: DataSet
    labels: Mapping[str, int]


@cache
def _tables() -> Mapping[str, Mapping[str, int]]:
    text = (resources.files("smidgen.mlperf.submission") / "labels.csv").read_text(encoding="utf-8")
    tables: dict[str, dict[str, int]] = {}
    for line in text.splitlines()[1:]:
        name, label, file = line.split(",")
        tables.setdefault(name, {})[f"{file}.bin"] = int(label)
    return tables


def label_table(name: str) -> Mapping[str, int]:
    """Labels by file of ic, ic-v0.5 or vww, in the data set's order."""
    return _tables()[name]


def label_files(task: Task, files: Collection[str]) -> Labelled:
    """Recognise the data set of a task by its files."""
    if task.name in ("ic", "ic2"):
        return _images(files)
    if task.name == "vww":
        table = _tables()["vww"]
    elif task.name == "kws":
        table = {f: int(m.group(1)) for f in files if (m := _KWS.fullmatch(f))}
    elif task.name == "ad":
        table = {f: int(m.group(1) == "anomaly") for f in files if (m := _AD.fullmatch(f))}
        if len(table) == len(files) == ALTERNATIVE_FILES and sum(table.values()) * 2 == ALTERNATIVE_FILES:
            return Labelled("alternative list", table)
    else:
        table = {}
    return Labelled("official" if all(f in table for f in files) else "unknown", table)


def _images(files: Collection[str]) -> Labelled:
    new, old = _tables()["ic"], _tables()["ic-v0.5"]
    if all(f in new for f in files):
        return Labelled("official", new)
    if all(f in old for f in files):
        return Labelled("old images", old)
    return Labelled("unknown", {**old, **new})


def expected_inferences(task: Task, data_set: DataSet) -> int:
    """How many inferences a whole accuracy run has."""
    files = ALTERNATIVE_FILES if data_set == "alternative list" else TASKS[task.name].files
    return files * task.inputs_per_file
