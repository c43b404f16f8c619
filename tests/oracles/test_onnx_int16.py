# SPDX-License-Identifier: Apache-2.0
"""Models quantised by quantize_static(activation_type=QInt16) compile to integers and agree with ONNX Runtime."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from smidgen.compiler import compile as compile_model
from smidgen.compiler import verify
from smidgen.errors import UnsupportedModel
from smidgen.ir import Graph, evaluate, evaluate_all
from smidgen.ops import Add, Conv2D, DepthwiseConv2D, Dequantize, FullyConnected, Mul, Quantize, Softmax
from tests.onnx_models import Array, Builder, imported, integer, onnx_runtime
from tests.oracles.onnx_definition import layer

SHAPE = (1, 3, 10, 9)
TIE = 1e-3  # steps; a multiplier of 31 bits moves a result of 15 bits by less


def float_model(head: str) -> bytes:
    """An NCHW network with a depthwise layer, a residual, a gate, a global average, and one of two ends."""
    rng = np.random.default_rng(21)

    def weight(*shape: int) -> str:
        return b.constant(rng.normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape).astype(np.float32), "w")

    b = Builder(17)
    x = b.input(SHAPE, TensorProto.FLOAT)
    y = b.node("Relu", b.node("Conv", x, weight(8, 3, 3, 3), weight(8), pads=[1, 1, 1, 1], strides=[2, 2]))
    z = b.node("Conv", y, weight(8, 1, 3, 3), weight(8), group=8, pads=[1, 1, 1, 1])
    y = b.node("Add", y, b.node("Conv", z, weight(8, 8, 1, 1), weight(8)))
    y = b.node("Mul", y, b.node("Conv", y, weight(8, 8, 1, 1), weight(8)))
    y = b.node("LeakyRelu", b.node("MaxPool", y, kernel_shape=[2, 2]), alpha=0.1)
    y = b.node("Flatten", b.node("GlobalAveragePool", y) if head == "Softmax" else y)
    y = b.node("Gemm", y, weight(5, 8 if head == "Softmax" else 8 * 4 * 4), weight(5), transB=1)
    y = b.node(head, y)
    return b.build(y, output_type=TensorProto.FLOAT)


def samples(count: int) -> list[Array]:
    rng = np.random.default_rng(22)
    return [rng.normal(0, 1, SHAPE).astype(np.float32) for _ in range(count)]


class Calibration(CalibrationDataReader):  # type: ignore[misc]  # untyped base class
    def __init__(self, name: str) -> None:
        self.data: Iterator[dict[str, Array]] = iter([{name: s} for s in samples(8)])

    def get_next(self) -> dict[str, Array] | None:
        return next(self.data, None)


def quantized(folder: Path, head: str = "Relu", **options: Any) -> bytes:
    source, target = folder / "float.onnx", folder / "int16.onnx"
    source.write_bytes(float_model(head))
    name = onnx.load_model(source).graph.input[0].name
    logging.getLogger().setLevel(logging.ERROR)
    extra = {"WeightSymmetric": True, "ActivationSymmetric": True, **options}
    quantize_static(
        str(source), str(target), Calibration(name), quant_format=QuantFormat.QDQ, activation_type=QuantType.QInt16,
        weight_type=QuantType.QInt8, per_channel=True, extra_options=extra,
    )  # fmt: skip
    return target.read_bytes()


def steps_of(graph: Graph, x: Array) -> Array:
    t = graph.inputs[0].type
    return np.clip(np.rint(x / np.float32(t.scale)), -32768, 32767).astype(np.int16)


@pytest.mark.parametrize("domain", ["", "com.microsoft"])
def test_whole_model_agrees_with_onnx_runtime(domain: str, tmp_path: Path) -> None:
    """ONNX Runtime sums in float32, whose 24 bits round sums of 16-bit products: most outputs differ by no step."""
    data = quantized(tmp_path, UseQDQContribOps=bool(domain))
    nodes = onnx.load_model_from_string(data).graph.node
    assert {n.domain for n in nodes if n.op_type == "QuantizeLinear"} == {domain}
    graph = integer(data)
    assert {v.type.dtype for n in graph.nodes for v in n.outputs} == {"int16"}
    oracle, out = onnx_runtime(data, optimized=False), graph.outputs[0].type
    equal, differences = 0, []
    for x in samples(40):
        got = evaluate(graph, [steps_of(graph, x)])[0].astype(int)
        want = np.rint(oracle([x])[0] / np.float32(out.scale)).astype(int)
        differences.append(np.abs(got - want))
        equal += int(np.array_equal(got, want))
    difference = np.stack(differences)
    print(f"{domain}: {equal} of 40 cases equal, {(difference == 0).mean():.3f} of outputs, at most {difference.max()}")
    assert difference.max() <= 3
    assert (difference == 0).mean() >= 0.8


def test_each_layer_against_its_definition(tmp_path: Path) -> None:
    """In float64, only ties may be broken otherwise: multipliers have 31 bits."""
    graph = integer(quantized(tmp_path))
    checked, differing = 0, 0
    for x in samples(20):
        env = evaluate_all(graph, [steps_of(graph, x)])
        for node in (n for n in graph.nodes if isinstance(n.op, Add | Conv2D | DepthwiseConv2D | FullyConnected | Mul)):
            want, ratio = layer(node, [v.data if v.data is not None else env[v] for v in node.inputs], np.float64)
            got = env[node.output]
            from_tie = np.abs(np.abs(ratio - np.rint(ratio)) - 0.5)
            assert from_tie[got != want].max(initial=0) < TIE, node.loc
            checked += got.size
            differing += int((got != want).sum())
    print(f"{differing} of {checked} differ")
    assert checked > 10_000
    assert differing <= 1e-4 * checked


def test_what_it_becomes_is_proven_on_the_core(tmp_path: Path) -> None:
    """Softmax stays a float island between its Dequantize and Quantize."""
    graph = integer(quantized(tmp_path, "Softmax"))
    kinds = [type(n.op) for n in graph.nodes]
    at = kinds.index(Softmax)
    assert (kinds[at - 1], kinds[at + 1 :]) in ((Dequantize, [Quantize]), (Dequantize, []))
    compiled = compile_model(graph, "generic-cortex-m4")
    kernels = {s.choice.kernel.symbol for s in compiled.schedule.steps}
    assert {"smg_conv2d_1x1_s16_dsp", "smg_depthwise_s16_dsp", "smg_fully_connected_s16_dsp"} <= kernels
    found = verify(compiled, cases=6)
    assert (found.mismatches, found.first_divergence) == (0, None)


def test_zero_points_other_than_0_are_refused_with_a_remedy(tmp_path: Path) -> None:
    data = quantized(tmp_path, ActivationSymmetric=False)
    with pytest.raises(UnsupportedModel, match=r"int16 with zero point -?\d+.*ActivationSymmetric=True"):
        imported(data)
