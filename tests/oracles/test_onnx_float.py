# SPDX-License-Identifier: Apache-2.0
"""Float ONNX models against ONNX Runtime, as imported and after the float passes, and how clean these leave them."""

from __future__ import annotations

import numpy as np
import pytest

from smidgen.frontends.onnx import read_onnx
from smidgen.ir import Array, Graph, Node, evaluate
from smidgen.ops import Reshape, Transpose
from smidgen.transforms import FLOAT, run_pipeline
from tests.onnx_models import TASKS, official, onnx_runtime
from tests.oracles.onnx_float_cases import CASES, build, inputs
from tests.oracles.test_onnx_official import MACS

BOUND = 1e-5
"""Of an output's largest magnitude: how far float32 sums in other orders may be apart in networks this small."""


def close(got: Array, want: Array) -> None:
    assert got.shape == want.shape
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, want, rtol=0, atol=BOUND * float(np.abs(want).max()))


def at_an_end(node: Node, graph: Graph) -> bool:
    """True for what moves an input before anything computes with it, or an output after that."""
    ends = {*graph.inputs, *graph.outputs}
    for other in graph.nodes:
        if isinstance(other.op, Reshape | Transpose) and ends.intersection((*other.inputs, *other.outputs)):
            ends.update((*other.inputs, *other.outputs))
    return node.inputs[0] in ends or node.output in ends


@pytest.mark.parametrize("opset", [11, 13, 21])
@pytest.mark.parametrize("name", CASES)
def test_import_and_passes_against_onnx_runtime(name: str, opset: int) -> None:
    data = build(name, opset)
    runtime = onnx_runtime(data, optimized=False)
    graph = read_onnx(data, "model", "model.onnx")
    cases = inputs(CASES[name].shape, 3)
    clean = run_pipeline(FLOAT, graph, probe=[cases[0]])
    for x in cases:
        (want,) = runtime([x])
        close(evaluate(graph, [x])[0], want)
        close(evaluate(clean, [x])[0], want)
    assert np.unique(evaluate(clean, [cases[0]])[0]).size > 2
    wanted = CASES[name].clean
    if wanted is not None:
        kinds = " ".join(type(n.op).__name__ for n in clean.nodes if not isinstance(n.op, Transpose))
        assert kinds == wanted
        inner = [n.loc for n in clean.nodes if isinstance(n.op, Transpose) and not at_an_end(n, clean)]
        assert not inner
    again = run_pipeline(FLOAT, clean)
    assert [type(n.op) for n in again.nodes] == [type(n.op) for n in clean.nodes]


@pytest.mark.parametrize("task", TASKS)
def test_official_float_models(task: str) -> None:
    data = official(task, "fp32")
    graph = run_pipeline(FLOAT, read_onnx(data, "model", "model.onnx"))
    assert graph.macs == MACS[task]
    assert not any(isinstance(n.op, Transpose) for n in graph.nodes)
    runtime = onnx_runtime(data, optimized=True)
    for x in inputs(graph.inputs[0].type.shape, 2):
        (want,) = runtime([x])
        close(evaluate(graph, [x])[0], want)
