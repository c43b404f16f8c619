# SPDX-License-Identifier: Apache-2.0
"""Exported files: valid, read back to the same integers, and run by ONNX Runtime with the same results."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smidgen.errors import UnsupportedModel
from smidgen.exporters import to_onnx
from smidgen.frontends import load_bytes
from smidgen.ir import Array, Graph, Half, QuantParams, TensorType, Value, evaluate, verify
from smidgen.ir.types import FourBit
from smidgen.ops import (
    Add,
    AveragePool2D,
    Clamp,
    Conv2D,
    Curve,
    Dequantize,
    FullyConnected,
    Quantize,
    Requantize,
    Reshape,
    Softmax,
    Transpose,
)
from smidgen.ops.curve import FUNCTIONS
from smidgen.quantize import Precision, Recipe, integerize, layers, quantize
from smidgen.quantize.batches import sample_shape
from smidgen.transforms import FLOAT, INTEGER, run_pipeline
from tests.onnx_models import onnx_runtime
from tests.op_graphs import Builder
from tests.qdq_networks import FloatNetwork, float_inputs, in_four_bits, quantized

SEEDS = st.integers(0, 1 << 32)


def integers(graph: Graph) -> Graph:
    return integerize(run_pipeline(FLOAT, graph))


def read_back(graph: Graph, *, full_check: bool = False) -> Graph:
    """The graph that its exported file is read as."""
    data = to_onnx(graph)
    if full_check:
        onnx.checker.check_model(onnx.load_model_from_string(data), full_check=True)
    return load_bytes(data, graph.name, "exported.onnx")


def _quant(quant: QuantParams | None) -> Any:
    """One scale is one scale, whether it lies on an axis or not."""
    if quant is None or len(quant.scale) > 1:
        return quant
    return replace(quant, axis=None)


def signature(graph: Graph) -> list[tuple[Any, ...]]:
    """What a graph computes with, whatever its values are called: each op's type, result and constants.

    Views, and the order of the operands of a sum, are no part of it.
    """
    found = []
    for node in graph.nodes:
        if isinstance(node.op, Reshape | Transpose):
            continue
        constants = []
        for v in node.inputs:
            if v.data is not None:
                digest = hashlib.sha256(v.data.tobytes()).hexdigest()
                # the bias has the scale that its weights and input give it, in doubles here and float32 in the file
                quant = _quant(v.type.quant) if v.type.dtype != "int32" else None
                constants.append((v.type.dtype, v.type.elements, digest, str(v.type.storage), str(quant)))
        out = node.output.type
        clamp = getattr(node.op, "clamp", None)
        found.append((type(node.op).__name__, out.dtype, out.elements, str(out.quant), str(clamp), sorted(constants)))
    return sorted(found)


def stored(types: list[TensorType], inputs: list[Array]) -> list[Array]:
    """Float inputs as the integer graph takes them."""
    arrays = []
    for t, x in zip(types, inputs, strict=True):
        if t.quant is not None and t.dtype != "float32":
            x = Quantize(t.quant, t.dtype, "even").evaluate([TensorType("float32", t.shape)], [x])[0]
        arrays.append(x)
    return arrays


def check_same(direct: Graph, again: Graph, inputs: list[Array]) -> None:
    assert [v.type for v in again.inputs] == [v.type for v in direct.inputs]
    assert [v.type for v in again.outputs] == [v.type for v in direct.outputs]
    assert signature(again) == signature(direct)
    data = stored([v.type for v in direct.inputs], inputs)
    lowered = run_pipeline(INTEGER, again)
    for a, b in zip(evaluate(direct, data), evaluate(lowered, data), strict=True):
        np.testing.assert_array_equal(a, b)


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_quantised_networks_read_back_to_the_same_integers(seed: int) -> None:
    graph = quantized(FloatNetwork(seed).graph())
    verify(graph, "imported")
    check_same(integers(graph), integers(read_back(graph, full_check=True)), float_inputs(graph, 5))


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_weights_in_four_bits_read_back_as_such(seed: int) -> None:
    graph = FloatNetwork(seed).graph()
    graph = quantized(graph, four_bit=in_four_bits(graph, (None, 8, 16), seed))
    check_same(integers(graph), integers(read_back(graph)), float_inputs(graph, 5))


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_networks_with_16_bit_activations_read_back_to_the_same_integers(seed: int) -> None:
    graph, r = FloatNetwork(seed).graph(), np.random.default_rng(seed)
    wide = frozenset(v for n in graph.nodes for v in n.outputs if r.random() < 0.5)
    graph = quantized(graph, wide=wide)
    check_same(integers(graph), integers(read_back(graph)), float_inputs(graph, 5))


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_float_weights_in_half_precision_read_back_as_such(seed: int) -> None:
    """Mixed with integer layers; in the file they are FLOAT16, and a Cast makes them real."""
    graph, r = run_pipeline(FLOAT, FloatNetwork(seed).graph()), np.random.default_rng(seed)
    precisions: dict[str, Precision] = {n.output.name: "float16" if r.random() < 0.6 else "int8" for n in layers(graph)}
    found = quantize(graph, [r.normal(size=(3, *sample_shape(v.type))).astype(np.float32) for v in graph.inputs],
                     Recipe(precisions=precisions, equalize=False, adapt_rounding=False))  # fmt: skip
    qdq, model = found.qdq, onnx.load_model_from_string(to_onnx(found.qdq))
    halves = {v for n in qdq.nodes for v in n.inputs if v.type.storage == Half()}
    assert bool(halves) == ("float16" in {e.precision for e in found.layers})
    assert sum(i.data_type == onnx.TensorProto.FLOAT16 for i in model.graph.initializer) >= len(halves)
    assert sum(n.op_type == "Cast" for n in model.graph.node) >= len(halves)
    check_same(run_pipeline(INTEGER, integers(qdq)), run_pipeline(INTEGER, integers(read_back(qdq))),
               float_inputs(qdq, 5))  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_onnx_runtime_computes_a_float_network_as_we_do(seed: int) -> None:
    graph = FloatNetwork(seed).graph()
    x = float_inputs(graph, 3)
    for got, want in zip(onnx_runtime(to_onnx(graph), optimized=True)(x), evaluate(graph, x), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)  # sums in another order


@settings(max_examples=40, deadline=None)
@given(SEEDS)
@example(7)
def test_onnx_runtime_computes_a_quantised_network_nearly_as_we_do(seed: int) -> None:
    """Equal but for ties and what float32 sums make of them: steps apart here and there, never elsewhere."""
    graph = FloatNetwork(seed).graph()
    graph = quantized(graph, four_bit=in_four_bits(graph, (None, 8), seed))
    x, ours = float_inputs(graph, 5), integers(graph)
    want = evaluate(ours, stored([v.type for v in ours.inputs], x))
    for v, got, w in zip(ours.outputs, onnx_runtime(to_onnx(graph), optimized=False)(x), want, strict=True):
        steps = np.rint(got / np.float32(v.type.scale)) + v.type.zero_point - w
        assert np.abs(steps).max() <= 4
        assert (steps != 0).mean() <= 0.2 or steps.size < 40


def test_no_transposes_are_left_inside() -> None:
    """Convolutions, a residual addition, a pool: one at the input, none at an output of two dimensions."""
    b = Builder()

    def layer(x: Value, out: int, clamp: tuple[float, float] = (0.0, np.inf)) -> Value:
        r = np.random.default_rng(out)
        w = b.constant(
            TensorType("float32", (out, 3, 3, x.type.shape[3])), r.normal(0, 0.2, (out, 3, 3, x.type.shape[3]))
        )
        return b.op(
            Conv2D(padding=(1, 1, 1, 1), clamp=clamp),
            x,
            w,
            b.constant(TensorType("float32", (out,)), r.normal(0, 1, out)),
        )

    x = layer(b.input(TensorType("float32", (1, 8, 6, 3))), 4)
    y = b.op(Add((0.0, np.inf)), x, layer(layer(x, 5), 4, (-np.inf, np.inf)))
    y = b.op(Reshape((1, 4)), b.op(AveragePool2D((8, 6)), y))
    w = b.constant(TensorType("float32", (7, 4)), np.random.default_rng(0).normal(0, 1, (7, 4)))
    y = b.op(Softmax(), b.op(FullyConnected(), y, w))
    graph = quantized(b.graph(y))
    model = onnx.load_model_from_string(to_onnx(graph))
    kinds = [n.op_type for n in model.graph.node]
    assert kinds.count("Transpose") == 1
    assert kinds.index("Transpose") == 0, "at the input, before it is quantised"
    assert kinds.count("Conv") == 3
    again = run_pipeline(INTEGER, integers(load_bytes(to_onnx(graph), "again", "again.onnx")))
    assert not any(isinstance(n.op, Transpose) for n in again.nodes)


def test_inputs_and_outputs_keep_names_shapes_and_types() -> None:
    graph = FloatNetwork(4).graph()
    for g in (graph, quantized(graph)):
        model = onnx.load_model_from_string(to_onnx(g))
        for info, v in (
            *zip(model.graph.input, g.inputs, strict=True),
            *zip(model.graph.output, g.outputs, strict=True),
        ):
            assert info.name == v.name
            assert tuple(d.dim_value for d in info.type.tensor_type.shape.dim) == v.type.shape
            assert info.type.tensor_type.elem_type == onnx.TensorProto.FLOAT


def _named(names: list[str]) -> bytes:
    """A dense layer and a Softmax, whose names are given: of input, middle and two outputs."""
    x, middle, first, second = names
    nodes = [
        onnx.helper.make_node("Gemm", [x, "weights"], [middle]),
        onnx.helper.make_node("Softmax", [middle], [first], axis=0),  # ours: between transposes
        onnx.helper.make_node("Identity", [first], [second]),
    ]
    floats = onnx.TensorProto.FLOAT
    infos = [onnx.helper.make_tensor_value_info(n, floats, [1, c]) for n, c in ((x, 3), (first, 1), (second, 1))]
    weights = onnx.numpy_helper.from_array(np.array([[1.0], [-2.0], [0.5]], np.float32), "weights")
    body = onnx.helper.make_graph(nodes, "named", infos[:1], infos[1:], [weights])
    model = onnx.helper.make_model(body, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8)
    data: bytes = model.SerializeToString()
    return data


@pytest.mark.parametrize(
    "names", [["input.1", "mid", "out:0", "serving/out"], ["a b", "x_2", "y", "x"], ["x", "y_y", "y_2", "y"]]
)
def test_inputs_and_outputs_are_called_as_in_the_model_file(names: list[str]) -> None:
    graph = run_pipeline(FLOAT, load_bytes(_named(names), "named", "named.onnx"))
    samples = np.random.default_rng(3).normal(size=(8, 3)).astype(np.float32)
    for g in (graph, quantize(graph, [samples]).qdq):
        model = onnx.load_model_from_string(to_onnx(g))
        assert [i.name for i in model.graph.input] == names[:1]
        assert [o.name for o in model.graph.output] == names[2:]
        run = onnx_runtime(model.SerializeToString(), optimized=False)
        assert [y.shape for y in run([np.array([[1, 2, 3]], np.float32)])] == [(1, 1), (1, 1)]


def test_equal_graphs_give_equal_bytes_and_the_producer_is_named() -> None:
    data = [to_onnx(quantized(FloatNetwork(11).graph())) for _ in range(2)]
    assert data[0] == data[1]
    model = onnx.load_model_from_string(data[0])
    assert model.producer_name == "smidgen"
    assert model.opset_import[0].version == 13


def _dense(groups: int | None, k: int = 20, bias: bool = True) -> Graph:
    b = Builder()
    x = b.input(TensorType("float32", (2, k)))
    w = b.constant(TensorType("float32", (3, k)), np.random.default_rng(1).normal(0, 1, (3, k)))
    operands = (x, w, b.constant(TensorType("float32", (3,)), [0.5, -1, 2])) if bias else (x, w)
    graph = b.graph(b.op(FullyConnected(), *operands))
    return quantized(graph, four_bit={w: FourBit(groups)})


@pytest.mark.parametrize("groups", [None, 8, 16, 24])
def test_four_bit_weights_are_int4_in_the_file(groups: int | None) -> None:
    graph = _dense(groups)
    model = onnx.load_model_from_string(to_onnx(graph))
    assert model.opset_import[0].version == 21
    (w,) = (t for t in model.graph.initializer if t.data_type == onnx.TensorProto.INT4)
    assert len(w.raw_data) == 30, "60 weights, two a byte"
    blocks = [a.i for n in model.graph.node for a in n.attribute if a.name == "block_size"]
    assert blocks == ([] if groups is None else [groups])
    again = integers(load_bytes(model.SerializeToString(), "m", "m.onnx"))
    (layer,) = (n for n in again.nodes if isinstance(n.op, FullyConnected))
    assert layer["w"].type.storage == FourBit(groups)


def _with_plain_scales(model: Any, spoil: float = 1.0) -> bytes:
    """The blocks' scales as a matrix of numbers, as other quantisers write them."""
    constants = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    (inner,) = (n for n in model.graph.node if n.op_type == "DequantizeLinear" and n.input[0].endswith("_factors"))
    scales = constants[inner.input[0]].astype(np.float32) * constants[inner.input[1]][:, None]
    scales[0, 0] *= np.float32(spoil)
    model.graph.initializer.append(onnx.numpy_helper.from_array(scales, inner.output[0]))
    model.graph.node.remove(inner)
    data: bytes = model.SerializeToString()
    return data


def test_plain_scales_of_blocks_are_read_where_they_are_multiples() -> None:
    graph = _dense(8)
    model = onnx.load_model_from_string(to_onnx(graph))
    again = integers(load_bytes(_with_plain_scales(model), "m", "m.onnx"))
    (layer,) = (n for n in again.nodes if isinstance(n.op, FullyConnected))
    (want,) = (n for n in integers(graph).nodes if isinstance(n.op, FullyConnected))
    assert layer["w"].type.storage == FourBit(8)
    scales, theirs = (np.array(n["w"].type.quant.scale)[:, None] for n in (layer, want))  # type: ignore[union-attr]
    np.testing.assert_allclose(layer["w"].constant * scales, want["w"].constant * theirs, rtol=1e-6)


def test_plain_scales_that_are_no_multiples_are_refused() -> None:
    model = onnx.load_model_from_string(to_onnx(_dense(8)))
    with pytest.raises(UnsupportedModel, match=r"blocks' scales are not 1 to 15 times a scale of the channel"):
        load_bytes(_with_plain_scales(model, 1.234), "m", "m.onnx")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_curves(function: Any) -> None:
    alphas = {"elu": (1.3, 0.0), "hard_sigmoid": (0.2, 0.5)}.get(function, (0.0, 0.0))
    variants = [alphas, (1.6, 1.05)] if function == "elu" else [alphas]
    for alpha, beta in variants:
        b = Builder()
        y = b.op(Curve(function, alpha, beta), b.input(TensorType("float32", (2, 50))))
        graph = b.graph(y)
        x = [np.linspace(-5, 5, 100).astype(np.float32).reshape(2, 50)]
        (got,) = onnx_runtime(to_onnx(graph), optimized=False)(x)
        np.testing.assert_allclose(got, evaluate(graph, x)[0], rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_quantised_curves_read_back_as_one_op(function: Any) -> None:
    b = Builder()
    y = b.op(
        Curve(function, *((1.0, 0.0) if function == "elu" else (0.25, 0.5))), b.input(TensorType("float32", (1, 30)))
    )
    graph = quantized(b.graph(y))
    check_same(integers(graph), integers(read_back(graph)), float_inputs(graph))


def test_softmax_over_channels_reads_back_without_transposes() -> None:
    b = Builder()
    w = b.constant(TensorType("float32", (4, 1, 1, 3)), np.random.default_rng(2).normal(0, 1, (4, 1, 1, 3)))
    x = b.op(Conv2D(), b.input(TensorType("float32", (1, 5, 7, 3))), w)
    graph = quantized(b.graph(b.op(Softmax(), x)))
    lowered = run_pipeline(INTEGER, integers(read_back(graph)))
    assert [type(n.op) for n in lowered.nodes] == [Conv2D, Softmax]


def test_uint8_inputs_and_outputs_are_requantised_in_the_file() -> None:
    b = Builder()
    x = b.input(TensorType("uint8", (1, 4), QuantParams((0.1,), (128,))))
    q = b.op(Requantize(QuantParams((0.1,), (0,)), "int8", rounding="even"), x)
    y = b.op(Quantize(QuantParams((0.05,), (-128,)), "int8", "even"), b.op(Clamp((0.0, np.inf)), b.op(Dequantize(), q)))
    graph = replace(b.graph(y), numerics="onnx-qdq.v1")
    again = integers(read_back(graph, full_check=True))
    data = [np.array([[0, 100, 129, 255]], np.uint8)]
    np.testing.assert_array_equal(evaluate(again, data)[0], evaluate(integers(graph), data)[0])


@pytest.mark.parametrize(
    ("op", "message"),
    [
        (Requantize(QuantParams((0.1,), (0,)), "int8"), "rounds ties as TFLite does"),
        (Clamp((0, 5)), "it computes on integers"),
    ],
)
def test_graphs_of_integer_ops_are_refused(op: Any, message: str) -> None:
    b = Builder()
    graph = b.graph(b.op(op, b.input(TensorType("int8", (1, 4), QuantParams((0.1,), (0,))))))
    with pytest.raises(UnsupportedModel, match=message):
        to_onnx(graph)
