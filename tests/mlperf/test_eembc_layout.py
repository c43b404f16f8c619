# SPDX-License-Identifier: Apache-2.0
"""Files in the layout of EnergyRunner: what our readers find in them, and line by line as published ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from smidgen.errors import UsageError
from smidgen.mlperf.formats.results_files import read_folder
from smidgen.mlperf.formats.results_types import Mode
from smidgen.mlperf.runner.bench import Outcome, Run, run
from smidgen.mlperf.runner.datasets import DataSet, Sample, random_data_set
from smidgen.mlperf.runner.measure import Order
from smidgen.mlperf.tasks import TASKS
from tests.mlperf.peer import PeerOpener

_PUBLISHED = """\
ulp-mlperf: Performance results for window 2:
ulp-mlperf:   # Inferences :          258
ulp-mlperf:   Runtime      :       10.320 sec.
ulp-mlperf:   Throughput   :       25.000 inf./sec.
ulp-mlperf: Runtime requirements have been met.
"""


def _run(folder: Path, task: str, mode: Mode, count: int, **other: object) -> Outcome:
    drawn = random_data_set(TASKS[task], count)
    classes = max(TASKS[task].outputs, 2)
    samples = tuple(Sample(s.file, classes, i % classes) for i, s in enumerate(drawn.samples))
    data = DataSet(TASKS[task], "test", samples, drawn.read)
    fields = {
        "order": Order(TASKS[task], mode, warmups=1), "data": data, "opener": PeerOpener(task), "folder": folder / mode,
        "provenance": "measured", "baud": 115_200, "layout": "eembc",
    }  # fmt: skip
    return run(Run(**(fields | other)), lambda done, total: None, lambda text: None)  # type: ignore[arg-type]


def test_performance(tmp_path: Path) -> None:
    outcome = _run(tmp_path, "kws", "performance", 5)
    folder = tmp_path / "performance"
    assert sorted(p.name for p in folder.iterdir()) == ["log.txt", "results.txt", "script.async"]
    found = read_folder(folder)
    assert found.remarks == ()
    assert found.log is not None
    assert found.results is not None
    assert (found.log.layout, found.results.layout) == ("eembc", "eembc")
    assert (found.log.name, found.log.model_id) == ("peer", "kws01")
    assert [w.number for w in found.results.windows] == [2, 4, 6, 8, 10]
    assert all(w.requirements_met for w in found.results.windows)
    assert found.results.median_throughput is not None
    assert found.results.median_throughput.value == outcome.median_throughput == 25.0
    assert [(r.iterations, r.warmups, r.runtime_s) for r in found.log.runs] == [(258, 1, 10.32)] * 5
    assert len(found.log.stamps_us) == 11, "one for timestamp, two a window: the numbers of the windows"
    text = (folder / "results.txt").read_text()
    assert re.sub(r"(?m)^\d{5}\.\d{3} ", "", text).startswith(_PUBLISHED)
    script = (folder / "script.async").read_text()
    assert script.count("cmd: 'bload dut \"random_00000") == 5
    assert script.count("ms: 7840") == 5
    assert script.count("cmd: 'dut infer 258 1',\n        ms: -1,\n        ack: /dut.?: m-ready/") == 5


def test_a_short_window_says_so(tmp_path: Path) -> None:
    _run(tmp_path, "kws", "performance", 5, order=Order(TASKS["kws"], "performance", 9))
    text = (tmp_path / "performance/results.txt").read_text()
    assert text.count("e-[The run must take at least 10 seconds and 10 iterations to be valid]") == 5
    assert "Runtime requirements" not in text


def test_accuracy(tmp_path: Path) -> None:
    outcome = _run(tmp_path, "kws", "accuracy", 24)
    found = read_folder(tmp_path / "accuracy")
    assert found.remarks == ()
    assert found.results is not None
    assert found.log is not None
    assert found.results.top1 is not None
    assert found.results.auc is not None
    assert (found.results.top1.text, found.results.auc.text) == (outcome.top1, outcome.auc)
    assert len(found.log.runs) == 24
    assert all(r.results and len(r.results) == 12 for r in found.log.runs)


def test_windows_of_a_file(tmp_path: Path) -> None:
    """AD: where each input begins in its file, and how long it is."""
    _run(tmp_path, "ad", "accuracy", 2)
    script = (tmp_path / "accuracy/script.async").read_text()
    assert "_000001.bin\" 99840 2560',\n        ms: 1638400" in script
    assert script.count("bload") == 392
    found = read_folder(tmp_path / "accuracy")
    assert found.log is not None
    assert len(found.log.runs) == 392


def test_another_layout_when_resumed(tmp_path: Path) -> None:
    _run(tmp_path, "kws", "performance", 5, layout="mlc")
    assert (tmp_path / "performance/results.json").exists()
    _run(tmp_path, "kws", "performance", 5, resume=True)
    assert not (tmp_path / "performance/results.json").exists()
    assert not read_folder(tmp_path / "performance").remarks


def test_energy_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="its trace is one recording"):
        _run(tmp_path, "kws", "energy", 5)
