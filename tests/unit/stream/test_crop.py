# SPDX-License-Identifier: Apache-2.0
"""Parts of tensors: read from files, quantised, exported, and as delay lines of networks that stream."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from smidgen.compiler import compile as compile_model
from smidgen.compiler import verify
from smidgen.errors import InvalidGraph, MalformedModel, UnsupportedModel
from smidgen.exporters import to_onnx
from smidgen.frontends import load_bytes
from smidgen.ir import Array, Graph, evaluate
from smidgen.ops import Add, Conv2D, Crop, FullyConnected, Mean, Transpose
from smidgen.quantize import Recipe, integerize, quantize
from smidgen.transforms import FLOAT, INTEGER, run_pipeline, stream
from tests.onnx_models import onnx_runtime
from tests.op_graphs import Builder, int8_type, quant, random_arrays
from tests.stream_networks import draw_frames
from tests.tflite_builder import Options, int8, int32, single
from tests.unit.quantize.networks import normal, real
from tests.unit.stream.test_stream import check, conv

_X = np.random.default_rng(0).integers(-128, 128, (1, 6, 5, 3)).astype(np.int8)


def _slice(begin: list[int], size: list[int]) -> Graph:
    shape = tuple(d - b if n == -1 else n for b, n, d in zip(begin, size, _X.shape, strict=True))
    operands = [int8(_X.shape), int32(np.array(begin)), int32(np.array(size))]
    return load_bytes(single("SLICE", operands, int8(shape), Options("SliceOptions")), "m", "m.tflite")


def _strided(begin: list[int], end: list[int], shape: tuple[int, ...], step: int = 1, **masks: int) -> Graph:
    bounds = [int32(np.array(v)) for v in (begin, end, [step] * 4)]
    options = Options("StridedSliceOptions", masks)
    return load_bytes(single("STRIDED_SLICE", [int8(_X.shape), *bounds], int8(shape), options), "m", "m.tflite")


@pytest.mark.parametrize(
    ("graph", "want"),
    [
        (_slice([0, 2, 0, 0], [-1, 3, -1, -1]), _X[:, 2:5]),
        (_slice([0, 1, 2, 1], [1, -1, 2, 1]), _X[:, 1:, 2:4, 1:2]),
        (_slice([0, 0, 0, 0], [1, 6, 5, 3]), _X),
        (_strided([0, 1, -3, 0], [0, 4, 5, 0], (1, 3, 3, 3), BeginMask=0b1001, EndMask=0b1001), _X[:, 1:4, 2:]),
        (_strided([0, 1, 0, 0], [1, -1, 99, 3], (1, 4, 5, 3)), _X[:, 1:-1]),
    ],
    ids=["slice", "two dimensions", "all", "masks", "from the end"],
)
def test_tflite(graph: Graph, want: Array) -> None:
    np.testing.assert_array_equal(evaluate(graph, [_X])[0], want)


def test_tflite_refusals() -> None:
    with pytest.raises(UnsupportedModel, match="with strides"):
        _strided([0, 0, 0, 0], [1, 6, 5, 3], (1, 3, 3, 2), step=2)
    with pytest.raises(UnsupportedModel, match="or of other dimensions"):
        _strided([0, 0, 0, 0], [1, 6, 5, 3], (6, 5, 3), ShrinkAxisMask=1)
    with pytest.raises((MalformedModel, InvalidGraph), match="do not lie in dimension 1"):
        _slice([0, 5, 0, 0], [1, 3, 5, 3])
    with pytest.raises(MalformedModel, match="for a tensor of 4 dimensions"):
        load_bytes(
            single("SLICE", [int8(_X.shape), int32(np.array([0])), int32(np.array([1]))], int8((1, 1, 1, 1)),
                   Options("SliceOptions")), "m", "m.tflite")  # fmt: skip


def _onnx_network() -> bytes:
    """Channels first, time last but one: convolution without padding, its input cropped beside it, added."""
    r = np.random.default_rng(1)

    def constant(name: str, data: Any) -> Any:
        return numpy_helper.from_array(np.asarray(data), name)

    weights = [constant(f"w{i}", r.normal(size=(4, c, 3, 1)).astype(np.float32)) for i, c in enumerate((2, 4))]
    bounds = [constant(n, np.array(v, np.int64)) for n, v in (("s", [2]), ("e", [-1]), ("a", [2]), ("t", [0]))]
    nodes = [
        helper.make_node("Conv", ["x", "w0"], ["h"]),
        helper.make_node("Conv", ["h", "w1"], ["c"]),
        helper.make_node("Slice", ["h", "s", "e", "a"], ["p"]),
        helper.make_node("Slice", ["c", "t", "e", "a"], ["q"]),
        helper.make_node("Add", ["p", "q"], ["y"]),
    ]
    value = helper.make_tensor_value_info
    ends = value("x", TensorProto.FLOAT, [1, 2, 10, 3]), value("y", TensorProto.FLOAT, [1, 4, 5, 3])
    graph = helper.make_graph(nodes, "net", [ends[0]], [ends[1]], [*weights, *bounds])
    return bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8).SerializeToString()
    )


def test_onnx() -> None:
    data = _onnx_network()
    graph = run_pipeline(FLOAT, load_bytes(data, "net", "net.onnx"))
    assert {type(n.op) for n in graph.nodes} >= {Crop}
    assert sum(isinstance(n.op, Transpose) for n in graph.nodes) <= 2, "at the ends only"
    x = np.random.default_rng(2).normal(size=(1, 2, 10, 3)).astype(np.float32)
    (want,) = onnx_runtime(data, optimized=False)([x])
    np.testing.assert_allclose(evaluate(graph, [x])[0], want, rtol=1e-4, atol=1e-4)


def _residual_network() -> Graph:
    b = Builder()
    x = b.input(real(1, 12, 2, 3))
    y = b.op(Conv2D(), x, b.constant(real(6, 3, 1, 3), normal(6, 3, 1, 3, seed=1)))
    z = b.op(Conv2D(), y, b.constant(real(6, 3, 1, 6), normal(6, 3, 1, 6, seed=2) * 0.3))
    s = b.op(Add(), z, b.op(Crop(1, 2, 8), y))
    t = b.op(Crop(1, 0, 7), b.op(Crop(2, 1, 1), s))
    return b.graph(b.op(FullyConnected(), b.op(Mean(1, 2), t), b.constant(real(3, 6), normal(3, 6, seed=3))))


@pytest.mark.parametrize("precision", ["int8", "int16"])
def test_quantised_exported_streamed(precision: str) -> None:
    graph = run_pipeline(FLOAT, _residual_network())
    samples = [normal(1, 12, 2, 3, seed=i) for i in range(8)]
    done = quantize(graph, [np.concatenate(samples)], Recipe(precision=precision))  # type: ignore[arg-type]  # one of two
    network = done.graph
    assert {v.type.dtype for n in network.nodes for v in n.outputs if isinstance(n.op, Crop)} == {precision}
    data = to_onnx(done.qdq)
    onnx.checker.check_model(onnx.load_model_from_string(data), full_check=True)
    again = integerize(run_pipeline(FLOAT, load_bytes(data, "again", "again.onnx")))
    x = network.inputs[0].type
    for seed in range(3):
        draw = random_arrays([x], seed)
        np.testing.assert_array_equal(evaluate(network, draw)[0], evaluate(again, draw)[0])
    found = stream(run_pipeline(INTEGER, network), 1)
    frame = replace(x, shape=(1, 1, 2, 3))
    assert check(found, [random_arrays([frame], i)[0] for i in range(30)]) > 15


def test_a_residual_needs_a_delay_line() -> None:
    """What is added is as old as the part leaves out at the end; nothing is kept where it leaves out nothing."""
    for start, kept in ((0, [3, 3, 3]), (1, [3, 3, 2]), (2, [3, 3])):
        b = Builder()
        x = conv(b, b.input(int8_type(1, 9, 1, 4, scale=0.1, zero_point=-3)), 3)
        y = b.op(Add(out_quant=quant(4.0)), conv(b, x, 3), b.op(Crop(1, start, 5), x))
        found = stream(run_pipeline(INTEGER, b.graph(y)))
        assert sorted(s.before.type.shape[1] for s in found.step.states)[::-1][:2] == [5, 3]
        assert check(found, draw_frames((1, 1, 1, 4), 30, 2)) > 5
        inside = [s.before.type.shape[1] for s in found.step.states][:-1]
        assert len(inside) <= len(kept)


@pytest.mark.slow
def test_on_the_device() -> None:
    b = Builder()
    x = conv(b, b.input(int8_type(1, 9, 2, 4, scale=0.1, zero_point=-3)), 3)
    y = b.op(Add(out_quant=quant(4.0)), conv(b, x, 3), b.op(Crop(1, 1, 5), x))
    result = verify(compile_model(b.graph(y), streaming=True), cases=5)
    assert (result.mismatches, result.cases) == (0, 14)
    assert verify(compile_model(b.graph(y)), cases=5).mismatches == 0


def test_a_part_lies_inside() -> None:
    t = int8_type(1, 5, 2)
    x = random_arrays([t])
    np.testing.assert_array_equal(Crop(1, 3, 2).evaluate([t], x)[0], x[0][:, 3:])
    for op in (Crop(1, 4, 2), Crop(1, -1, 2), Crop(1, 0, 0), Crop(3, 0, 1)):
        with pytest.raises(InvalidGraph, match="do not lie in dimension"):
            op.infer([t])
