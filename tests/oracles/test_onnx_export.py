# SPDX-License-Identifier: Apache-2.0
"""Official float models, quantised and exported: the same integers from the file, the same answers from ORT."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import pytest

from smidgen.compiler import load_float
from smidgen.exporters import to_onnx
from smidgen.frontends import load_bytes
from smidgen.ir import Graph
from smidgen.quantize import Precision, Recipe, evaluate_batch, integerize, layers, quantize
from smidgen.transforms import FLOAT, INTEGER, run_pipeline
from tests.onnx_models import Array, official, onnx_runtime
from tests.shared import SHARED
from tests.unit.exporters.test_onnx_qdq import signature

RANGES = {
    "kws01": (-120.0, 120.0),
    "sww01": (0.0, 0.9),
    "ad01": (-60.0, 10.0),
    "ic01": (0.0, 255.0),
    "vww01": (0.0, 1.0),
}
KINDS: tuple[Precision, ...] = ("int8", "int16", "int4", "float")
CASES = [("kws01", "int8"), ("kws01", "mixed"), ("sww01", "int4"), ("sww01", "int16"), ("ic01", "int8")]
LONG = [("vww01", "int8"), ("vww01", "mixed"), ("ad01", "int4"), ("ic01", "int4")]


def samples(graph: Graph, task: str, count: int, seed: int) -> Array:
    """Smooth noise over the range that the model expects: nothing about it is real but its range."""
    r, (lo, hi) = np.random.default_rng(seed), RANGES[task]
    shape = (count, *graph.inputs[0].type.shape[1:])
    noise = r.random(shape) * 0.3 + r.random((count, *(1,) * (len(shape) - 1))) * 0.7
    return (lo + noise * (hi - lo)).astype(np.float32)


def recipe(graph: Graph, precision: str) -> Recipe:
    """``mixed``: every precision in turn."""
    if precision == "mixed":
        names = [n.output.name for n in layers(graph)]
        return Recipe(adapt_rounding=False, precisions={n: KINDS[i % len(KINDS)] for i, n in enumerate(names)})
    return Recipe(adapt_rounding=False, precision=precision)  # type: ignore[arg-type]  # one of KINDS


@pytest.mark.parametrize(("task", "precision"), [*CASES, *(pytest.param(*c, marks=pytest.mark.full) for c in LONG)])
def test_exported_model_is_what_was_quantised(task: str, precision: str) -> None:
    official(task, "fp32")
    graph = load_float(SHARED / "zoo" / task / f"{task}_fp32.onnx")
    quantized = quantize(graph, [samples(graph, task, 16, 1)], recipe(graph, precision))
    data = to_onnx(quantized.qdq)
    again = integerize(run_pipeline(FLOAT, load_bytes(data, graph.name, "exported.onnx")))
    lowered = [run_pipeline(INTEGER, g) for g in (again, quantized.graph)]
    assert signature(lowered[0]) == signature(lowered[1])
    kinds = [[type(n.op) for n in g.nodes] for g in lowered]
    assert kinds[0] == kinds[1], "no transposes or reshapes are left that the quantised graph has not"
    x = samples(graph, task, 40, 2)
    ours = evaluate_batch(again, [x])[0]
    np.testing.assert_array_equal(ours, evaluate_batch(quantized.graph, [x])[0])
    theirs = np.concatenate([onnx_runtime(data, optimized=False)([sample[None]])[0] for sample in x])
    same = (theirs.argmax(axis=1) == ours.argmax(axis=1)).mean()
    print(f"{task} {precision}: same top-1 {same:.3f}, largest difference {np.abs(theirs - ours).max():.4g}")
    assert same >= 0.95


def test_a_chain_of_convolutions_has_one_transpose() -> None:
    official("ic01", "fp32")
    graph = load_float(SHARED / "zoo/ic01/ic01_fp32.onnx")
    model = onnx.load_model_from_string(to_onnx(quantize(graph, [samples(graph, "ic01", 4, 1)], Recipe()).qdq))
    assert Counter(n.op_type for n in model.graph.node)["Transpose"] == 1
