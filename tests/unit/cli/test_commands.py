# SPDX-License-Identifier: Apache-2.0
"""Help, examples, exit codes and the documented JSON of every command."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path

import click
import numpy as np
import pytest

from smidgen.cli import main as cli_main
from smidgen.cli.common import facts, plain
from smidgen.codegen.folder import write_file
from smidgen.errors import OutputError
from tests.unit.cli.conftest import Smidgen, everything_in, start

COMMANDS = cli_main._COMMANDS


def examples(text: str) -> list[list[str]]:
    return [shlex.split(line)[1:] for line in re.findall(r"^ +(smidgen .*)$", text[text.index("Example") :], re.M)]


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_has_examples_that_parse(command: str, smidgen: Smidgen) -> None:
    result = smidgen(*([command] if command else []), "--help")
    assert result.code == 0
    found = examples(result.out)
    assert found
    for arguments in found:
        target = cli_main.cli.get_command(click.Context(cli_main.cli), arguments[0])
        assert target is not None
        assert command in ("", arguments[0])
        target.make_context(arguments[0], arguments[1:])  # raises UsageError


def test_every_option_is_explained(smidgen: Smidgen) -> None:
    for name in COMMANDS:
        command = cli_main.cli.get_command(click.Context(cli_main.cli), name)
        assert command is not None
        assert command.help
        for option in command.params:
            assert not isinstance(option, click.Option) or option.help, (name, option.name)


def test_version(smidgen: Smidgen) -> None:
    assert re.search(r"\d+\.\d+\.\d+", smidgen("--version").out)


def test_compile_json(smidgen: Smidgen, own_folder: Path) -> None:
    report = smidgen("compile", "kws", "-o", "deep/out", "--json").json
    assert report["model"] == "kws"
    assert "synthetic weights: latency and memory only" in report["source"]
    folder = own_folder / "deep" / "out"
    assert report["folder"] == "deep/out"
    assert sorted(p for p in everything_in(folder) if (folder / p).is_file()) == sorted([*report["files"], ".smidgen"])
    assert report["bytes"]["arena"] >= report["arena_lower_bound_bytes"] > 0
    assert report["steps"][0]["kernel"].startswith("smg_conv2d")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["bytes"]["weights"] == report["bytes"]["weights"]
    header = (folder / "smg_kws.h").read_text()
    assert f"#define SMG_KWS_ARENA_BYTES {report['bytes']['arena']}" in header


def test_compile_text(smidgen: Smidgen) -> None:
    out = smidgen("compile", "ad", "--name", "Anomaly Detector", "--explain").out
    assert re.search(r"^call +smg_anomaly_detector_run$", out, re.M)
    assert "no plan can need less than" in out
    assert "not smg_fully_connected_s8_scalar: " in out


@pytest.mark.slow
def test_verify_json(smidgen: Smidgen) -> None:
    report = smidgen("verify", "ad", "--cases", "2", "--json").json
    assert (report["cases"], report["mismatches"], report["first_divergence"]) == (2, 0, None)
    assert report["layers"] == 10
    assert report["compared_bytes"] > 0


@pytest.mark.slow
def test_run_json_and_files(smidgen: Smidgen, own_folder: Path) -> None:
    np.save("x.npy", np.zeros((3, 640), np.int8))
    report = smidgen("run", "ad", "--input", "x.npy", "--output", "out/y.npy", "--json").json
    assert report["cases"] == 3
    assert report["mismatches"] == 0
    ((name, value),) = report["outputs"][0].items()
    saved = np.load(own_folder / "out" / "y.npy")
    assert saved.shape == (3, 1, 640)
    np.testing.assert_array_equal(saved[0].ravel(), value["values"])
    assert {"shape", "dtype", "values", "scale", "zero_point"} <= set(value)
    assert [p.name for p in (own_folder / "out").iterdir()] == ["y.npy"]
    assert "largest: index" in smidgen("run", "ad").out
    assert name in smidgen("run", "ad", "--output", "y.npz").out
    assert list(np.load("y.npz")) == [name]


@pytest.mark.slow
def test_profile_json(smidgen: Smidgen) -> None:
    report = smidgen("profile", "ad", "--json").json
    wanted = {"macs", "instructions", "cycles", "cycles_kind", "cycles_per_mac", "latency_ms", "ram", "flash", "layers"}
    assert wanted <= set(report)
    ram, flash = report["ram"], report["flash"]
    assert set(ram) == {"arena", "scratch", "stack", "static", "total"}
    assert ram["arena"] + ram["scratch"] + ram["stack"] + ram["static"] == ram["total"]
    assert set(flash) == {"code", "weights", "total"}
    assert flash["code"] + flash["weights"] == flash["total"]
    assert report["cycles_kind"] == "modelled"
    assert report["instructions_kind"] == "counted"
    assert sum(x["cycles"] for x in report["layers"]) + report["overhead_cycles"] == report["cycles"]
    assert sum(x["macs"] for x in report["layers"]) == report["macs"] == 264192
    assert report["latency_ms"] == pytest.approx(report["cycles"] / report["clock_hz"] * 1e3, rel=1e-5)
    assert report["board_cycles"] > report["cycles"]
    out = smidgen("profile", "ad", "--no-memory-system").out
    assert "fully_connected_s8_dsp" in out
    assert "on the board" not in out


def test_check_json(smidgen: Smidgen) -> None:
    report = smidgen("check", "ic", "--json").json
    assert report["supported"] is True
    assert report["fits"] is True
    assert {"op", "node", "kernel"} == set(report["operators"][0])
    assert "fits" in smidgen("check", "ic").out


@pytest.mark.parametrize(
    ("command", "key", "at_least"), [("targets", "targets", 3), ("ops", "ops", 15), ("zoo", "models", 5)]
)
def test_lists(command: str, key: str, at_least: int, smidgen: Smidgen) -> None:
    rows = smidgen(command, "--json").json[key]
    assert len(rows) >= at_least
    text = smidgen(command)
    assert text.code == 0
    assert all(str(row["name"]) in text.out for row in rows)


def test_zoo_finds_official_files(smidgen: Smidgen, tmp_path: Path) -> None:
    (tmp_path / "kws01").mkdir()
    (tmp_path / "kws01" / "kws01_int8.tflite").write_bytes(b"x")
    rows = smidgen("zoo", "--models", tmp_path, "--json").json["models"]
    found = {r["name"]: r for r in rows}
    assert found["kws"]["path"] == str(tmp_path / "kws01" / "kws01_int8.tflite")
    assert found["kws"]["synthetic"] is False
    assert found["vww"]["synthetic"] is True
    assert "synthetic weights" in found["vww"]["model"]


@pytest.mark.slow
def test_nothing_but_results_on_stdout() -> None:
    process = start("check", "ad", "--json", stdout=subprocess.PIPE)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert isinstance(json.loads(out), dict)
    assert err == ""


def test_numbers_that_json_lacks() -> None:
    assert plain({"a": float("nan"), "b": (float("-inf"), 1.5)}) == {"a": "nan", "b": ["-inf", 1.5]}


def test_facts_line_up() -> None:
    assert facts((("a", "1"), ("long", "2"))) == "a     1\nlong  2"


def test_write_file_is_all_or_nothing(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "f"
    with pytest.raises(ZeroDivisionError):
        write_file(path, lambda stream: stream.write(b"x" * (1 // 0)))
    assert everything_in(tmp_path) == ["here"]
    write_file(path, lambda stream: stream.write(b"1") and None)
    with pytest.raises(ZeroDivisionError):
        write_file(path, lambda stream: stream.write(b"x" * (1 // 0)))
    assert path.read_bytes() == b"1"
    with pytest.raises(OutputError, match="a folder or a device"):
        write_file(tmp_path, lambda stream: None)
