# SPDX-License-Identifier: Apache-2.0
"""Float TFLite operators against TFLite Micro's float kernels, as imported and after the float passes."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import tflite

from smidgen.frontends import load_bytes
from smidgen.frontends.tflite.ops import IMPORTERS
from smidgen.ir import evaluate
from smidgen.transforms import FLOAT, run_pipeline
from tests.oracles.tflite_micro import run_tflite_micro
from tests.tflite_builder import Array, Options, Tensor, int32, single

BOUND = 1e-5  # of the largest output: the order of float32 sums, and other formulas of the same curves
_RELU, _RELU6 = 1, 3


def real(*shape: int, data: Array | None = None) -> Tensor:
    return Tensor("float32", shape, data=data)


def weights(*shape: int) -> Tensor:
    seed = zlib.crc32(str(shape).encode())
    return real(*shape, data=np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32))


@dataclass(frozen=True)
class Case:
    """One operator: its inputs (those without data are given), output shape and options."""

    kind: str
    inputs: list[Tensor]
    shape: tuple[int, ...]
    table: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    like: Callable[[Array], Array] | None = None
    """What it computes, where TFLite Micro has no float kernel."""

    @property
    def model(self) -> bytes:
        options = Options(self.table, self.fields) if self.table else None
        return single(self.kind, self.inputs, real(*self.shape), options)


def window(**fields: int) -> dict[str, Any]:
    return {"StrideH": 1, "StrideW": 1, **fields}


_DILATED = {"DilationHFactor": 1, "DilationWFactor": 1}
_SAME, _VALID = tflite.Padding.SAME, tflite.Padding.VALID
_MAP, _ROWS = (1, 5, 6, 3), (2, 7)
_POOL = window(FilterHeight=3, FilterWidth=2, Padding=_SAME)
CASES = [
    Case("ADD", [real(*_MAP), weights(1, 1, 1, 3)], _MAP, "AddOptions", {"FusedActivationFunction": _RELU}),
    Case("SUB", [real(*_MAP), real(*_MAP)], _MAP, "SubOptions"),
    Case("MUL", [real(*_MAP), weights(3)], _MAP, "MulOptions", {"FusedActivationFunction": _RELU6}),
    Case("DIV", [real(*_ROWS), weights(7)], _ROWS, "DivOptions"),
    Case("CONV_2D", [real(*_MAP), weights(4, 3, 2, 3), weights(4)], (1, 5, 6, 4), "Conv2DOptions", window(**_DILATED)),
    Case(
        "CONV_2D",
        [real(*_MAP), weights(4, 3, 3, 3)],
        (1, 2, 2, 4),
        "Conv2DOptions",
        window(**_DILATED) | {"StrideH": 2, "StrideW": 2, "Padding": _VALID, "FusedActivationFunction": _RELU},
    ),
    Case(
        "DEPTHWISE_CONV_2D",
        [real(*_MAP), weights(1, 3, 3, 6), weights(6)],
        (1, 5, 6, 6),
        "DepthwiseConv2DOptions",
        window(**_DILATED, DepthMultiplier=2, FusedActivationFunction=_RELU6),
    ),
    Case("FULLY_CONNECTED", [real(*_ROWS), weights(4, 7), weights(4)], (2, 4), "FullyConnectedOptions"),
    Case("AVERAGE_POOL_2D", [real(*_MAP)], _MAP, "Pool2DOptions", _POOL | {"FusedActivationFunction": _RELU}),
    Case("MAX_POOL_2D", [real(*_MAP)], _MAP, "Pool2DOptions", _POOL),
    Case("MEAN", [real(*_MAP), int32(np.array([1, 2]))], (1, 3), "ReducerOptions"),
    Case("SUM", [real(*_MAP), int32(np.array([1, 2]))], (1, 1, 1, 3), "ReducerOptions", {"KeepDims": True}),
    Case("REDUCE_MAX", [real(*_MAP), int32(np.array([1, 2]))], (1, 3), "ReducerOptions"),
    Case("PAD", [real(*_MAP), int32(np.array([[0, 0], [1, 2], [0, 1], [0, 0]]))], (1, 8, 7, 3), "PadOptions"),
    Case(
        "PADV2",
        [real(*_ROWS), int32(np.array([[0, 1], [2, 0]])), real(data=np.float32(1.5))],
        (3, 9),
        "PadV2Options",
    ),
    Case("SLICE", [real(*_ROWS), int32(np.array([0, 2])), int32(np.array([-1, 4]))], (2, 4), "SliceOptions"),
    Case(
        "STRIDED_SLICE",
        [real(*_ROWS), int32(np.array([1, 2])), int32(np.array([2, -1])), int32(np.array([1, 1]))],
        (1, 4),
        "StridedSliceOptions",
    ),
    Case("CONCATENATION", [real(2, 3), real(2, 4)], _ROWS, "ConcatenationOptions", {"Axis": 1}),
    Case("TRANSPOSE", [real(2, 3, 4), int32(np.array([2, 0, 1]))], (4, 2, 3), "TransposeOptions"),
    Case("RESHAPE", [real(2, 6)], (3, 4), "ReshapeOptions", {"NewShape": (3, 4)}),
    Case("SQUEEZE", [real(1, 7)], (7,), "SqueezeOptions", {"SqueezeDims": (0,)}),
    Case("EXPAND_DIMS", [real(7), int32(np.array([0]))], (1, 7), "ExpandDimsOptions"),
    Case("RELU", [real(*_ROWS)], _ROWS),
    Case("RELU6", [real(*_ROWS)], _ROWS),
    Case("RELU_N1_TO_1", [real(*_ROWS)], _ROWS, like=lambda x: np.clip(x, -1, 1)),
    Case("RELU_0_TO_1", [real(*_ROWS)], _ROWS, like=lambda x: np.clip(x, 0, 1)),
    Case("LEAKY_RELU", [real(*_ROWS)], _ROWS, "LeakyReluOptions", {"Alpha": 0.2}),
    Case("PRELU", [real(*_MAP), weights(1, 1, 3)], _MAP),
    Case("SOFTMAX", [real(*_ROWS)], _ROWS, "SoftmaxOptions", {"Beta": 1.5}),
    Case("LOGISTIC", [real(*_ROWS)], _ROWS),
    Case("TANH", [real(*_ROWS)], _ROWS),
    Case("HARD_SWISH", [real(*_ROWS)], _ROWS),
    Case("ELU", [real(*_ROWS)], _ROWS),
    Case("EXP", [real(*_ROWS)], _ROWS, "ExpOptions"),
    Case("MAXIMUM", [real(*_ROWS), real(data=np.float32(-0.5))], _ROWS, "MaximumMinimumOptions"),
    Case("MINIMUM", [real(*_ROWS), real(data=np.float32(0.5))], _ROWS, "MaximumMinimumOptions"),
    Case(
        "GELU",
        [real(*_ROWS)],
        _ROWS,
        "GeluOptions",
        like=lambda x: np.vectorize(lambda v: 0.5 * v * (1 + math.erf(v / math.sqrt(2))))(x),
    ),
]
_INTEGERS_ONLY = {"QUANTIZE", "DEQUANTIZE"}


def test_every_operator_is_tried_in_floats() -> None:
    assert {c.kind for c in CASES} | _INTEGERS_ONLY == set(IMPORTERS)


@pytest.mark.parametrize("case", CASES, ids=[f"{i} {c.kind}" for i, c in enumerate(CASES)])
def test_float_operator_against_tflite_micro(case: Case) -> None:
    graph = load_bytes(case.model, "case", "case.tflite")
    clean = run_pipeline(FLOAT, graph)
    assert graph.numerics == "onnx-qdq.v1"
    rng = np.random.default_rng(2)
    for _ in range(5):
        inputs = [rng.normal(0, 3, t.shape).astype(np.float32) for t in case.inputs if t.data is None]
        want = case.like(inputs[0]) if case.like else run_tflite_micro(case.model, inputs)[0]
        for g in (graph, clean):
            (y,) = evaluate(g, inputs)
            assert y.shape == want.shape
            np.testing.assert_allclose(y, want, rtol=0, atol=BOUND * float(np.abs(want).max()))
    assert np.unique(y).size > 2
