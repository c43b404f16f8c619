# SPDX-License-Identifier: Apache-2.0
"""smidgen check-submission and smidgen submit, as typed."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

from tests.submission_trees import TOP, python_accuracy, python_performance, python_tree, write_tree
from tests.unit.cli.conftest import Smidgen


def test_check_submission_counts_errors(smidgen: Smidgen, own_folder: Path) -> None:
    files = python_tree()
    write_tree(own_folder / "tree", files)
    good = smidgen("check-submission", "tree", "--round", "v1.3", "--strict", "--csv", "s.csv", "--report", "r.csv")
    assert good.code == 0
    assert "1 results, 1 count for the official checker; 0 errors" in good.out
    summary, report = (list(csv.DictReader((own_folder / f).read_text().splitlines())) for f in ("s.csv", "r.csv"))
    assert [r["Model"] for r in summary] == ["ic"]
    assert [r["Result ic"][:5] for r in report] == ["211.9"]
    (own_folder / "tree" / TOP / "ic/accuracy/._x").write_bytes(b"x")
    assert smidgen("check-submission", "tree", "--round", "v1.3").code == 0
    strict = smidgen("check-submission", "tree", "--round", "v1.3", "--strict")
    assert strict.code == 1
    assert f"{TOP}/ic/accuracy/._x: warning:" in strict.out


def test_check_submission_json(smidgen: Smidgen, own_folder: Path) -> None:
    write_tree(own_folder, python_tree())
    (own_folder / TOP / "ic/performance/results.txt").write_text("nothing\n")
    result = smidgen("check-submission", ".", "--round", "v1.3", "--json")
    assert result.code == 1
    found = next(f for f in result.json["findings"] if f["rule"] == "no-median")
    assert found["severity"] == "error"
    assert found["official"] is True
    assert found["path"] == f"{TOP}/ic/performance/results.txt"
    assert result.json["results"][0]["counts"] is False


def test_check_submission_of_nothing(smidgen: Smidgen, own_folder: Path) -> None:
    result = smidgen("check-submission", "absent")
    assert result.code == 2
    assert "is not a folder" in result.err
    (own_folder / "empty").mkdir()
    assert smidgen("check-submission", "empty").code == 1


def test_many_findings_of_a_rule_are_one(smidgen: Smidgen, own_folder: Path) -> None:
    write_tree(own_folder, python_tree() | {f"{TOP}/ic/performance/.{i:03}": b"" for i in range(180)})
    result = smidgen("check-submission", ".", "--round", "v1.3", "--strict")
    lines = [line for line in result.out.splitlines() if "/ic/performance/." in line]
    shown = {line.split(":")[0].strip() for line in lines}
    assert shown == {f"{TOP}/ic/performance/.{i:03}" for i in range(3)}
    assert "180 times" in result.out
    assert "... and 177 more (--all)" in result.out
    every = smidgen("check-submission", ".", "--round", "v1.3", "--all")
    assert all(f"{TOP}/ic/performance/.{i:03}: " in every.out for i in range(180))


def test_check_submission_says_whose_results_are_missing(smidgen: Smidgen, own_folder: Path) -> None:
    write_tree(own_folder, python_tree())
    result = smidgen("check-submission", ".", "--division", "open", "--submitter", "nobody\x1b")
    assert "no results of nobody\\x1b in open/" in result.out


def test_submit(smidgen: Smidgen, own_folder: Path) -> None:
    for mode, files in (("performance", python_performance("ic")), ("accuracy", python_accuracy("ic"))):
        write_tree(own_folder / "run/ic" / mode, files)
    arguments = ("submit", "run", "--org", "acme", "--system", "one", "-o", "tree", "-t", "nucleo-l4r5zi")
    result = smidgen(*arguments, "--set", "SoC Name=STM32L4R5ZI", "--json")
    assert result.code == 0
    assert result.json["check"]["results"][0]["counts"] is True
    described = json.loads((own_folder / "tree/closed/acme/systems/one.json").read_text())
    assert described["SoC Name"] == "STM32L4R5ZI"
    assert smidgen(*arguments).code == 1
    assert smidgen(*arguments, "--update", "--strict").code == 1
    assert smidgen("submit", "run").code == 2


def test_submit_template_is_toml(smidgen: Smidgen, own_folder: Path) -> None:
    result = smidgen("submit", "--template")
    assert result.code == 0
    assert "[checklist]" in result.out


def test_details_that_are_no_file(smidgen: Smidgen, own_folder: Path) -> None:
    write_tree(own_folder / "run/ic/performance", python_performance("ic"))
    os.mkfifo(own_folder / "pipe")  # which nobody writes to: reading it would last for ever
    arguments = ("submit", "run", "--org", "acme", "--system", "one", "-o", "tree", "--details")
    for name, says in (("pipe", "no regular file"), (".", "no regular file"), ("absent", "No such file")):
        result = smidgen(*arguments, name)
        assert result.code == 1
        assert says in result.err
