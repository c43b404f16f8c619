# SPDX-License-Identifier: Apache-2.0
"""Building a submission tree: complete, honest about what is modelled, and careful with what lies there."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from smidgen.errors import InvalidInput, OutputError, UsageError
from smidgen.mlperf.submission.build import Plan, build, read_code
from smidgen.mlperf.submission.checker import Report, check
from smidgen.mlperf.submission.checklist import QUESTIONS
from smidgen.mlperf.submission.collect import collect
from smidgen.mlperf.submission.description import Details, parse_settings, read_details, template
from smidgen.mlperf.submission.system import KEYS, WATERMARK
from smidgen.targets import load_target
from tests.submission_trees import python_accuracy, python_energy, python_performance, write_tree

_DETAILS = Details(dict.fromkeys(KEYS[3:], "said"), {q.name: "answered" for q in QUESTIONS})


def _runs(root: Path, board: str = "COM3", energy: bool = False) -> Path:
    modes = {"performance": python_performance("ic", board=board), "accuracy": python_accuracy("ic")}
    if energy:
        modes["energy"] = python_energy("ic")
    return write_tree(
        root, {f"ic/{mode}/{name}": data for mode, files in modes.items() for name, data in files.items()}
    )


def _plan(runs: Path, **changes: object) -> Plan:
    plan = Plan("acme", "board_one", "v1.4", "closed", "available", collect(runs), load_target("nucleo-l4r5zi"))
    return replace(plan, **changes)  # type: ignore[arg-type]  # each is of its field's type


def _rules(report: Report, severity: str = "error") -> set[str]:
    return {f.rule for f in report.findings if f.severity == severity}


def test_a_tree_with_all_answers_has_no_errors(tmp_path: Path) -> None:
    plan = _plan(_runs(tmp_path / "runs"), details=_DETAILS, code={"README.md": b"all of it", "ic/a.c": b"int x;"})
    built = build(plan, tmp_path / "tree")
    assert not _rules(built.report)
    assert not built.to_fill
    assert [(r.benchmark, r.accuracy, r.counts) for r in built.report.results] == [("ic", 90.0, True)]
    again = check(tmp_path / "tree", "v1.4")
    assert again == built.report


def test_what_nobody_knows_is_to_fill(tmp_path: Path) -> None:
    built = build(_plan(_runs(tmp_path / "runs", energy=True)), tmp_path / "tree")
    assert {"checklist-unfinished", "system-unfinished", "hookup-missing"} == _rules(built.report)
    assert "SoC Name" in built.to_fill
    described = json.loads((tmp_path / "tree/closed/acme/systems/board_one.json").read_text())
    assert len(described) == 34
    assert described["Processor(s) Frequencies"] == "120 MHz"
    assert described["Operating System "] == described["Operating System"]
    text = (tmp_path / "tree/closed/acme/systems/TinyMLPerf_v1.4_Submission_Checklist.md").read_text()
    assert "| board_one | ic | top-1 | 90 | 85 | yes |" in text
    assert all(q.text in text for q in QUESTIONS)
    assert WATERMARK not in text


def test_modelled_results_are_never_measured_ones(tmp_path: Path) -> None:
    runs = _runs(tmp_path / "runs", board="modelled board")
    with pytest.raises(UsageError, match=r"virtual board.*--rehearsal"):
        build(_plan(runs), tmp_path / "tree")
    assert not (tmp_path / "tree").exists()
    built = build(_plan(runs, rehearsal=True, details=_DETAILS), tmp_path / "tree")
    assert "modelled" in _rules(built.report)
    described = json.loads((tmp_path / "tree/closed/acme/systems/board_one.json").read_text())
    assert described["Hardware Notes"] == f"{WATERMARK}. said"
    assert all(WATERMARK in p.read_text() for p in (tmp_path / "tree").rglob("*Checklist*"))
    assert WATERMARK in (tmp_path / "tree/closed/acme/REHEARSAL.md").read_text()
    opened = build(_plan(runs, division="open", status="rdi"), tmp_path / "open")
    assert "modelled" in _rules(opened.report)


def test_an_existing_tree_is_kept_unless_updated(tmp_path: Path) -> None:
    plan, tree = _plan(_runs(tmp_path / "runs")), tmp_path / "tree"
    build(plan, tree)
    with pytest.raises(OutputError, match="--update"):
        build(plan, tree)
    checklist = tree / "closed/acme/systems/TinyMLPerf_v1.4_Submission_Checklist.md"
    checklist.write_text("all answered")
    (tree / "closed/acme/systems/Energy-Hookup.pdf").write_bytes(b"%PDF")
    for _ in range(2):  # what was kept once is kept again
        built = build(plan, tree, update=True)
        assert sorted(p.rpartition("/")[2] for p in built.kept) == ["Energy-Hookup.pdf", checklist.name]
        assert checklist.read_text() == "all answered"


def test_a_second_system_joins_the_first(tmp_path: Path) -> None:
    plan, tree = _plan(_runs(tmp_path / "runs"), code={"ic/a.c": b"1"}), tmp_path / "tree"
    build(plan, tree)
    built = build(replace(plan, system="board_two", code={}), tree, update=True)
    assert [r.system for r in built.report.results] == ["board_one", "board_two"]
    assert (tree / "closed/acme/code/ic/a.c").read_bytes() == b"1"
    text = (tree / "closed/acme/systems/TinyMLPerf_v1.4_Submission_Checklist.md").read_text()
    assert "board_one, board_two" in text


def test_a_run_again_replaces_its_results(tmp_path: Path) -> None:
    plan, tree = _plan(_runs(tmp_path / "runs", energy=True)), tmp_path / "tree"
    build(plan, tree)
    build(replace(plan, runs=collect(_runs(tmp_path / "again"))), tree, update=True)
    assert not (tree / "closed/acme/results/board_one/ic/energy").exists()


def test_folders_of_others_are_left_alone(tmp_path: Path) -> None:
    plan, tree = _plan(_runs(tmp_path / "runs")), tmp_path / "tree"
    tree.mkdir()
    (tree / "mine").write_text("x")
    with pytest.raises(OutputError, match="not made by smidgen submit"):
        build(plan, tree, update=True)
    assert [p.name for p in tree.iterdir()] == ["mine"]
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="is not a folder"):
        build(plan, tmp_path / "file")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"submitter": "a b"}, "--org"),
        ({"system": "../x"}, "--system"),
        ({"system": ""}, "--system"),
    ],
)
def test_names_make_folders(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build(_plan(_runs(tmp_path / "runs"), **changes), tmp_path / "tree")


def test_a_round_without_the_benchmark(tmp_path: Path) -> None:
    runs = _runs(tmp_path / "runs")
    (runs / "ic").rename(runs / "ic2")
    with pytest.raises(UsageError, match=r"v1\.3 has no benchmark ic2"):
        build(_plan(runs, round="v1.3"), tmp_path / "tree")


def test_runs_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="holds no results"):
        collect(tmp_path)
    runs = _runs(tmp_path / "runs")
    (runs / "ic/performance/results.txt").unlink()
    with pytest.raises(InvalidInput, match="not finished"):
        collect(runs)


def test_journals_and_the_like_are_left_out(tmp_path: Path) -> None:
    runs = _runs(tmp_path / "runs")
    (runs / "ic/performance.journal").write_text("x")
    (runs / "ic/accuracy/notes").write_text("x")
    found = collect(runs)
    assert sorted(found.left_out) == ["ic/accuracy/notes", "ic/performance.journal"]
    assert not found.modelled


def test_details_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "details.toml"
    path.write_text(template())
    empty = read_details(path)
    assert not any({**empty.description, **empty.checklist}.values())
    assert tomllib.loads(template()).keys() == {"description", "checklist"}
    path.write_text('[description]\n"SoC Nme" = "x"')
    with pytest.raises(UsageError, match="did you mean 'SoC Name'"):
        read_details(path)
    path.write_text('[description]\n"SoC Name" = 3')
    with pytest.raises(InvalidInput, match="is not text"):
        read_details(path)
    path.write_text("[description")
    with pytest.raises(InvalidInput, match="cannot be read as TOML"):
        read_details(path)
    assert parse_settings(("SoC Name=a=b",)) == {"SoC Name": "a=b"}
    with pytest.raises(UsageError, match="KEY=VALUE"):
        parse_settings(("SoC Name",))


def test_an_empty_value_is_not_an_answer(tmp_path: Path) -> None:
    path = tmp_path / "details.toml"
    path.write_text(template())
    built = build(_plan(_runs(tmp_path / "runs"), details=read_details(path)), tmp_path / "tree")
    assert "SoC Name" in built.to_fill
    described = json.loads((tmp_path / "tree/closed/acme/systems/board_one.json").read_text())
    assert described["Board Name"] == load_target("nucleo-l4r5zi").title


def test_code_is_read_whole(tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "fw", {"a.c": b"1", "sub/b.c": b"2", ".smidgen": b""})
    assert read_code("ic", folder) == {"ic/fw/a.c": b"1", "ic/fw/sub/b.c": b"2"}
    (folder / "link").symlink_to("a.c")
    with pytest.raises(InvalidInput, match="cannot be submitted"):
        read_code("ic", folder)
    (tmp_path / "none").mkdir()
    with pytest.raises(InvalidInput, match="holds no code"):
        read_code("ic", tmp_path / "none")


def test_a_run_that_is_no_folder_is_told_what_a_run_is(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="smidgen bench -o"):
        collect(tmp_path / "nowhere")
