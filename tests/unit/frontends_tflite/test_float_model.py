# SPDX-License-Identifier: Apache-2.0
"""Float TFLite models: the official ones, equal to their ONNX twins layer by layer; halves; what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from smidgen.errors import MalformedModel, UnsupportedModel
from smidgen.frontends import load_bytes
from smidgen.ir import Graph, Half, evaluate
from smidgen.ops import Curve, FullyConnected
from smidgen.quantize import integerize
from smidgen.transforms import FLOAT, INTEGER, run_pipeline
from tests.shared import SHARED, needs_shared
from tests.tflite_builder import Operator, Options, Tensor, build, int8, single

MACS = {"ad01": 264192, "ic01": 12501632, "kws01": 2656768, "sww01": 826368, "vww01": 7489664}


def layers(graph: Graph) -> list[tuple[str, tuple[int, ...], int]]:
    """Each node's op, shape and work."""
    return [(type(n.op).__name__, n.output.type.shape, n.macs) for n in graph.nodes]


@needs_shared
@pytest.mark.parametrize("model", MACS)
def test_official_models_are_the_same_in_both_formats(model: str) -> None:
    files = [f"{model}_fp32.{suffix}" for suffix in ("tflite", "onnx")]
    graphs = [run_pipeline(FLOAT, load_bytes((SHARED / "zoo" / model / f).read_bytes(), model, f)) for f in files]
    first, second = (sorted(layers(g)) for g in graphs)  # branches may be written in another order
    assert first == second
    assert [g.macs for g in graphs] == [MACS[model]] * 2
    assert {g.numerics for g in graphs} == {"onnx-qdq.v1"}
    x = np.random.default_rng(1).normal(0, 2, graphs[0].inputs[0].type.shape).astype(np.float32)
    (a,), (b,) = (evaluate(g, [x]) for g in graphs)
    np.testing.assert_allclose(a, b, rtol=0, atol=1e-5 * float(np.abs(b).max()))


def halves() -> bytes:
    """A dense layer whose weights are float16 behind DEQUANTIZE, then TANH."""
    w = np.arange(6).reshape(2, 3).astype(np.float16) / 4
    tensors = [
        Tensor("float32", (1, 3)),
        Tensor("float16", (2, 3), data=w),
        Tensor("float32", (2, 3)),
        Tensor("float32", (1, 2)),
        Tensor("float32", (1, 2)),
    ]
    dense = Options("FullyConnectedOptions", {"FusedActivationFunction": 1})
    ops = [
        Operator("DEQUANTIZE", (1,), (2,), Options("DequantizeOptions")),
        Operator("FULLY_CONNECTED", (0, 2), (3,), dense),
        Operator("TANH", (3,), (4,)),
    ]
    return build(tensors, ops, [0], [4])


def test_float16_weights_are_folded() -> None:
    graph = run_pipeline(FLOAT, load_bytes(halves(), "halves", "halves.tflite"))
    assert [type(n.op) for n in graph.nodes] == [FullyConnected, Curve]
    assert graph.nodes[0].op.clamp == (0.0, np.inf)  # type: ignore[attr-defined]  # checked above
    (y,) = evaluate(graph, [np.array([[1, -1, 2]], np.float32)])
    np.testing.assert_allclose(y, np.tanh([[0.75, 2.25]]), rtol=1e-6)


def test_float16_weights_are_kept_as_halves() -> None:
    imported = run_pipeline(FLOAT, load_bytes(halves(), "halves", "halves.tflite"))
    graph = run_pipeline(INTEGER, integerize(imported))
    (dense,) = (n for n in graph.nodes if isinstance(n.op, FullyConnected))
    assert (dense["w"].type.storage, dense["w"].type.stored_nbytes) == (Half(), 12)


def test_shape_arithmetic_is_left_out() -> None:
    """RESHAPE by a computed shape (SHAPE, PACK): the declared shape of its result says it all."""
    tensors = [
        Tensor("float32", (1, 2, 3)),
        Tensor("int32", (3,)),
        Tensor("int32", (2,)),
        Tensor("float32", (1, 6)),
    ]
    ops = [
        Operator("SHAPE", (0,), (1,), Options("ShapeOptions")),
        Operator("SLICE", (1,), (2,), Options("SliceOptions")),
        Operator("RESHAPE", (0, 2), (3,)),
    ]
    graph = load_bytes(build(tensors, ops, [0], [3]), "flat", "flat.tflite")
    assert [n.output.type.shape for n in graph.nodes] == [(1, 6)]


def test_reals_with_int8_weights_are_refused() -> None:
    x, w = Tensor("float32", (1, 3)), int8((2, 3), 0.1, 0, np.ones((2, 3), np.int8))
    data = single("FULLY_CONNECTED", [x, w], Tensor("float32", (1, 2)), Options("FullyConnectedOptions"))
    with pytest.raises(UnsupportedModel, match=r"float32 activations with int8 weights.*or leave it in float32"):
        load_bytes(data, "m", "m.tflite")


def test_int8_curves_are_refused_with_a_remedy() -> None:
    data = single("TANH", [int8((1, 3))], int8((1, 3)))
    with pytest.raises(UnsupportedModel, match=r"TANH of int8\. Give smidgen the float32 model"):
        load_bytes(data, "m", "m.tflite")


def test_float_weights_of_the_wrong_shape() -> None:
    x, w = Tensor("float32", (1, 4, 4, 3)), Tensor("float32", (2, 3, 3, 2), data=np.ones((2, 3, 3, 2), np.float32))
    conv = Options("Conv2DOptions", {"StrideH": 1, "StrideW": 1, "DilationHFactor": 1, "DilationWFactor": 1})
    with pytest.raises(MalformedModel, match="do not fit 3 input channels"):
        load_bytes(single("CONV_2D", [x, w], Tensor("float32", (1, 4, 4, 2)), conv), "m", "m.tflite")
