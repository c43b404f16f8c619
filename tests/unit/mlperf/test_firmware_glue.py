# SPDX-License-Identifier: Apache-2.0
"""What a device makes of inputs and results, on the emulated core, for models of many kinds; and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from smidgen.compiler import Compiled
from smidgen.errors import UsageError
from smidgen.ir import Array, TensorType, evaluate
from smidgen.mlperf.firmware import firmware
from smidgen.mlperf.tasks import TASKS, Task
from tests.op_graphs import int8_type, quant, random_arrays
from tests.unit.mlperf.dut_models import autoencoder, classifier
from tests.unit.mlperf.emulated_dut import EmulatedDut

UNIT = float(np.float32(1 / 255))
RNG = np.random.default_rng(5)


def device(compiled: Compiled, task: Task, tmp_path: Path, **options: str) -> EmulatedDut:
    return EmulatedDut(firmware(compiled, task, **options).build(work_dir=tmp_path), compiled.target)


def infer(dut: EmulatedDut, data: bytes, command: str = "infer 1 0") -> str:
    dut.load(data)
    lines = dut.command(command)
    assert lines[-2] == "m-infer-done"
    return lines[-1]


def scores(compiled: Compiled, x: Array) -> str:
    """The results line that an input tensor deserves, by the reference evaluation."""
    t = compiled.graph.outputs[0].type
    (y,) = evaluate(compiled.graph, [x.reshape(compiled.graph.inputs[0].type.shape)])
    reals = y if t.dtype == "float32" else (y.astype(np.int32) - t.zero_point).astype(np.float32) * np.float32(t.scale)
    return f"m-results-[{','.join(f'{float(r):.3f}' for r in reals.ravel())}]"


@pytest.mark.parametrize("out", ["int8", "uint8", "float32"])
def test_int8_input_is_taken_as_it_is(tmp_path: Path, out: str) -> None:
    compiled = classifier(int8_type(1, 49, 10, 1, scale=0.109375, zero_point=-5), 12, out)
    dut = device(compiled, TASKS["kws"], tmp_path)
    for _ in range(2):
        x = RNG.integers(-128, 128, 490).astype(np.int8)
        assert infer(dut, x.tobytes(), "infer 3 2") == scores(compiled, x)  # each of the five the same
    assert dut.command("results") == [scores(compiled, x)]


def test_int8_features_for_a_float_model(tmp_path: Path) -> None:
    compiled = classifier(TensorType("float32", (1, 490)), 12)
    x = RNG.integers(-128, 128, 490).astype(np.int8)
    reals = (x.astype(np.float32) - np.float32(83)) * np.float32(0.5847029089927673)
    assert infer(device(compiled, TASKS["kws"], tmp_path), x.tobytes()) == scores(compiled, reals)


@pytest.mark.parametrize(
    ("t", "meaning"),
    [
        (int8_type(1, 32, 32, 3, scale=1.0, zero_point=-128), lambda b: (b.astype(int) - 128).astype(np.int8)),
        (int8_type(1, 32, 32, 3, scale=UNIT, zero_point=-128), lambda b: (b.astype(int) - 128).astype(np.int8)),
        (TensorType("uint8", (1, 32, 32, 3), quant(UNIT)), lambda b: b),
        (TensorType("float32", (1, 32, 32, 3)), lambda b: b.astype(np.float32)),
        (int8_type(1, 32, 32, 3, scale=2.0, zero_point=-100), lambda b: _quantized(b.astype(np.float32), 2.0, -100)),
        (int8_type(1, 32, 32, 3, scale=1 / 64, zero_point=0), lambda b: _quantized(_signed(b), 1 / 64, 0)),
    ],
    ids=["official", "unit", "uint8", "float32", "wider", "signed"],
)  # fmt: skip
def test_pixels(tmp_path: Path, t: TensorType, meaning: object) -> None:
    compiled = classifier(t, 10)
    pixels = RNG.integers(0, 256, 3072).astype(np.uint8)
    assert infer(device(compiled, TASKS["ic"], tmp_path), pixels.tobytes()) == scores(compiled, meaning(pixels))  # type: ignore[operator]


def _signed(b: Array) -> Array:
    return (b.astype(np.float64) * (2 / 255) - 1).astype(np.float32)


def _quantized(reals: Array, scale: float, zero_point: int) -> Array:
    """As the benchmark's reference: round half away from zero, then the zero point, then saturate."""
    v = (reals / np.float32(scale)).astype(np.float64)
    return np.clip(np.sign(v) * np.floor(np.abs(v) + 0.5) + zero_point, -128, 127).astype(np.int8)


def test_channels_first(tmp_path: Path) -> None:
    compiled = classifier(int8_type(1, 3, 96, 96, scale=1.0, zero_point=-128), 2)
    pixels = RNG.integers(0, 256, (96, 96, 3)).astype(np.uint8)
    planes = (pixels.astype(int) - 128).astype(np.int8).transpose(2, 0, 1)
    assert infer(device(compiled, TASKS["vww"], tmp_path), pixels.tobytes()) == scores(compiled, planes)


@pytest.mark.parametrize(("dtype", "out"), [("int8", "int8"), ("int8", "float32"), ("float32", "int8")])
def test_reconstruction_error(tmp_path: Path, dtype: str, out: str) -> None:
    t = int8_type(1, 640, scale=0.390625, zero_point=89) if dtype == "int8" else TensorType("float32", (1, 640))
    compiled = autoencoder(t, out)
    dut = device(compiled, TASKS["ad"], tmp_path)
    for spread in (0.1, 30, 300, 1e20):
        x = RNG.normal(-20, spread, 640).astype(np.float32)
        assert infer(dut, x.tobytes()) == f"m-results-[{_error(compiled, x):.3f}]"
    x[7] = np.nan
    assert infer(dut, x.tobytes()) == "m-results-[nan]"


def _error(compiled: Compiled, x: Array) -> float:
    """Float32 from the first difference to the last, as the benchmark's reference computes it."""
    t, y_type = compiled.graph.inputs[0].type, compiled.graph.outputs[0].type
    taken = x if t.dtype == "float32" else _quantized(x, t.scale, t.zero_point)
    (y,) = evaluate(compiled.graph, [taken.reshape(t.shape)])
    y = y.ravel()
    if y_type.dtype != "float32":
        y = (y.astype(np.int32) - y_type.zero_point).astype(np.float32) * np.float32(y_type.scale)
    total = np.float32(0)
    with np.errstate(over="ignore"):
        for difference in y - x:
            total = np.float32(total + difference * difference)
        return float(total / np.float32(640))


def test_both_toolchains_and_modes_say_the_same(tmp_path: Path) -> None:
    compiled = classifier(int8_type(1, 49, 10, 1), 12)
    (x,) = random_arrays([compiled.graph.inputs[0].type])
    for toolchain, mode in (("zig", "energy"), ("gcc-arm", "performance")):
        elf = firmware(compiled, TASKS["kws"], mode=mode).build(toolchain, tmp_path / toolchain)
        dut = EmulatedDut(elf, compiled.target)
        assert infer(dut, x.tobytes()) == scores(compiled, x)
        stamps = [levels & 1 for levels in dut.pins]
        assert stamps == ([1, 0, 1, 0, 1, 0, 1] if mode == "energy" else [1])


def test_the_clock_goes_on_where_32_bits_wrap(tmp_path: Path) -> None:
    compiled = classifier(int8_type(1, 49, 10, 1), 12)
    elf = firmware(compiled, TASKS["kws"]).build(work_dir=tmp_path)
    dut = EmulatedDut(elf, compiled.target, timer_start=2**32 - 1500)
    assert dut.command("timestamp") == [f"m-lap-us-{2**32 + 500}"]
    assert dut.command("timestamp") == [f"m-lap-us-{2**32 + 1500}"]


@pytest.mark.parametrize(
    ("compiled", "task", "words"),
    [
        (classifier(int8_type(1, 100)), "kws", "100 elements, an input of kws"),
        (classifier(int8_type(1, 10, 49, 1)), "kws", "cannot be told"),
        (classifier(int8_type(1, 640), 12), "ad", "autoencoder"),
        (
            classifier(int8_type(1, 30, 1, 39), 3),
            "sww",
            "30 frames of 39 bands to 3 classes; sww .* has 30 of 40 and 3",
        ),
    ],
)
def test_models_that_do_not_fit_are_refused(compiled: Compiled, task: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        firmware(compiled, TASKS[task])


def test_other_class_counts_work_with_a_note() -> None:
    made = firmware(classifier(int8_type(1, 49, 10, 1), 5), TASKS["kws"])
    assert any("5 outputs" in note for note in made.notes)
