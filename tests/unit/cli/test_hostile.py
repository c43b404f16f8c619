# SPDX-License-Identifier: Apache-2.0
"""Whatever is wrong: one clear message, the right exit code, nothing half-written."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smidgen.targets import load_target
from tests.unit.cli.conftest import Smidgen, everything_in

MODEL_COMMANDS = ("compile", "run", "verify", "profile", "check")
pytestmark = pytest.mark.slow  # hundreds of calls
TINY_BOARD = """
name = "tiny"
title = "hardly any memory"
core = "cortex_m4f"
clock_hz = 16000000
provenance = "made up for a test"
[[regions]]
name = "flash"
kind = "flash"
base = 0x08000000
size_bytes = 16384
wait_states = 0
provenance = "made up for a test"
[[regions]]
name = "sram"
kind = "sram"
base = 0x20000000
size_bytes = {sram}
wait_states = 0
provenance = "made up for a test"
"""


def bad_models(folder: Path) -> Iterator[tuple[str, Path, int, str]]:
    """(case, path, exit code, what the message says)."""
    yield "missing", folder / "no.tflite", 2, "neither a file nor a zoo name"
    (folder / "dir.tflite").mkdir()
    yield "directory", folder / "dir.tflite", 2, "is a folder"
    (folder / "empty.tflite").write_bytes(b"")
    yield "empty", folder / "empty.tflite", 1, "empty (0 bytes)"
    (folder / "text.onnx").write_text("this is no model\n")
    yield "text", folder / "text.onnx", 1, "text.onnx"
    (folder / "cut.tflite").write_bytes(b"\x1c\0\0\0TFL3" + bytes(20))
    yield "cut", folder / "cut.tflite", 1, "cut.tflite"
    (folder / "[bold]x[red].tflite").write_bytes(b"\x1c\0\0\0TFL3")
    yield "markup", folder / "[bold]x[red].tflite", 1, "[bold]x[red].tflite"
    yield "device", Path("/dev/zero"), 2, "no regular file"
    yield "no name", Path(""), 2, "is a folder"


@pytest.mark.parametrize("command", MODEL_COMMANDS)
@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_bad_model(command: str, as_json: bool, smidgen: Smidgen, tmp_path: Path, own_folder: Path) -> None:
    for case, path, code, text in bad_models(tmp_path):
        result = smidgen(command, path, *(["--json"] if as_json else []))
        assert result.code == code, case
        if as_json:
            assert text in str(result.json), case
        else:
            assert text in " ".join(result.err.split()), case
            assert result.out == "", case
            assert result.err.count("error:") == 1, case
    assert everything_in(own_folder) == []


def test_unreadable_model(smidgen: Smidgen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(b"x" * 100)

    def refuse(self: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    result = smidgen("compile", path)
    assert result.code == 1
    assert "Permission denied" in result.err


@pytest.mark.parametrize("command", MODEL_COMMANDS)
def test_bad_target(command: str, smidgen: Smidgen, tmp_path: Path) -> None:
    result = smidgen(command, "kws", "--target", "nucleo", "--json")
    assert result.code == 2
    assert "nucleo-l4r5zi" in result.json["error"]["message"]
    bad = tmp_path / "bad.toml"
    for text in ("", "name = ", 'name = "x"\n', TINY_BOARD.format(sram=7), TINY_BOARD.format(sram='"x"')):
        bad.write_text(text)
        result = smidgen(command, "kws", "-t", bad, "--json")
        assert result.code == 1
        assert result.json["error"]["kind"] == "TargetError"
        assert "bad.toml" in result.json["error"]["message"]
    assert smidgen(command, "kws", "-t", tmp_path / "no.toml").code == 2


def test_model_too_large_for_the_board(smidgen: Smidgen, tmp_path: Path, own_folder: Path) -> None:
    board = tmp_path / "tiny.toml"
    board.write_text(TINY_BOARD.format(sram=8192))
    for command in ("compile", "run", "verify", "profile"):
        result = smidgen(command, "kws", "-t", board, "--json")
        assert result.code == 1
        assert result.json["error"]["kind"] == "DoesNotFit"
        assert "8192" in result.json["error"]["message"]
    assert everything_in(own_folder) == []
    result = smidgen("check", "kws", "-t", board, "--json")
    assert result.code == 1
    assert result.json["supported"] is True
    assert result.json["fits"] is False
    assert result.json["needs"]["ram_bytes"] > result.json["has"]["ram_bytes"] == 8192
    assert "does not fit" in smidgen("check", "kws", "-t", board).out


def test_bad_output_folders(smidgen: Smidgen, tmp_path: Path, own_folder: Path) -> None:
    file, full, link = tmp_path / "file", tmp_path / "full", tmp_path / "link"
    file.write_text("mine")
    full.mkdir()
    (full / "mine.txt").write_text("mine")
    link.symlink_to(full)
    before = everything_in(tmp_path)
    for folder, text in (
        (file, "is not a folder"),
        (full, "not made by smidgen"),
        (link, "is not a folder"),
        (file / "below", "cannot write"),
        ("/proc/smidgen/x", "cannot write"),
        ("/dev/full", "is not a folder"),
        (".", "current folder"),
        ("", "current folder"),
    ):
        for flags in ([], ["--force"]):
            result = smidgen("compile", "ad", "-o", folder, *flags)
            assert result.code == 1, folder
            assert text in " ".join(result.err.split()), folder
    assert everything_in(tmp_path) == before
    assert file.read_text() == "mine"


def test_earlier_compilation_needs_force(smidgen: Smidgen, own_folder: Path) -> None:
    assert smidgen("compile", "ad", "-o", "out").code == 0
    before = everything_in(own_folder)
    result = smidgen("compile", "kws", "-o", "out")
    assert result.code == 1
    assert "--force" in result.err
    assert everything_in(own_folder) == before
    assert smidgen("compile", "kws", "-o", "out", "--force").code == 0
    assert (own_folder / "out" / "smg_kws.h").is_file()
    assert not (own_folder / "out" / "smg_ad.h").exists()
    assert [p.name for p in own_folder.iterdir()] == ["out"]


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt(), RuntimeError("a bug")], ids=repr
)
def test_interrupted_writing_leaves_nothing(
    error: BaseException, existing: bool, smidgen: Smidgen, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if existing:
        assert smidgen("compile", "ad", "-o", "a/b/out").code == 0
    before = everything_in(own_folder)
    count = 0
    write_bytes = Path.write_bytes

    def fail(self: Path, *args: Any, **kwargs: Any) -> int:
        nonlocal count
        count += 1
        if count == 7:
            raise error
        return write_bytes(self, *args, **kwargs)

    monkeypatch.setattr(Path, "write_bytes", fail)
    result = smidgen("compile", "kws", "-o", "a/b/out", "--force", "--json")
    assert count == 7
    assert result.code == {OSError: 1, KeyboardInterrupt: 130, RuntimeError: 70}[type(error)]
    assert "error" in result.json
    assert everything_in(own_folder) == before


def test_failed_swap_puts_the_old_folder_back(
    smidgen: Smidgen, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert smidgen("compile", "ad", "-o", "out").code == 0
    before = everything_in(own_folder)
    rename: Callable[..., None] = os.rename

    def fail(source: Path, to: Path) -> None:
        if Path(to).name == "out" and Path(source).name != "was":
            raise OSError(errno.EIO, "Input/output error")
        rename(source, to)

    monkeypatch.setattr(os, "rename", fail)
    assert smidgen("compile", "kws", "-o", "out", "--force").code == 1
    assert everything_in(own_folder) == before


def test_dump_is_checked_before_the_work(smidgen: Smidgen, own_folder: Path) -> None:
    (own_folder / "mine").mkdir()
    (own_folder / "mine" / "x").write_text("")
    assert smidgen("compile", "ad", "-o", "out", "--dump", "mine").code == 1
    assert not (own_folder / "out").exists()
    assert smidgen("compile", "ad", "-o", "out", "--dump", "out").code == 2
    assert smidgen("compile", "ad", "-o", "out", "--dump", "passes").code == 0
    assert len(list((own_folder / "passes").glob("*.txt"))) > 2


def bad_inputs(folder: Path) -> Iterator[tuple[str, Path, str]]:
    def npy(name: str, array: Any, **kwargs: Any) -> Path:
        np.save(folder / name, array, **kwargs)
        return folder / name

    yield "missing", folder / "no.npy", "no such file"
    yield "folder", folder, "not a file"
    (folder / "empty.npy").write_bytes(b"")
    yield "0 bytes", folder / "empty.npy", "not a readable"
    (folder / "zip.npz").write_bytes(b"PK\x03\x04" + bytes(50))
    yield "bad zip", folder / "zip.npz", "not a readable"
    yield "pickled", npy("pickle.npy", np.array([{}, 1], object), allow_pickle=True), "not a readable"
    yield "shape", npy("shape.npy", np.zeros((3, 7), np.int8)), "[3, 7] is not [1, 640]"
    yield "scalar", npy("scalar.npy", np.int8(3)), "is not [1, 640]"
    yield "no cases", npy("none.npy", np.zeros((0, 640), np.int8)), "no cases"
    yield "int16 values", npy("wide.npy", np.full((1, 640), 300, np.int16)), "values 300..300"
    yield "complex", npy("complex.npy", np.zeros((1, 640), complex)), "complex128"
    yield "text", npy("text.npy", np.full((1, 640), "x")), "<U1"
    yield "bool", npy("bool.npy", np.zeros((1, 640), bool)), "bool"
    np.savez(folder / "two.npz", a=np.zeros((1, 640), np.int8), b=np.zeros((1, 640), np.int8))
    yield "two arrays", folder / "two.npz", "holds a, b"
    np.savez(folder / "nothing.npz")
    yield "no arrays", folder / "nothing.npz", "no arrays"
    np.savez(folder / "text.npz", input=np.array(["x"]))
    yield "no numbers", folder / "text.npz", "no arrays of numbers"
    whole = npy("whole.npy", np.zeros((1, 640), np.int8)).read_bytes()
    (folder / "cut.npy").write_bytes(whole[:-1])
    yield "cut", folder / "cut.npy", "not a readable"
    (folder / "huge.npy").write_bytes(whole.replace(b"(1, 640)", b"(9999999999999,)")[: len(whole)])
    yield "huge header", folder / "huge.npy", "not a readable"


@pytest.mark.parametrize(("command", "option"), [("run", "--input"), ("verify", "--inputs"), ("profile", "--input")])
def test_bad_inputs(command: str, option: str, smidgen: Smidgen, tmp_path: Path) -> None:
    for case, path, text in list(bad_inputs(tmp_path))[:: 1 if command == "run" else 6]:
        result = smidgen(command, "ad", option, path, "--json")
        assert result.code == 1, case
        assert result.json["error"]["kind"] == "InvalidInput", case
        assert text in result.json["error"]["message"], case


def test_nan_inputs_are_zero_points(smidgen: Smidgen, tmp_path: Path) -> None:
    np.save(tmp_path / "nan.npy", np.full((2, 640), np.nan, np.float32))
    result = smidgen("run", "ad", "--input", tmp_path / "nan.npy", "--json")
    assert result.code == 0
    assert result.json["cases"] == 2


def test_bad_output_file(smidgen: Smidgen, tmp_path: Path) -> None:
    for path in ("/dev/full", tmp_path, "/proc/smidgen.npz"):
        result = smidgen("run", "ad", "--output", path, "--json")
        assert result.code == 1
        assert result.json["error"]["kind"] == "OutputError"
    assert not Path("/dev/full").is_file()


def test_missing_toolchains(smidgen: Smidgen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("SMIDGEN_ARM_GCC", raising=False)
    for command in ("run", "verify", "profile"):
        result = smidgen(command, "ad", "--toolchain", "gcc-arm", "--json")
        assert result.code == 1
        assert result.json["error"]["kind"] == "ToolNotFound"
        assert "gcc-arm-none-eabi" in result.json["error"]["message"]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = smidgen("verify", "ad", "--json")
    assert result.code == 1
    assert "pip install ziglang" in result.json["error"]["message"]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["compile"],
        ["compile", "ad", "--nonsense"],
        ["compile", "ad", "--kernel", "x"],
        ["compile", "ad", "--kernel", "x="],
        ["compile", "ad", "--kernel", "x=smg_nonsense"],
        ["compile", "ad", "--kernel", "x=smg_add_s8_scalar"],
        ["verify", "ad", "--cases", "0"],
        ["verify", "ad", "--cases", "x"],
        ["verify", "ad", "--toolchain", "msvc"],
        ["profile"],
        ["profile", "ad", "--elf", "x.elf"],
        ["profile", "--elf", "x.elf"],
        ["profile", "ad", "-O", "9"],
        ["zoo", "push"],
    ],
    ids=" ".join,
)
def test_wrong_usage(arguments: list[str], smidgen: Smidgen) -> None:
    result = smidgen(*arguments)
    assert result.code == 2
    assert result.err
    if arguments and arguments[0] != "nonsense":
        result = smidgen(*arguments, "--json")
        assert result.code == 2
        assert result.json["error"]["kind"] == "UsageError"


def test_unknown_kernels_are_explained(smidgen: Smidgen) -> None:
    graph_step = smidgen("compile", "ad", "-o", "a", "--json").json["steps"][0]["name"]
    result = smidgen("compile", "ad", "--kernel", f"{graph_step}=smg_fully_conected_s8_dsp")
    assert "smg_fully_connected_s8_dsp" in result.err
    result = smidgen("compile", "ad", "--kernel", "fc=smg_fully_connected_s8_dsp")
    assert "no step is called fc" in result.err
    assert graph_step in result.err
    result = smidgen("compile", "ad", "--kernel", f"{graph_step}=smg_add_s8_scalar", "--json")
    assert result.code == 1
    assert result.json["error"]["kind"] == "NoKernel"


def test_our_bugs_are_reported_as_such(smidgen: Smidgen, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("smidgen.cli.compile_command.compile_model", broken)
    result = smidgen("compile", "ad", "--json")
    assert result.code == 70
    assert "bug in smidgen" in result.err
    assert "ZeroDivisionError: oh (test_hostile.py" in result.err


def test_tiny_board_loads(tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(TINY_BOARD.format(sram=8192))
    assert load_target(tmp_path / "tiny.toml").region("sram").size_bytes == 8192


def test_force_leaves_what_others_made(smidgen: Smidgen, own_folder: Path) -> None:
    assert smidgen("compile", "ad", "-o", "out").code == 0
    (own_folder / "out/kernels/mine.c").write_text("int mine;")
    before = everything_in(own_folder / "out")
    result = smidgen("compile", "ad", "-o", "out", "--force")
    assert (result.code, everything_in(own_folder / "out")) == (1, before)
    assert "holds what smidgen did not make: kernels/mine.c. Move it away" in result.err
