# SPDX-License-Identifier: Apache-2.0
"""The official MLPerf Tiny models, both formats, byte for byte on the emulated core: random inputs and real samples."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

import smidgen
from smidgen.ir import Array, Graph
from smidgen.verify import load_inputs
from smidgen.zoo import ZOO
from tests.shared import SHARED, needs_shared

MODELS = ("ad", "ic", "kws", "vww", "sww")
FORMATS = ("tflite", "onnx")
RANDOM_CASES = 100

pytestmark = [needs_shared, pytest.mark.slow]


def official(model: str, form: str) -> Path:
    return SHARED / "zoo" / f"{model}01" / f"{model}01_int8.{form}"


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("model", MODELS)
def test_random_inputs_are_byte_exact(model: str, form: str) -> None:
    compiled = smidgen.compile(official(model, form), probe=True)
    found = smidgen.verify(compiled, cases=RANDOM_CASES, seed=7)
    assert (found.cases, found.mismatches, found.first_divergence) == (RANDOM_CASES, 0, None)
    assert found.steps == len(compiled.schedule.steps) >= 10
    assert len({o[0].tobytes() for o in found.outputs}) > 3, "the outputs hardly differ: the inputs did not reach them"


@pytest.mark.parametrize(
    "model", [m if m in ("ad", "kws", "sww") else pytest.param(m, marks=pytest.mark.full) for m in MODELS]
)
def test_float_models_are_byte_exact(model: str) -> None:
    """Emulated floating-point code is slow: few cases, and the two large models only in the long run."""
    path = SHARED / "zoo" / f"{model}01" / f"{model}01_fp32.onnx"
    compiled = smidgen.compile(path, probe=True)
    found = smidgen.verify(compiled, cases=5, seed=7)
    assert (found.cases, found.mismatches, found.first_divergence) == (5, 0, None)
    assert {o.dtype.name for outputs in found.outputs for o in outputs} == {"float32"}
    assert len({o[0].tobytes() for o in found.outputs}) > 3


def kws_samples(graph: Graph) -> list[list[Array]]:
    return load_inputs(graph, SHARED / "datasets/kws01/kws01.npz")


def kws_labels() -> Array:
    with np.load(SHARED / "datasets/kws01/kws01.npz") as data:
        return data["y"].astype(np.int64)


@pytest.mark.parametrize("form", FORMATS)
def test_kws_samples_are_byte_exact_and_as_accurate_as_the_oracle(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    compiled = smidgen.compile(official("kws", form))
    samples = [[a.reshape(compiled.graph.inputs[0].type.shape) for a in case] for case in kws_samples(compiled.graph)]
    found = smidgen.verify(compiled, inputs=samples)
    assert (found.cases, found.mismatches) == (500, 0)
    ours = np.array([outputs[0].argmax() for outputs in found.outputs])
    oracle = ORACLES[form](samples)
    labels = kws_labels()
    with capsys.disabled():
        print(
            f"\nkws {form}: top-1 {(ours == labels).mean():.3f}, oracle {(oracle == labels).mean():.3f} on 500 samples"
        )
    assert (ours == labels).mean() > 0.85
    if form == "tflite":
        np.testing.assert_array_equal(ours, oracle)
    else:  # ONNX Runtime computes in floats between Q and DQ: one step of difference may turn a tie of the two best
        assert (ours != oracle).sum() <= 1


def tflm_top1(samples: Sequence[Sequence[Array]]) -> Array:
    runtime = pytest.importorskip("tflite_micro", reason="the tflite-micro wheel is not installed").runtime
    interpreter = runtime.Interpreter.from_bytes(official("kws", "tflite").read_bytes())
    best = []
    for (x,) in samples:
        interpreter.set_input(x, 0)
        interpreter.invoke()
        best.append(int(interpreter.get_output(0).argmax()))
    return np.array(best)


def onnx_runtime_top1(samples: Sequence[Sequence[Array]]) -> Array:
    onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    session = onnxruntime.InferenceSession(str(official("kws", "onnx")), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return np.array([int(session.run(None, {name: x})[0].argmax()) for (x,) in samples])


ORACLES: dict[str, Callable[[Sequence[Sequence[Array]]], Array]] = {"tflite": tflm_top1, "onnx": onnx_runtime_top1}


@pytest.mark.parametrize("form", FORMATS)
def test_sww_calibration_windows_are_byte_exact(form: str) -> None:
    compiled = smidgen.compile(official("sww", form))
    with np.load(SHARED / "datasets/sww01/calibration_samples.npz") as data:
        windows = data["specs"].astype(np.float32)
    found = smidgen.verify(compiled, inputs=quantized(compiled.graph, windows))
    assert (found.cases, found.mismatches) == (45, 0)


@pytest.mark.parametrize("form", FORMATS)
def test_ad_spectrogram_windows_are_byte_exact(form: str) -> None:
    compiled = smidgen.compile(official("ad", form))
    features = np.fromfile(SHARED / "datasets/ad01/normal_id_01_00000000_hist_librosa.bin", "<f4").reshape(-1, 128)
    windows = np.stack([features[i : i + 5].ravel() for i in range(len(features) - 4)])
    found = smidgen.verify(compiled, inputs=quantized(compiled.graph, windows))
    assert (found.cases, found.mismatches) == (196, 0)


def quantized(graph: Graph, reals: Array) -> list[list[Array]]:
    t = graph.inputs[0].type
    steps = np.clip(np.rint(reals / t.scale) + t.zero_point, -128, 127).astype(np.int8)
    return [[s.reshape(t.shape)] for s in steps]


def test_the_official_files_are_the_ones_the_zoo_pins() -> None:
    os.environ.pop("SMIDGEN_ZOO", None)
    for model in MODELS:
        compiled = smidgen.compile(model, models_dir=SHARED / "zoo")
        pinned = next(m for m in ZOO if m.name == model)
        assert compiled.origin.sha256 == pinned.sha256
