# SPDX-License-Identifier: Apache-2.0
"""Float32 networks against ONNX Runtime, which adds in an order of its own: near, within docs/numerics.md's bound.

The figures there come from here: run with -s to see them.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from smidgen.compiler import load
from smidgen.exporters import to_onnx
from smidgen.ir import Array, Graph, evaluate
from smidgen.transforms import INTEGER, run_pipeline
from smidgen.verify import random_inputs
from tests.onnx_models import onnx_runtime
from tests.qdq_networks import FloatNetwork, float_inputs
from tests.shared import SHARED, needs_shared

BOUND = 5e-5
"""Of the largest output. A sum of k products differs by at most about k * 2**-24 of the sum of their magnitudes, and
large ones cancel: IC on an all-zero picture comes to 1.2e-5, everything else here to about 1e-6.
"""
MODELS = ("ad", "ic", "kws", "sww", "vww")
SEEDS = 80


def distance(ours: Array, theirs: Array) -> float:
    """The largest difference, relative to the largest magnitude."""
    assert ours.size == theirs.size
    theirs = theirs.reshape(ours.shape)
    return float(np.abs(ours.astype(np.float64) - theirs).max() / max(float(np.abs(theirs).max()), 1e-30))


def test_random_networks(capsys: pytest.CaptureFixture[str]) -> None:
    found, ops = list[float](), Counter[str]()
    for seed in range(SEEDS):
        graph = FloatNetwork(seed).graph()
        ops.update(type(n.op).__name__ for n in graph.nodes)
        inputs = float_inputs(graph, seed)
        theirs = onnx_runtime(to_onnx(graph), optimized=True)(inputs)
        found += [distance(a, b) for a, b in zip(evaluate(graph, inputs), theirs, strict=True)]
    with capsys.disabled():
        print(f"\n{len(found)} outputs of {SEEDS} random networks: at most {max(found):.2g} of the largest")
    assert 0 < max(found) <= BOUND
    assert len(ops) >= 15


def official(model: str) -> tuple[Path, Graph]:
    path = SHARED / "zoo" / f"{model}01" / f"{model}01_fp32.onnx"
    return path, run_pipeline(INTEGER, load(path))


@needs_shared
@pytest.mark.parametrize("model", MODELS)
def test_official_models(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    path, graph = official(model)
    runtime, found = onnx_runtime(path.read_bytes(), optimized=True), list[float]()
    for inputs in random_inputs(graph, 24, seed=3):
        (ours,) = evaluate(graph, inputs)
        (theirs,) = runtime([a.reshape(v.type.shape) for a, v in zip(inputs, graph.inputs, strict=True)])
        found.append(distance(ours, theirs))
    with capsys.disabled():
        print(f"\n{model}: at most {max(found):.2g} of the largest output")
    assert max(found) <= BOUND
