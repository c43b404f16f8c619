# SPDX-License-Identifier: Apache-2.0
"""Quantising from Python: the graph that compiles and the file that is saved are one network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto

import smidgen
from smidgen.errors import InvalidInput, OutputError, UsageError
from smidgen.ir import Array, evaluate
from tests.onnx_models import Builder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    rng = np.random.default_rng(3)
    b = Builder()
    x = b.input((1, 3, 6, 6), TensorProto.FLOAT)
    w = b.constant(rng.standard_normal((4, 3, 3, 3)).astype(np.float32))
    y = b.node("GlobalAveragePool", b.node("Relu", b.node("Conv", x, w)))
    v = b.constant(rng.standard_normal((4, 3)).astype(np.float32))
    scores = b.node("Gemm", b.node("Flatten", y), v)
    path = tmp_path / "model.onnx"
    path.write_bytes(b.build(scores, output_type=TensorProto.FLOAT))
    return path


def samples(count: int = 40) -> Array:
    return np.random.default_rng(5).standard_normal((count, 3, 6, 6)).astype(np.float32)


def test_what_is_saved_is_what_compiles(model: Path, tmp_path: Path) -> None:
    quantized = smidgen.quantize(model, samples())
    assert quantized.met is None
    assert quantized.report.metric.output_sqnr_db > 20
    quantized.save(tmp_path / "int8.onnx")
    read = smidgen.load(tmp_path / "int8.onnx")
    rng = np.random.default_rng(1)
    for _ in range(5):
        x = rng.integers(-128, 128, (1, 3, 6, 6)).astype(np.int8)
        np.testing.assert_array_equal(evaluate(read, [x])[0], evaluate(quantized.graph, [x])[0])
    assert smidgen.verify(smidgen.compile(quantized.graph), cases=4).mismatches == 0


def test_arrays_by_name_carry_labels(model: Path) -> None:
    x = samples()
    y = np.arange(len(x)) % 3
    quantized = smidgen.quantize(model, {"x": x[:20], "y": y[:20]}, evaluation={"x": x[20:], "y": y[20:]})
    assert quantized.report.metric.name == "top1"
    assert quantized.report.split.calibration_samples == 20
    assert quantized.report.split.evaluation_samples == 20


def test_a_bound_is_searched(model: Path) -> None:
    quantized = smidgen.quantize(model, samples(), metric="agreement", max_drop=100.0, minimize="ram")
    assert quantized.met
    assert quantized.report.search is not None


def test_misuse_is_told(model: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="NCHW"):
        smidgen.quantize(model, samples().transpose(0, 2, 3, 1))
    with pytest.raises(UsageError, match="a dictionary of arrays, not a list"):
        smidgen.quantize(model, [samples()])  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"recipe is a smidgen.Recipe, not a dict"):
        smidgen.quantize(model, samples(), recipe={"precision": "int4"})  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="a model is the path of a file or a graph, not a NoneType"):
        smidgen.quantize(None, samples())  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="calibration_samples is a number from 1 on, not -3"):
        smidgen.quantize(model, samples(), calibration_samples=-3)
    with pytest.raises(OutputError):
        smidgen.quantize(model, samples()).save(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]
