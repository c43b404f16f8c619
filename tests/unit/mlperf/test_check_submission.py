# SPDX-License-Identifier: Apache-2.0
"""The submission checker: a right tree passes, each rule broken is found, nothing malformed makes it fail."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from smidgen.errors import UsageError
from smidgen.mlperf.submission.checker import Report, check
from smidgen.mlperf.submission.rules import RULES
from smidgen.mlperf.submission.summary import final_report, summary_csv
from tests.submission_trees import (
    SYSTEM,
    TOP,
    Files,
    data_set,
    description,
    eembc_performance,
    energyrunner_tree,
    python_performance,
    small_python_tree,
    write_tree,
)

_SYSTEMS = "closed/acme/systems"


def _checked(root: Path, files: Files, round_name: str = "v1.3") -> Report:
    return check(write_tree(root, files), round_name)


@pytest.mark.parametrize("tree", [small_python_tree, energyrunner_tree])
def test_a_right_tree_has_nothing_to_find(tmp_path: Path, tree: Callable[[], Files]) -> None:
    report = _checked(tmp_path, tree())
    assert not report.findings
    assert report.results
    assert all(r.counts for r in report.results)
    ic = report.results[0]
    assert (ic.windows, ic.accuracy, ic.accuracy_recomputed) == (5, 90.0, 90.0)
    assert ic.energy == pytest.approx(ic.energy_recomputed, rel=1e-6)


def _swap(path: str, old: str, new: str) -> Callable[[Files], None]:
    def change(files: Files) -> None:
        assert old.encode() in files[path], (path, old)
        files[path] = files[path].replace(old.encode(), new.encode())

    return change


def _drop(*paths: str) -> Callable[[Files], None]:
    def change(files: Files) -> None:
        for path in [p for p in files if p.startswith(paths)]:
            del files[path]

    return change


def _put(path: str, data: bytes = b"x") -> Callable[[Files], None]:
    def change(files: Files) -> None:
        files[path] = data

    return change


def _move(old: str, new: str) -> Callable[[Files], None]:
    def change(files: Files) -> None:
        for path in [p for p in files if p.startswith(old)]:
            files[new + path.removeprefix(old)] = files.pop(path)

    return change


def _all(mode: str, made: Files) -> Callable[[Files], None]:
    return lambda files: files.update({f"{TOP}/ic/{mode}/{n}": d for n, d in made.items()})


def _old_images(files: Files) -> None:
    """Files renamed to those of the set of v0.5, labels as there."""
    from smidgen.mlperf.submission.labels import label_table

    old = list(label_table("ic-v0.5"))
    for name in ("log.txt", "results.json"):
        text = files[f"{TOP}/ic/accuracy/{name}"].decode()
        for (new, _), other in zip(data_set("ic"), old, strict=True):
            text = text.replace(f" {new} ", f" {other} ").replace(f'"{new}"', f'"{other}"')
        files[f"{TOP}/ic/accuracy/{name}"] = text.encode()


def _alternative_recordings(files: Files) -> None:
    """ad with 72 files of one inference each: too few inferences, but the second list by its names."""
    _move(f"{TOP}/ic/", f"{TOP}/ad/")(files)
    entries = [
        {
            "file": f"{kind}_id_01_{i:08}_hist_librosa.bin", "class": str(int(kind == "anomaly")),
            "infer": {"results": [float(i)], "iterations": 1, "warmups": 0}, "mode": "a",
        }
        for i in range(36) for kind in ("normal", "anomaly")
    ]  # fmt: skip
    files[f"{TOP}/ad/accuracy/results.json"] = json.dumps(entries).encode()


def _append(path: str, text: str) -> Callable[[Files], None]:
    def change(files: Files) -> None:
        files[path] += text.encode()

    return change


_PERFORMANCE, _ACCURACY, _ENERGY = (f"{TOP}/ic/{m}/results.txt" for m in ("performance", "accuracy", "energy"))
_SWW = f"{TOP}/sww/energy/results.txt"
_LOG = f"{TOP}/ic/performance/log.txt"
_JSON = f"{_SYSTEMS}/{SYSTEM}.json"

_DRAFT = f"{_SYSTEMS}/checklist.md"

_PY, _ER = small_python_tree, energyrunner_tree

BROKEN: dict[str, tuple[Callable[[], Files], Callable[[Files], None]]] = {
    "nothing-here": (_PY, _drop("closed/")),
    "division-folder": (_PY, _put("cloesd/acme/results/x/ic/a")),
    "no-results": (_PY, _put("closed/other/code/a.c")),
    "not-a-folder": (_PY, _put(f"{TOP}/kws")),
    "stray-file": (_PY, _put(f"{TOP}/notes.txt")),
    "hidden-file": (_PY, _put(f"{TOP}/ic/accuracy/._log.txt")),
    "space-in-name": (_PY, _put("closed/acme/code/read me")),
    "odd-name": (_PY, _put("closed/acme/code/a\tb")),
    "pycache": (_PY, _put("closed/acme/code/__pycache__/a.pyc")),
    "layout-nested": (_PY, _move(TOP, "closed/acme/results/vendor/" + SYSTEM)),
    "benchmark-name": (_PY, _move(f"{TOP}/ic/", f"{TOP}/image_classification/")),
    "mode-missing": (_PY, _drop(f"{TOP}/ic/accuracy")),
    "mode-folder": (_PY, _put(f"{TOP}/ic/power/log.txt")),
    "file-missing": (_PY, _drop(_LOG)),
    "file-extra": (_PY, _put(f"{TOP}/ic/accuracy/notes.txt")),
    "file-name": (_PY, _move(_PERFORMANCE, f"{TOP}/ic/performance/performance_results.txt")),
    "file-empty": (_PY, _put(_LOG, b"")),
    "file-broken": (_PY, _put(f"{TOP}/ic/performance/results.json", b"[{]")),
    "runner-marker": (_ER, _drop(f"{TOP}/ic/EEMBC_RUNNER")),
    "code-missing": (_PY, _drop("closed/acme/code")),
    "checklist-missing": (_PY, _drop(f"{_SYSTEMS}/TinyMLPerf")),
    "checklist-format": (_PY, _move(f"{_SYSTEMS}/TinyMLPerf_v1.3_Submission_Checklist.pdf", _DRAFT)),
    "checklist-unfinished": (_PY, _put(f"{_SYSTEMS}/checklist.md", b"a\nTO FILL\n")),
    "hookup-missing": (_PY, _drop(f"{_SYSTEMS}/Energy-Hookup")),
    "system-missing": (_PY, _move(_JSON, f"{_SYSTEMS}/Board-One.json")),
    "system-broken": (_PY, _put(_JSON, b'{"Status": ')),
    "system-status": (_PY, _put(_JSON, description(Status="Shipping"))),
    "system-type": (_PY, _put(_JSON, description(system_type="mcu"))),
    "system-key-missing": (_PY, _swap(_JSON, '"SoC Name": "something",', "")),
    "system-key-unknown": (_PY, _put(_JSON, description(Software="C"))),
    "system-value-type": (_PY, _put(_JSON, description(**{"Software Libraries": ["a", "b"]}))),
    "system-value-empty": (_PY, _put(_JSON, description(**{"Board Name": ""}))),
    "system-unfinished": (_PY, _put(_JSON, description(**{"SoC Name": "TO FILL"}))),
    "system-division": (_PY, _put(_JSON, description(Division="Open"))),
    "system-submitter": (_PY, _put(_JSON, description(Submitter="emca"))),
    "system-unused": (_PY, _put(f"{_SYSTEMS}/board_two.json", description())),
    "modelled": (_PY, _all("performance", python_performance("ic", board="modelled board"))),
    "no-median": (_PY, _swap(_PERFORMANCE, "Median throughput", "Middle throughput")),
    "windows": (_PY, _all("performance", python_performance("ic", (11.0, 11.0, 11.0, 11.0)))),
    "window-too-short": (_PY, _all("performance", python_performance("ic", (9.999, 11.0, 11.0, 11.0, 11.0)))),
    "window-too-few": (_PY, _all("performance", python_performance("ic", n=9))),
    "median-printed": (_PY, _swap(_PERFORMANCE, "is      4.717", "is      4.718")),
    "median-log": (_ER, _swap(_PERFORMANCE, "is 4.673", "is 4.675")),
    "windows-log": (_ER, _swap(_PERFORMANCE, "10.700 sec", "10.600 sec")),
    "runner-error": (_ER, _append(_PERFORMANCE, "00094.431 ulp-mlperf: e-[The run must take at least 10 seconds]\n")),
    "wrong-mode": (_ER, _swap(_LOG, "m-timestamp-mode-performance", "m-timestamp-mode-energy")),
    "wrong-model": (_PY, _swap(_LOG, "retrieved: ic01", "retrieved: kws01")),
    "wrong-vendor": (_PY, _swap(_LOG, "retrieved: acme", "retrieved: emca")),
    "same-inputs": (_PY, _swap(_LOG, data_set("ic")[1][0], data_set("ic")[0][0])),
    "script-log": (_ER, _swap(f"{TOP}/ic/performance/script.async", "infer 50 1", "infer 60 1")),
    "build-mismatch": (_PY, _swap(f"{TOP}/ic/performance/results.json", "0.9,", "0.8,")),
    "dataset-old": (_PY, _old_images),
    "dataset-alternative": (_PY, _alternative_recordings),
    "dataset-unknown": (_PY, _swap(f"{TOP}/ic/accuracy/results.json", data_set("ic")[7][0], "cat.bin")),
    "no-accuracy": (_PY, _swap(_ACCURACY, "Top 1% =", "Top one =")),
    "target-missed": (_PY, _swap(_ACCURACY, "= 90.0", "= 84.9")),
    "accuracy-log": (_PY, _swap(_ACCURACY, "= 90.0", "= 90.5")),
    "accuracy-unchecked": (_ER, _swap(f"{TOP}/ic/accuracy/log.txt", data_set("ic")[7][0], "cat.bin")),
    "inputs-missing": (_PY, lambda f: _shorten(f, f"{TOP}/ic/accuracy/results.json")),
    "accuracy-iterations": (_PY, _swap(f"{TOP}/ic/accuracy/results.json", '"iterations": 1', '"iterations": 2')),
    "no-energy": (_PY, _swap(_ENERGY, "Median energy cost", "Middle energy cost")),
    "energy-printed": (_PY, _swap(_ENERGY, "is 7560.0000", "is 7561.0000")),
    "trace-missing": (_ER, _drop(f"{TOP}/ic/energy/trace1-energy.bin")),
    "trace-broken": (_ER, _put(f"{TOP}/ic/energy/trace1-energy.bin", b"\xf1abc")),
    "energy-trace": (_ER, _swap(_ENERGY, "342400.000 uJ", "342300.000 uJ")),
    "energy-speed": (_ER, _all("performance", eembc_performance("ic", 12.0))),
    "sww-lines": (_PY, _swap(_SWW, "Average duty cycle", "Duty")),
    "sww-words": (_PY, _swap(_SWW, "46 True", "45 True")),
    "sww-recomputed": (_PY, _swap(_SWW, "2 False positives", "1 False positives")),
}  # fmt: skip

ELSEWHERE = {
    "unreadable",
    "symlink",
    "file-too-large",
    "special-file",
    "empty-folder",
    "ic2-without-ic",
    "runner-not-accepted",
}
"""Rules with tests of their own below."""


def _shorten(files: Files, path: str) -> None:
    files[path] = json.dumps(json.loads(files[path])[:-1]).encode()


def test_every_rule_has_a_test() -> None:
    assert {r.name for r in RULES} == BROKEN.keys() | ELSEWHERE
    assert not BROKEN.keys() & ELSEWHERE


@pytest.mark.parametrize("rule", sorted(BROKEN))
def test_a_broken_rule_is_found(tmp_path: Path, rule: str) -> None:
    tree, change = BROKEN[rule]
    files = tree()
    change(files)
    found = _checked(tmp_path, files).findings
    assert rule in {f.rule for f in found}
    assert all(f.what and f.why and f.remedy for f in found)


def test_findings_name_the_line(tmp_path: Path) -> None:
    files = small_python_tree()
    _swap(_ACCURACY, "= 90.0", "= 84.9")(files)
    missed = next(f for f in _checked(tmp_path, files).findings if f.rule == "target-missed")
    assert missed.place == f"{_ACCURACY}:1"
    assert "84.9 is under the target of 85" in missed.what


def test_the_printed_value_counts_not_the_computed_one(tmp_path: Path) -> None:
    """85.0 printed is enough, whatever was rounded."""
    files = small_python_tree()
    _swap(_ACCURACY, "= 90.0", "= 85.0")(files)
    assert "target-missed" not in {f.rule for f in _checked(tmp_path, files).findings}


def test_open_division_has_no_target(tmp_path: Path) -> None:
    files = {p.replace("closed/", "open/", 1): d for p, d in small_python_tree().items()}
    files[_JSON.replace("closed", "open")] = description(Division="open")
    _swap(_ACCURACY.replace("closed", "open"), "= 90.0", "= 50.0")(files)
    report = _checked(tmp_path, files)
    assert {f.severity for f in report.findings if f.rule == "target-missed"} == {"note"}
    assert all(r.counts for r in report.results)


def test_operating_system_may_have_its_space(tmp_path: Path) -> None:
    files = small_python_tree()
    _swap(_JSON, '"Operating System"', '"Operating System "')(files)
    assert not _checked(tmp_path, files).findings


def test_things_that_are_no_plain_files(tmp_path: Path) -> None:
    write_tree(tmp_path, small_python_tree())
    code = tmp_path / "closed/acme/code"
    (code / "loop").symlink_to("..")
    (code / "empty").mkdir()
    os.mkfifo(code / "pipe")
    with (code / "large").open("wb") as f:
        f.truncate(501 * 1024 * 1024)
    deep = code
    for _ in range(70):
        deep /= "d"
    deep.mkdir(parents=True)
    report = check(tmp_path, "v1.3")
    found = {f.rule for f in report.findings}
    assert {"symlink", "empty-folder", "special-file", "file-too-large", "unreadable"} <= found
    assert not any(r.counts for r in report.results)


def test_rounds_differ(tmp_path: Path) -> None:
    files = energyrunner_tree() | {p.replace("/ic/", "/ic2/"): d for p, d in energyrunner_tree().items()}
    assert "benchmark-name" in {f.rule for f in _checked(tmp_path, files).findings}
    later = {f.rule for f in check(tmp_path, "v1.4").findings}
    assert "runner-not-accepted" in later
    assert "benchmark-name" not in later
    assert "ic2-without-ic" not in later
    for name in [*(tmp_path / TOP / "ic").rglob("*.*"), tmp_path / TOP / "ic/EEMBC_RUNNER"]:
        name.unlink()
    for mode in ("accuracy", "performance", "energy", "."):
        (tmp_path / TOP / "ic" / mode).rmdir()
    assert "ic2-without-ic" in {f.rule for f in check(tmp_path, "v1.4").findings}


def test_summary_is_that_of_the_official_checker(tmp_path: Path) -> None:
    report = _checked(tmp_path, small_python_tree())
    rows = list(csv.DictReader(io.StringIO(summary_csv(report))))
    assert [(r["Model"], r["Result"], r["Accuracy"], r["Power"], r["PowerUnit"]) for r in rows] == [
        ("ic", "4.717", "90.0", "7560.0", "uJ/inf."),
        ("sww", "62.5", str(2 * 46 / (2 * 46 + 2 + 4)), "25.0", "mW"),
    ]
    assert rows[1]["DutyCycle"] == "0.5"
    row = final_report(report)[0]
    assert (row.id, row.latency_ms["ic"], row.energy["sww"]) == ("1.3-0001", pytest.approx(1e3 / 4.717), 25.0)


def test_only_what_is_asked_for(tmp_path: Path) -> None:
    write_tree(tmp_path, small_python_tree())
    assert len(check(tmp_path, "v1.3", submitter="acme", division="closed").results) == 2
    assert not check(tmp_path, "v1.3", submitter="nobody").results
    with pytest.raises(UsageError, match="unknown round"):
        check(tmp_path, "v9")
    with pytest.raises(UsageError, match="is not a folder"):
        check(tmp_path / "absent", "v1.3")
    with pytest.raises(UsageError, match="folder"):
        check(Path("a\0b"), "v1.3")
