# SPDX-License-Identifier: Apache-2.0
"""Reading and writing log.txt, results.txt and results.json."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smidgen.mlperf.formats.results_files import read_folder
from smidgen.mlperf.formats.results_json import parse_results_json, results_json
from smidgen.mlperf.formats.results_log import parse_log
from smidgen.mlperf.formats.results_text import parse_results
from smidgen.mlperf.formats.results_types import Entry, Power
from smidgen.mlperf.formats.results_write import (
    accuracy_results,
    energy_results,
    energy_window,
    log_entry,
    log_head,
    log_tail,
    performance_results,
)

_WHEN = datetime(2025, 7, 26, 1, 2, 45)


def _entry(elapsed: int = 10_862_042, **other: object) -> Entry:
    fields = {
        "file": "tst_000000_Stop_7.bin", "classes": 12, "label": 7, "mode": "p", "start_us": 114_879_046,
        "end_us": 114_879_046 + elapsed, "elapsed_us": elapsed, "iterations": 250, "warmups": 1, "total_inferences": 1,
        "throughput": 250 / (elapsed / 1e6), "results": (0.0, 0.996),
    }  # fmt: skip
    return Entry(**(fields | other))  # type: ignore[arg-type]  # the fields of an Entry


def test_performance_in_the_official_words() -> None:
    text = performance_results([_entry(), _entry(9_000_000), _entry(10_000_000)], _WHEN)
    lines = text.splitlines()
    assert lines[:5] == [
        "Performance results for window 1",
        "    # Inferences : 250",
        "    Runtime: 10.862042 sec.",
        "    Throughput: 23.01593015383295 inf./sec.",
        "    Runtime requirements have been met.",
    ]
    assert lines[-2] == "0726.010245 ulp-mlperf: Median throughput is     25.000 inf./sec."
    assert text.count("requirements have been met") == 1  # the runner asks for more than ten seconds
    read = parse_results(text)
    assert read.layout == "mlc"
    assert [w.requirements_met for w in read.windows] == [True, False, False]
    assert read.windows[0].runtime_s == 10.862042
    assert read.median_throughput is not None
    assert read.median_throughput.text == "25.000"
    assert not read.remarks


def test_accuracy_in_the_official_words() -> None:
    text = accuracy_results(90.25, 0.99456, _WHEN)
    assert text == "0726.010245 ulp-mlperf: Top 1% = 90.2\n0726.010245 ulp-mlperf: AUC = 0.995\n"
    read = parse_results(text)
    assert (read.top1 and read.top1.text, read.auc and read.auc.text) == ("90.2", "0.995")


def test_energy_in_the_official_words() -> None:
    power = Power((1e-5,) * 100 + (4e-5,) * 10_500 + (1e-5,) * 50, ((0, 3), (1, 100), (2, 10_600)), 3.0)
    window = energy_window(power, 250, 0)
    text = energy_results([window])
    assert text.splitlines()[1:7] == [
        "Energy data for trial 0",
        "  Elapsed time  : 10.5",
        "  Inferences    : 250",
        "  Power         : 40.0000 mW.",
        "  Total Energy  : 420000.000 uJ",
        "  Energy/Inf    : 1680.000 uJ/inf",
    ]
    read = parse_results(text)
    assert read.median_energy_uj is not None
    assert read.median_energy_uj.text == "1680.0000"
    assert read.energy_windows[0].power_uw == pytest.approx(40_000)
    assert "below minimum duration" in energy_results([energy_window(Power((1e-5,) * 99, ((0, 1), (1, 9))), 1, 0)])
    with pytest.raises(ValueError, match="1 edges"):
        energy_window(Power((1e-5,), ((0, 0),)), 1, 0)


_ENERGYRUNNER = """\
00035.227 session: m-session-start-id[20240311152711]
00035.751 parser: Command "dut profile"
00035.749 dut: m-model-[ad01]
00035.752 dut: m-lap-us-4294967000
00035.757 parser: Command "bload dut "C:\\sets\\ad01\\normal_1.bin" 512 2560"
00035.928 parser: Command "dut infer 10 1"
00035.980 dut: m-lap-us-4294967290
00048.941 dut: m-lap-us-10999994
00048.949 dut: m-results-[11.772]
00048.950 dut: m-ready
00101.616 ulp-mlperf: Performance results for window 2:
00101.616 ulp-mlperf:   # Inferences :           10
00101.616 ulp-mlperf:   Runtime      :       11.000 sec.
00101.616 ulp-mlperf:   Throughput   :        0.909 inf./sec.
00101.616 ulp-mlperf: Runtime requirements have been met.
00101.621 ulp-mlperf: Median throughput is 0.909 inf./sec.
00101.622 ulp-mlperf: Top-1: 85.0%
00101.622 ulp-mlperf: AUC: 0.99
"""


def test_energyrunners_log() -> None:
    log = parse_log(_ENERGYRUNNER)
    assert (log.layout, log.model_id, log.stamps_us[0]) == ("eembc", "ad01", 4_294_967_000)
    (run,) = log.runs
    assert (run.file, run.offset, run.iterations, run.warmups) == ("normal_1.bin", 512, 10, 1)
    assert run.runtime_s == 11.0  # across the counter's wrap
    assert run.results == (11.772,)
    assert log.summary.windows[0].inferences == 10
    assert log.summary.top1 is not None
    assert (log.summary.top1.text, log.summary.top1.line) == ("85.0", 17)


def test_our_log_reads_back() -> None:
    entries = [_entry(), _entry(11_000_000, file="b.bin")]
    lines = log_head("log.txt", "/dev/ttyACM0", 115_200, "us", "p", "kws01")
    for i, e in enumerate(entries, 1):
        lines += log_entry(e, i, 0, _WHEN)
    lines += log_tail(performance_results(entries, _WHEN), "log.txt")
    log = parse_log("\n".join(lines))
    assert (log.layout, log.name, log.model_id) == ("mlc", "us", "kws01")
    assert [(r.file, r.iterations, r.warmups, r.results) for r in log.runs] == [
        ("tst_000000_Stop_7.bin", 250, 1, (0.0, 0.996)),
        ("b.bin", 250, 1, (0.0, 0.996)),
    ]
    assert [r.runtime_s for r in log.runs] == [10.862, 11.0]
    assert len(log.summary.windows) == 2
    assert not log.remarks
    assert not log.summary.remarks


def test_json_reads_back() -> None:
    power = Power((1e-5, 2e-5), ((0, 1), (1, 2)), 3.0)
    entries = (
        _entry(),
        _entry(elapsed_us=None, mode="e", start_us=None, end_us=None, throughput=None, power=power),
        _entry(bytes_to_send=2560, stride=512, total_length=196),
    )
    text = results_json(entries)
    assert parse_results_json(text).entries == entries
    first = json.loads(text)[0]
    assert list(first) == ["file", "classes", "class", "bytes_to_send", "stride", "total_length", "infer", "mode"]
    assert (first["class"], first["bytes_to_send"]) == ("7", None)
    assert list(first["infer"])[:4] == ["start_time", "end_time", "results", "elapsed_time"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{}", "not a list"),
        ("[", "not JSON"),
        ("[" * 5000, "not a results.json"),
        ('[{"infer": 3}]', "infer is 3, not an object"),
        ('[{"infer": {"results": [1, "x"]}}]', "list of finite numbers"),
        ('[{"infer": {"iterations": NaN, "results": []}}]', "not a finite number"),
        ('[{"class": "seven", "infer": {"results": []}}]', "not a whole number"),
    ],
)
def test_malformed_json_is_a_remark(text: str, says: str) -> None:
    assert any(says in r.text for r in parse_results_json(text).remarks)


@given(st.text(max_size=300))
def test_no_text_raises(text: str) -> None:
    parse_results(text)
    parse_log(text)
    parse_results_json(text)


@given(st.integers(0, len(_ENERGYRUNNER)), st.characters(), st.integers(0, 40))
def test_no_mutation_raises(at: int, what: str, cut: int) -> None:
    mutated = _ENERGYRUNNER[:at] + what + _ENERGYRUNNER[at + cut :]
    parse_results(mutated)
    parse_log(mutated)


def test_remarks_name_lines() -> None:
    read = parse_results("Performance results for window 1\n  # Inferences : many\n    Runtime: 1.0 sec.\n")
    assert [(r.line, r.text) for r in read.remarks] == [
        (1, "window 1 has no throughput"),
        (2, "inferences is not a number: 'many'"),
    ]


def test_a_folder(tmp_path: Path) -> None:
    assert read_folder(tmp_path).results is None
    (tmp_path / "results.txt").write_bytes(b"\xff\xfe Top 1% = 9.9.9\n")
    (tmp_path / "results.json").write_text("[]")
    found = read_folder(tmp_path)
    assert found.json is not None
    assert [(name, r.line) for name, r in found.remarks] == [("results.txt", 1)]
