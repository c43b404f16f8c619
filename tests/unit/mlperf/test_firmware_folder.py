# SPDX-License-Identifier: Apache-2.0
"""The folder that a stranger gets: complete, buildable with make, written whole or not at all; and the command."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from smidgen.cli.main import cli
from smidgen.compiler import compile as compile_model
from smidgen.errors import OutputError, UsageError
from smidgen.ir import evaluate
from smidgen.mlperf.firmware import firmware
from smidgen.mlperf.tasks import TASKS
from tests.op_graphs import int8_type
from tests.shared import SHARED, needs_shared
from tests.unit.mlperf.dut_models import classifier, kws
from tests.unit.mlperf.emulated_dut import EmulatedDut


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("make") is None, reason="no make on this machine")
@pytest.mark.parametrize("toolchain", ["gcc", "zig"])
def test_make_gives_the_image_that_build_gives(tmp_path: Path, toolchain: str) -> None:
    if toolchain == "gcc" and shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("no arm-none-eabi-gcc on this machine")
    made = firmware(kws(), TASKS["kws"])
    made.write(tmp_path / "dut")
    arguments = [f"TOOLCHAIN={toolchain}", *([f"CC={sys.executable} -m ziglang cc"] if toolchain == "zig" else [])]
    done = subprocess.run(
        ["make", "-j2", *arguments], cwd=tmp_path / "dut", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    ours = made.build({"gcc": "gcc-arm"}.get(toolchain, toolchain), tmp_path / "build")
    assert (tmp_path / "dut" / f"{made.name}.elf").read_bytes() == ours.read_bytes()


def test_the_models_files_are_those_of_compile() -> None:
    made = firmware(kws(), TASKS["kws"])
    assert kws().sources.files.items() <= made.files.items()
    assert made.files["manifest.json"] == kws().sources.extras["manifest.json"]


def test_the_same_model_gives_the_same_bytes() -> None:
    assert firmware(kws(), TASKS["kws"]).digest == firmware(kws(), TASKS["kws"]).digest
    assert firmware(kws(), TASKS["kws"]).digest != firmware(kws(), TASKS["kws"], mode="energy").digest


def test_what_smidgen_did_not_make_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="not made by smidgen"):
        firmware(kws(), TASKS["kws"]).write(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("name", ["dut", "model", "port"])
def test_a_models_name_meets_no_name_of_the_firmware(tmp_path: Path, name: str) -> None:
    compiled = compile_model(classifier(int8_type(1, 49, 10, 1), 12).graph, name=name)
    assert firmware(compiled, TASKS["kws"]).build(work_dir=tmp_path).is_file()


@pytest.mark.parametrize("vendor", ["", "a]b", 'a"b', "a\\b", "ü", "x" * 61, "a\nb"])
def test_vendors_that_would_break_a_reply_or_the_c(vendor: str) -> None:
    with pytest.raises(UsageError, match="vendor"):
        firmware(kws(), TASKS["kws"], vendor=vendor)


@pytest.mark.parametrize(("option", "words"), [({"port": "x"}, "no port"), ({"mode": "accuracy"}, "performance build")])
def test_wrong_arguments(option: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        firmware(kws(), TASKS["kws"], **option)


def test_the_command_writes_a_folder_and_an_image(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "dut"
    arguments = ["firmware", "kws", "-o", str(folder), "--build", "--json", "--mode", "energy"]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert (said["model_id"], said["baud"], said["mode"]) == ("kws01", 9600, "energy")
    assert Path(said["elf"]).read_bytes()[:4] == b"\x7fELF"
    assert (folder / "README.md").is_file()


def test_the_command_wants_to_know_the_task(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["firmware", str(tmp_path / "x.tflite"), "-o", str(tmp_path / "y")])
    assert isinstance(result.exception, UsageError)
    assert "add --task" in str(result.exception)
    assert list(tmp_path.iterdir()) == []


@needs_shared
@pytest.mark.slow
@pytest.mark.parametrize("name", ["kws", "ic", "vww", "ad"])
def test_official_models_answer_as_the_reference_evaluates(tmp_path: Path, name: str) -> None:
    compiled, task = compile_model(name, models_dir=SHARED / "zoo"), TASKS[name]
    x, y = compiled.graph.inputs[0].type, compiled.graph.outputs[0].type
    dut = EmulatedDut(firmware(compiled, task).build(work_dir=tmp_path), compiled.target)
    data = np.random.default_rng(3).integers(0, 256, task.input_bytes).astype(np.uint8)
    tensor = (data.astype(int) - 128).astype(np.int8) if task.format == "rgb8" else data.view(np.int8)
    if task.format == "float32":
        reals = np.random.default_rng(3).normal(-30, 20, 640).astype(np.float32)
        data, ratio = reals.view(np.uint8), (reals / np.float32(x.scale)).astype(np.float64)
        rounded = np.sign(ratio) * np.floor(np.abs(ratio) + 0.5) + x.zero_point
        tensor = np.clip(rounded, -128, 127).astype(np.int8)
    dut.load(data.tobytes())
    (q,) = evaluate(compiled.graph, [tensor.reshape(x.shape)])
    real = ((q.astype(np.int32) - y.zero_point).astype(np.float32) * np.float32(y.scale)).ravel()
    values = [float(v) for v in real]
    if task.format == "float32":
        total = np.float32(0)
        for difference in real - reals:
            total = np.float32(total + difference * difference)
        values = [float(total / np.float32(640))]
    assert dut.command("infer 1 0")[-1] == f"m-results-[{','.join(f'{v:.3f}' for v in values)}]"
