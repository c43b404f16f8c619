# SPDX-License-Identifier: Apache-2.0
"""Every supported ONNX op and attribute, quantised, at most one step from onnx's evaluator or ONNX Runtime."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from onnx import TensorProto

import smidgen
from smidgen.frontends.onnx import read_onnx
from smidgen.frontends.onnx.ops import BY_NAME
from smidgen.ir import evaluate
from smidgen.ops import Dequantize, Reshape, Transpose
from smidgen.quantize import integerize
from tests.onnx_models import Builder, imported, integer, onnx_runtime, reference_evaluator
from tests.oracles.onnx_cases import CASES
from tests.oracles.onnx_float_cases import CASES as FLOAT_CASES
from tests.oracles.onnx_float_cases import build as float_model

RUNTIME_ONLY = ("integer moves",)  # onnx.reference fails on a MaxPool of int8 ("cannot convert float NaN to integer")
TRANSPOSE_FREE = ("flattened map",)


@pytest.mark.parametrize("opset", [13, 21])
@pytest.mark.parametrize("case", CASES)
def test_quantised_op_is_within_a_step_of_the_reference(case: str, opset: int) -> None:
    b = Builder(opset)
    data = b.build(CASES[case](b, np.random.default_rng(zlib.crc32(case.encode()))))
    rng = np.random.default_rng(1)
    with_runtime = opset < 19 or case in RUNTIME_ONLY
    reference = onnx_runtime(data, optimized=False) if with_runtime else reference_evaluator(data)
    probe = [rng.integers(-128, 128, v.type.shape).astype(np.int8) for v in imported(data).inputs]
    graph = integer(data, probe)
    if case in TRANSPOSE_FREE:
        assert not any(isinstance(n.op, Transpose) for n in graph.nodes)
    distinct = 0
    for _ in range(8):
        inputs = [rng.integers(-128, 128, v.type.shape).astype(np.int8) for v in graph.inputs]
        (want,) = reference(inputs)
        (got,) = evaluate(graph, inputs)
        assert got.shape == want.shape
        assert np.abs(got.astype(int) - want.astype(int)).max(initial=0) <= 1
        distinct = max(distinct, np.unique(got).size)
    assert distinct >= min(3, got.size), "the outputs are saturated: the comparison says nothing"


def uint8_boundary() -> bytes:
    """A convolution between a uint8 input, padded and pooled as bytes, and two uint8 outputs."""
    rng = np.random.default_rng(4)
    b = Builder(17)
    x = b.node(
        "Pad",
        b.input((1, 3, 8, 8), TensorProto.UINT8),
        b.constant(np.array([0, 0, 1, 1, 0, 0, 1, 1])),
        b.constant(np.uint8(120)),
    )
    x = b.dequantize(b.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]), 0.04, 120, np.uint8)
    w = b.dequantize(b.constant(rng.integers(-127, 128, (4, 3, 3, 3)).astype(np.int8)), 0.01, 0)
    y = b.quantize(b.node("Relu", b.node("Conv", x, w)), 0.03, 0, np.uint8)
    mean = b.node("ReduceMean", b.dequantize(y, 0.03, 0, np.uint8), axes=[2, 3], keepdims=0)
    return b.build(y, b.quantize(mean, 0.02, 30, np.uint8), output_type=TensorProto.UINT8)


def test_uint8_inputs_and_outputs_are_those_of_the_runtime() -> None:
    data = uint8_boundary()
    graph, runtime = integer(data), onnx_runtime(data, optimized=False)
    rng = np.random.default_rng(1)
    for _ in range(8):
        x = rng.integers(0, 256, graph.inputs[0].type.shape).astype(np.uint8)
        for got, want in zip(evaluate(graph, [x]), runtime([x]), strict=True):
            assert (got.dtype, got.shape) == (want.dtype, want.shape)
            assert np.abs(got.astype(int) - want.astype(int)).max() <= 1
            assert np.unique(got).size >= 3


def test_compiled_uint8_boundary_computes_the_same_bytes() -> None:
    verification = smidgen.verify(smidgen.compile(integerize(imported(uint8_boundary()))), cases=4)
    assert verification.mismatches == 0, verification.first_divergence


def test_importers_say_what_they_make() -> None:
    """Each op in ``makes`` is made in some case here, and nothing else is."""
    made: dict[str, set[type]] = {name: set() for name in BY_NAME}
    quantized = []
    for case in CASES:
        b = Builder(17)
        quantized.append(b.build(CASES[case](b, np.random.default_rng(1))))
    for data in (*quantized, *(float_model(name, 17) for name in FLOAT_CASES)):
        for node in read_onnx(data, "model", "model.onnx").nodes:
            if ":node " in node.loc:
                made[node.loc.split()[2]].add(type(node.op))
    for name, importer in BY_NAME.items():
        missing = set(importer.makes) - made[name]
        assert not missing, f"{name} says it makes {missing}"
        assert made[name] - {Transpose, Reshape, Dequantize} <= set(importer.makes), name


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_compiled_case_computes_the_same_bytes(case: str) -> None:
    """The C of each case, on the emulated core: every layer equal."""
    b = Builder(17)
    graph = integerize(imported(b.build(CASES[case](b, np.random.default_rng(zlib.crc32(case.encode()))))))
    verification = smidgen.verify(smidgen.compile(graph), cases=3)
    assert verification.cases == 3
    assert verification.mismatches == 0, verification.first_divergence
