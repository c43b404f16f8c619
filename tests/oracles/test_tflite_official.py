# SPDX-License-Identifier: Apache-2.0
"""The official MLPerf Tiny models against TFLite Micro, byte for byte."""

from __future__ import annotations

import numpy as np
import pytest

from smidgen.frontends import load_bytes
from smidgen.ir import evaluate
from smidgen.transforms import INTEGER, run_pipeline
from tests.oracles.tflite_micro import run_many
from tests.shared import SHARED, needs_shared

TASKS = ("ad01", "ic01", "kws01", "sww01", "vww01")
CASES = 20


def model_bytes(task: str) -> bytes:
    return (SHARED / "zoo" / task / f"{task}_int8.tflite").read_bytes()


@needs_shared
@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_random_inputs(task: str) -> None:
    model, random = model_bytes(task), np.random.default_rng(7)
    graph = run_pipeline(INTEGER, load_bytes(model, task, f"{task}.tflite"))
    (x,) = graph.inputs
    cases = [[random.integers(-128, 128, x.type.shape).astype(np.int8)] for _ in range(CASES)]
    cases[0] = [np.full(x.type.shape, -128, np.int8)]
    cases[1] = [np.full(x.type.shape, 127, np.int8)]
    for number, (inputs, theirs) in enumerate(zip(cases, run_many(model, cases), strict=True)):
        np.testing.assert_array_equal(evaluate(graph, inputs)[0], theirs[0], err_msg=f"{task} case {number}")


@needs_shared
@pytest.mark.slow
def test_keyword_spotting_samples() -> None:
    """All 500 samples of the benchmark; both interpreters name the same words, as often right as the wheel's."""
    model = model_bytes("kws01")
    with np.load(SHARED / "datasets" / "kws01" / "kws01.npz") as samples:
        inputs, labels = samples["x"], samples["y"]
    graph = run_pipeline(INTEGER, load_bytes(model, "kws", "kws.tflite"))
    cases = [[s.reshape(graph.inputs[0].type.shape).astype(np.int8)] for s in inputs]
    right = 0
    for case, theirs, label in zip(cases, run_many(model, cases), labels, strict=True):
        (mine,) = evaluate(graph, case)
        np.testing.assert_array_equal(mine, theirs[0])
        right += int(mine.argmax()) == int(label)
    print(f"KWS: {len(cases)} samples, top-1 {right / len(cases):.3f} in both interpreters")
    assert len(cases) == 500
    assert right >= 450  # MLPerf Tiny asks for 90 %
