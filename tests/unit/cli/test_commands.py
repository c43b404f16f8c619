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
    assert set(ram) == {"arena", "scratch", "stack", "state", "static", "total"}
    assert ram["arena"] + ram["scratch"] + ram["stack"] + ram["static"] == ram["total"]
    assert set(flash) == {"code", "weights", "total", "live_weights", "growth", "tables"}
    assert flash["live_weights"] + flash["growth"] + flash["tables"] == flash["weights"]
    assert flash["code"] + flash["weights"] == flash["total"]
    assert report["cycles_kind"] == "modelled"
    assert report["instructions_kind"] == "counted"
    assert sum(x["cycles"] for x in report["layers"]) + report["overhead_cycles"] == report["cycles"]
    assert sum(x["macs"] for x in report["layers"]) == report["macs"] == 264192
    assert report["latency_ms"] == pytest.approx(report["cycles"] / report["clock_hz"] * 1e3, rel=1e-5)
    assert report["board_cycles"] > report["cycles"]
    out = smidgen("profile", "ad", "--no-memory-system").out
    assert re.search(r"fully_connected_\w*s8_\w+", out)
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


def test_settings_and_limits(smidgen: Smidgen) -> None:
    report = smidgen("compile", "kws", "-o", "a", "--optimize", "size", "--max-ram", "64K", "--json").json
    assert (report["optimize"], report["max_ram_bytes"], report["max_flash_bytes"]) == ("size", 65536, None)
    speed = smidgen("compile", "kws", "-o", "b", "--json").json
    assert total_flash(report) < total_flash(speed)
    first = speed["steps"][0]["flash_bytes"]
    assert first["weights"] == 64 * 10 * 4
    assert set(first) == {"weights", "growth", "tables", "params"}
    assert json.loads(Path("a/manifest.json").read_text())["optimize"] == "size"
    assert (
        "optimized for ram, RAM at most 65,536 bytes"
        in smidgen("compile", "kws", "-o", "c", "--optimize", "ram", "--max-ram", "64K").out
    )


def total_flash(report: dict) -> int:
    return report["bytes"]["weights"] + report["bytes_modelled"]["code"]


def test_limits_that_cannot_be_kept_say_what_is_in_the_way(smidgen: Smidgen, own_folder: Path) -> None:
    result = smidgen("compile", "kws", "-o", "a", "--max-ram", "4K")
    assert result.code == 1
    found = re.search(
        r"kws cannot keep max-ram: 4,096 bytes are allowed and the least possible is ([0-9,]+)\. In the way: step "
        r"(\w+) \(kws:.*\), where .* bytes are alive at once with smg_\w+[^.]*\. Allow \1 bytes",
        result.err.replace("\n", " "),
    )
    assert found, result.err
    assert not everything_in(own_folder)
    least = found[1].replace(",", "")
    assert smidgen("compile", "kws", "-o", "b", "--max-ram", least).code == 0
    assert smidgen("compile", "kws", "-o", "c", "--max-ram", str(int(least) - 8)).code == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--max-ram", "64KB"), "max-ram takes a positive number of bytes like 65536, 64K or 1M, not '64KB'"),
        (("--max-flash", "-1"), "max-flash takes a positive number of bytes"),
        (("--optimize", "tiny"), "'tiny' is not one of 'speed', 'balanced', 'size', 'ram'"),
        (("--tuned", "--tune-result", "x.json"), "give one of them"),
        (("--tune-result", "x.json"), "tune result x.json: cannot be read"),
        (("--kernel", "conv2d_0=smg_nothing"), "no kernel 'smg_nothing'"),
    ],
)
def test_bad_choices(arguments: tuple[str, ...], message: str, smidgen: Smidgen, own_folder: Path) -> None:
    for command in ("compile", "profile", "run", "verify"):
        result = smidgen(command, "kws", *arguments)
        assert result.code == 2
        assert message in " ".join(result.err.split())
    assert not everything_in(own_folder)


@pytest.mark.slow
def test_tune(smidgen: Smidgen, own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("smidgen.compiler", "smidgen.tune.result"):
        monkeypatch.setattr(f"{place}.user_cache", lambda: own_folder / "tune")
    assert "was not tuned for" in smidgen("compile", "ad", "--tuned").err
    report = smidgen("tune", "ad", "-o", "ad.json", "--json").json
    assert report["measurements"]["made"] > 10
    settings = [s for p in report["programs"] for s in p["settings"]]
    assert sorted(settings) == ["balanced", "ram", "size", "speed"]
    (path, *_) = sorted((own_folder / "tune").glob("??/*.json"))
    path.write_text("{")
    again = smidgen("tune", "ad", "--plot", "ad.svg")
    assert "note: 1 damaged or alien file in the cache, measured anew" in again.err
    assert re.search(r"^[a-z, ]*speed.* 0$", again.out, re.M)
    assert Path("ad.svg").read_text().startswith("<?xml")
    taken = next(p for p in report["programs"] if "ram" in p["settings"])
    for option in (("--tuned",), ("--tune-result", "ad.json")):
        made = smidgen("compile", "ad", "-o", "out", "--force", "--optimize", "ram", *option, "--json").json
        assert [s["kernel"] for s in made["steps"]] == taken["kernels"]
    assert smidgen("tune", "ad", "--plot", "ad.txt").code == 2


@pytest.mark.slow
def test_a_target_that_counts_instructions_shows_no_cycles(
    smidgen: Smidgen, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = smidgen("profile", "ad", "--target", "rv32imc").out
    assert "i/MAC" in text
    assert re.search("^cycles +not known: .*neither time nor energy", text, re.M)
    assert not re.search("^(silicon|energy|on the board)", text, re.M)
    for place in ("smidgen.compiler", "smidgen.tune.result"):
        monkeypatch.setattr(f"{place}.user_cache", lambda: own_folder / "tune")
    report = smidgen("tune", "ad", "--target", "rv32imc", "--json").json
    assert {(p["board_cycles"], p["latency_ms"]) for p in report["programs"]} == {(None, None)}
    assert all(p["instructions"] > 10_000 for p in report["programs"])
    shown = smidgen("tune", "ad", "--target", "rv32imc").out
    assert "instructions counted; this core has no documented timing model" in shown
    assert not re.search(r"cycles|\bms\b", shown)
