# SPDX-License-Identifier: Apache-2.0
"""Models quantised by onnxruntime.quantization.quantize_static compile to integers and agree with ONNX Runtime."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from smidgen.errors import UnsupportedModel
from smidgen.ir import evaluate
from smidgen.ops import Transpose
from tests.onnx_models import Array, Builder, integer, onnx_runtime

SHAPE = (1, 3, 12, 10)


def float_model() -> bytes:
    """An NCHW residual network: strided and depthwise convolutions, pools, concat, pad, leaky relu, dense."""
    rng = np.random.default_rng(11)

    def weight(*shape: int) -> str:
        return b.constant(rng.normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape).astype(np.float32), "w")

    b = Builder(17)
    x = b.input(("batch", *SHAPE[1:]), TensorProto.FLOAT)
    y = b.node("Relu", b.node("Conv", x, weight(8, 3, 3, 3), weight(8), pads=[1, 1, 1, 1], strides=[2, 2]))
    z = b.node("Conv", y, weight(8, 1, 3, 3), weight(8), group=8, pads=[1, 1, 1, 1])
    z = b.node("Clip", z, b.constant(np.float32(0)), b.constant(np.float32(6)))
    y = b.node("Add", y, b.node("Conv", z, weight(8, 8, 1, 1), weight(8)))
    # windows of 9: a mean of an even number of equal scales is often an exact tie, which float32 breaks at random
    y = b.node(
        "Concat", b.node("MaxPool", y, kernel_shape=[3, 3]), b.node("AveragePool", y, kernel_shape=[3, 3]), axis=1
    )
    y = b.node("LeakyRelu", b.node("Conv", y, weight(6, 16, 2, 2), weight(6)), alpha=0.1)
    y = b.node("Flatten", b.node("Pad", y, b.constant(np.array([0, 0, 0, 1, 0, 0, 1, 0], np.int64))))
    y = b.node("Add", b.node("MatMul", y, weight(72, 16)), weight(16))
    y = b.node("Gemm", b.node("Relu", y), weight(5, 16), weight(5), transB=1)
    return b.build(y, output_type=TensorProto.FLOAT)


def samples(count: int) -> list[Array]:
    rng = np.random.default_rng(12)
    return [rng.normal(0, 1, SHAPE).astype(np.float32) for _ in range(count)]


class Calibration(CalibrationDataReader):  # type: ignore[misc]  # untyped base class
    def __init__(self, name: str) -> None:
        self.data: Iterator[dict[str, Array]] = iter([{name: s} for s in samples(8)])

    def get_next(self) -> dict[str, Array] | None:
        return next(self.data, None)


def quantized(
    folder: Path, activation: QuantType, weight: QuantType, per_channel: bool, symmetric: bool = True
) -> bytes:
    source, target = folder / "float.onnx", folder / "int8.onnx"
    source.write_bytes(float_model())
    name = onnx.load_model(source).graph.input[0].name
    logging.getLogger().setLevel(logging.ERROR)
    quantize_static(
        str(source),
        str(target),
        Calibration(name),
        quant_format=QuantFormat.QDQ,
        activation_type=activation,
        weight_type=weight,
        per_channel=per_channel,
        extra_options={"WeightSymmetric": symmetric},
    )
    return target.read_bytes()


INT8, UINT8 = QuantType.QInt8, QuantType.QUInt8


@pytest.mark.parametrize(
    ("activation", "weight", "per_channel"),
    [(INT8, INT8, False), (INT8, INT8, True), (UINT8, INT8, False), (UINT8, INT8, True), (UINT8, UINT8, False)],
    ids=str,
)
def test_statically_quantised_model_compiles_and_agrees(
    activation: QuantType, weight: QuantType, per_channel: bool, tmp_path: Path
) -> None:
    data = quantized(tmp_path, activation, weight, per_channel)
    graph = integer(data)
    kinds = [type(n.op) for n in graph.nodes]
    assert kinds.count(Transpose) <= 1, "the input is NCHW: one transpose there, none inside"
    oracle = onnx_runtime(data, optimized=False)
    quant, out = graph.inputs[0].type, graph.outputs[0].type
    agreed = 0
    for x in samples(40):
        q = np.clip(np.rint(x / np.float32(quant.scale)) + quant.zero_point, -128, 127).astype(np.int8)
        got = evaluate(graph, [q])[0].astype(int)
        want = np.rint(oracle([x])[0] / np.float32(out.scale)).astype(int) + out.zero_point
        assert np.abs(got - want).max() <= 2
        agreed += int(np.array_equal(got, want))
    print(f"{activation} {weight} per_channel={per_channel}: {agreed} of 40 cases equal")
    assert agreed >= 36


def test_asymmetric_uint8_weights_are_refused_with_a_remedy(tmp_path: Path) -> None:
    data = quantized(tmp_path, UINT8, UINT8, False, symmetric=False)
    with pytest.raises(UnsupportedModel, match=r"zero points other than 0.*do not fit int8.*WeightSymmetric=True"):
        integer(data)
