# SPDX-License-Identifier: Apache-2.0
"""QDQ patterns to integer ops: what is emitted, how biases and clamps become steps, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from onnx import TensorProto

import smidgen
from smidgen.errors import UnsupportedModel
from smidgen.ir import Graph, Node, Op, QuantParams, TensorType, Value, evaluate
from smidgen.ops import (
    Add,
    Clamp,
    Concat,
    Conv2D,
    Dequantize,
    FullyConnected,
    MaxPool2D,
    Pad,
    Quantize,
    Requantize,
    Reshape,
)
from smidgen.ops.arithmetic import RANGES
from smidgen.quantize import integerize
from smidgen.quantize.layers import padding_step, steps
from tests.onnx_models import Builder, imported
from tests.unit.quantize.qdq_bodies import dense, kinds

FLOAT = TensorProto.FLOAT


def graph_of(b: Builder, *outputs: str, output_type: int = TensorProto.INT8) -> Graph:
    return integerize(imported(b.build(*outputs, output_type=output_type)))


def only(graph: Graph, kind: type) -> Node:
    (node,) = (n for n in graph.nodes if isinstance(n.op, kind))
    return node


def test_float_boundary_becomes_int8() -> None:
    b = Builder()
    x = b.dequantize(b.quantize(b.input((1, 4), FLOAT), 0.05, 7), 0.05, 7)
    y = b.dequantize(b.quantize(dense(b, x), 0.1, -3), 0.1, -3)
    graph = graph_of(b, y, output_type=FLOAT)
    assert kinds(graph) == ["FullyConnected"]
    assert graph.inputs[0].type == TensorType("int8", (1, 4), QuantParams((float(np.float32(0.05)),), (7,)))
    assert graph.outputs[0].type == TensorType("int8", (1, 3), QuantParams((float(np.float32(0.1)),), (-3,)))
    assert graph.inputs[0].name == "x_1"


def test_float_input_moved_before_its_quantiser() -> None:
    b = Builder()
    x = b.node("Flatten", b.input((1, 2, 2), FLOAT))
    graph = graph_of(b, b.quantize(dense(b, b.dequantize(b.quantize(x, 0.05, 7), 0.05, 7)), 0.1, 0))
    assert kinds(graph) == ["Reshape", "FullyConnected"]
    assert graph.inputs[0].type.shape == (1, 2, 2)


def unread(b: Builder, x: str) -> None:
    """Nothing reads it."""


def read_by_dead_nodes(b: Builder, x: str) -> None:
    b.node("Relu", b.dequantize(b.quantize(x, 0.1, 0), 0.1, 0))


def moved_by_dead_nodes(b: Builder, x: str) -> None:
    b.node("MaxPool", b.node("Transpose", x), kernel_shape=[1])


@pytest.mark.parametrize("use", [unread, read_by_dead_nodes, moved_by_dead_nodes])
def test_a_float_input_that_no_output_needs_stays_float(use: Callable[[Builder, str], None]) -> None:
    b = Builder()
    x, unused = b.input((1, 4)), b.input((1, 2, 3), FLOAT)
    use(b, unused)
    graph = graph_of(b, b.quantize(dense(b, b.dequantize(x, 0.05, 7)), 0.1, 0))
    assert [v.type.dtype for v in graph.inputs] == ["int8", "float32"]
    arrays = [np.zeros((1, 4), np.int8), np.zeros((1, 2, 3), np.float32)]
    assert smidgen.verify(smidgen.compile(graph), inputs=[arrays]).mismatches == 0


def test_meeting_quantisers_vanish_or_rescale() -> None:
    b = Builder()
    x = b.dequantize(b.input((1, 4)), 0.05, 7)
    same = b.dequantize(b.quantize(x, 0.05, 7), 0.05, 7)
    graph = graph_of(b, b.quantize(same, 0.07, -1))
    assert kinds(graph) == ["Requantize"]
    op = graph.nodes[0].op
    assert isinstance(op, Requantize)
    assert op.rounding == "even"


def test_an_output_that_is_an_input_keeps_a_node() -> None:
    b = Builder()
    graph = graph_of(b, b.quantize(b.dequantize(b.input((1, 4)), 0.05, 7), 0.05, 7))
    data = np.array([[-128, 0, 7, 127]], np.int8)
    assert len(graph.nodes) == 1
    np.testing.assert_array_equal(evaluate(graph, [data])[0], data)


def test_a_float_output_that_is_the_input_keeps_a_node() -> None:
    b = Builder()
    y = b.dequantize(b.quantize(b.input((1, 4), FLOAT), 0.05, 7), 0.05, 7)
    graph = graph_of(b, y, b.quantize(y, 0.05, 7), output_type=FLOAT)
    assert len(graph.nodes) == 2
    assert graph.inputs[0] not in graph.outputs


def test_a_relu_that_two_layers_read_is_one_clamp() -> None:
    b = Builder()
    x = b.node("Relu", b.dequantize(b.input((1, 4)), 0.05, 5))
    graph = graph_of(b, b.quantize(dense(b, x), 0.1, 0), b.quantize(dense(b, x), 0.1, 0))
    assert kinds(graph) == ["Clamp", "FullyConnected", "FullyConnected"]


def bias_of(bias: Callable[[Builder], str]) -> list[int]:
    b = Builder()
    x = b.dequantize(b.input((1, 4)), 0.05, 0)
    node = only(graph_of(b, b.quantize(dense(b, x, bias(b)), 0.1, 0)), FullyConnected)
    assert node["b"].type.dtype == "int32"
    values: list[int] = node["b"].constant.tolist()
    return values


def test_bias_of_the_right_scale_is_taken_as_it_is() -> None:
    scale = np.float32(0.05) * np.float32(0.02)
    values = np.array([5, -7, 2**30], np.int32)
    assert bias_of(lambda b: b.dequantize(b.constant(values), scale, 0, np.int32)) == values.tolist()


def test_bias_of_another_scale_is_rounded_to_it() -> None:
    values = np.array([5, -7, 1001], np.int32)
    assert bias_of(lambda b: b.dequantize(b.constant(values), 0.00025, 0, np.int32)) == [1, -2, 250]


def test_float_bias_is_rounded() -> None:
    assert bias_of(lambda b: b.constant(np.array([0.0104, -0.0106, 1.0], np.float32))) == [10, -11, 1000]


def test_bias_that_does_not_fit_is_refused() -> None:
    with pytest.raises(UnsupportedModel, match="does not fit int32 in steps"):
        bias_of(lambda b: b.constant(np.array([0, 0, 1e9], np.float32)))


def test_separate_addition_becomes_the_bias() -> None:
    b = Builder()
    w = b.dequantize(b.constant(np.ones((4, 3), np.int8)), 0.02, 0)
    y = b.node("MatMul", b.dequantize(b.input((1, 4)), 0.05, 0), w)
    scale = np.float32(0.05) * np.float32(0.02)
    bias = b.dequantize(b.constant(np.array([1, 2, 3], np.int32)), scale, 0, np.int32)
    graph = graph_of(b, b.quantize(b.node("Relu", b.node("Add", bias, y)), 0.1, -128))
    assert only(graph, FullyConnected)["b"].constant.tolist() == [1, 2, 3]
    assert kinds(graph) == ["FullyConnected"]


def test_relu_becomes_a_clamp_at_the_zero_point() -> None:
    b = Builder()
    y = b.node("Relu", dense(b, b.dequantize(b.input((1, 4)), 0.05, 0)))
    op = only(graph_of(b, b.quantize(y, 0.1, 5)), FullyConnected).op
    assert isinstance(op, FullyConnected)
    assert op.clamp == (5, np.inf)


def test_relu_without_quantiser_stays_exact() -> None:
    """Dequantize, Relu, layer: the positive half keeps its steps."""
    b = Builder()
    x = b.node("Relu", b.dequantize(b.input((1, 4)), 0.05, 5))
    graph = graph_of(b, b.quantize(dense(b, x), 0.1, 0))
    assert kinds(graph) == ["Clamp", "FullyConnected"]
    assert graph.nodes[0].op == Clamp((5, np.inf))


def test_activation_without_a_clamp_of_its_own_gets_a_node() -> None:
    b = Builder()
    x = [b.dequantize(b.input((1, 4)), 0.05, 5) for _ in range(2)]
    graph = graph_of(b, b.quantize(b.node("Relu", b.node("Concat", *x, axis=1)), 0.05, 5))
    assert kinds(graph) == ["Concat", "Clamp"]


def test_concat_rescales_only_what_differs() -> None:
    b = Builder()
    x = [b.dequantize(b.input((1, 4)), s, 5) for s in (0.05, 0.06)]
    graph = graph_of(b, b.quantize(b.node("Concat", *x, axis=1), 0.05, 5))
    assert kinds(graph) == ["Requantize", "Concat"]
    assert only(graph, Concat).inputs[0] is graph.inputs[0]


def test_pools_and_reshapes_before_the_quantiser_follow_the_layer() -> None:
    b = Builder()
    w = b.dequantize(b.constant(np.ones((2, 1, 2, 2), np.int8)), 0.02, 0)
    y = b.node("Conv", b.dequantize(b.input((1, 1, 5, 5)), 0.05, 0), w)
    y = b.node("Flatten", b.node("Relu", b.node("GlobalMaxPool", y)))
    graph = graph_of(b, b.quantize(y, 0.1, -128))
    assert [k for k in kinds(graph) if k != "Reshape"] == ["Conv2D", "MaxPool2D"]
    assert only(graph, Conv2D).output.type.quant == only(graph, MaxPool2D).output.type.quant


def test_padding_and_concat_without_quantisers_keep_their_steps() -> None:
    b = Builder()
    x = [b.dequantize(b.input((1, 1)), 0.125, 5) for _ in range(2)]
    x = [b.node("Pad", i, b.constant(np.array([0, 1, 0, 0], np.int64)), b.constant(np.float32(0.5))) for i in x]
    graph = graph_of(b, b.quantize(dense(b, b.node("Concat", *x, axis=1)), 0.1, 0))
    assert kinds(graph) == ["Pad", "Pad", "Concat", "FullyConnected"]
    assert [n.op.value for n in graph.nodes if isinstance(n.op, Pad)] == [9, 9]


def test_one_layer_quantised_twice_is_computed_twice() -> None:
    b = Builder()
    y = dense(b, b.dequantize(b.input((1, 4)), 0.05, 0))
    graph = graph_of(b, b.quantize(y, 0.1, 0), b.quantize(y, 0.2, 3))
    assert kinds(graph) == ["FullyConnected"] * 2


def test_one_number_beside_a_tensor_is_quantised_exactly() -> None:
    b = Builder()
    x = b.dequantize(b.input((1, 4)), 0.05, 0)
    node = only(graph_of(b, b.quantize(b.node("Sub", x, b.constant(np.float32(0.3))), 0.1, 0)), Add)
    operand = node["b"]
    assert operand.constant.ravel().tolist() == [1]
    assert operand.type.scale == float(np.float32(0.3))


def test_names_and_locations_survive() -> None:
    b = Builder()
    y = b.node("Relu", dense(b, b.dequantize(b.input((1, 4)), 0.05, 0)))
    node = only(graph_of(b, b.quantize(y, 0.1, 5)), FullyConnected)
    assert re.fullmatch(r"model.onnx:node \d Gemm '.*' \+ model.onnx:node \d Relu '.*'", node.loc)
    assert node.output.name.startswith("quantizelinear")


@example(3.8965389728546143, 0.12775537371635437, 0, [9.0])  # 30.5 in float32, a little more in float64
@given(
    st.floats(-300, 300, width=32),
    st.floats(2.0**-10, 4, width=32),
    st.integers(-128, 127),
    st.lists(st.floats(-500, 500, width=32), min_size=1, max_size=20),
)
def test_clipping_steps_equals_clipping_reals(bound: float, scale: float, zero: int, xs: list[float]) -> None:
    """Rounding is monotone, so the clamp may move behind it."""
    quant, x = QuantParams((scale,), (zero,)), np.array(xs, np.float32)
    symmetric = QuantParams((float(np.float32(scale / 200)),), (0,))
    for op, clip in product(
        (Quantize(quant, "int8", "even"), Quantize(symmetric, "int16", "even")), ((bound, np.inf), (-np.inf, bound))
    ):
        (before,) = op.evaluate([TensorType("float32", x.shape)], [np.clip(x, *clip).astype(np.float32)])
        (after,) = op.evaluate([TensorType("float32", x.shape)], [x])
        lo, hi = steps(clip, TensorType(op.dtype, (1,), op.out_quant))
        least, most = RANGES[op.dtype]
        np.testing.assert_array_equal(before, np.clip(after, max(lo, least), min(hi, most)))


def test_padding_steps_saturate() -> None:
    int8, int16 = (
        TensorType("int8", (1,), QuantParams((0.5,), (10,))),
        TensorType("int16", (1,), QuantParams((0.5,), (0,))),
    )
    assert [padding_step(v, int16) for v in (0.0, 1.25, -1e30, 100.0)] == [0, 2, -32768, 200]
    assert [padding_step(v, int8) for v in (0.0, 1.0, 1.25, -1e30, float("inf"))] == [10, 12, 12, -128, 127]


def absurd_scales(b: Builder) -> str:
    return dense(b, b.dequantize(b.input((1, 4)), 1e30, 0))


def refused_bias(b: Builder) -> str:
    return dense(b, b.dequantize(b.input((1, 4)), 0.1, 0), b.constant(np.array([0, 0, 1e9], np.float32)))


GAPS: dict[str, tuple[Callable[[Builder], str], str]] = {
    "absurd scales": (absurd_scales, "no meaningful quantization"),
    "bias": (refused_bias, "does not fit int32 in steps"),
}


@pytest.mark.parametrize("case", GAPS)
def test_gaps_name_the_node_and_what_is_wrong(case: str) -> None:
    body, message = GAPS[case]
    b = Builder()
    graph = imported(b.build(b.quantize(body(b), 0.1, 0)))
    with pytest.raises(UnsupportedModel, match=re.escape(message)) as e:
        integerize(graph)
    assert "model.onnx:node" in str(e.value)
    assert "in a way that integers can follow (1 place):" in str(e.value)
    assert "smidgen quantize" in e.value.findings[0].remedy


def test_all_gaps_are_listed() -> None:
    b = Builder()
    x = b.dequantize(b.input((1, 4)), 1e30, 0)
    outputs = [b.quantize(b.node("LeakyRelu", x), 0.1, 0) for _ in range(12)]
    with pytest.raises(UnsupportedModel, match=r"\(12 places\)(?s:.*)\.\.\. and 2 more") as e:
        graph_of(b, *outputs)
    assert len(e.value.findings) == 12


def test_reshape_only_models_are_integers_already() -> None:
    b = Builder()
    x = b.input((1, 4))
    b.dequantize(x, 0.1, 0)
    graph = graph_of(b, b.node("Unsqueeze", x, b.constant(np.array([0], np.int64))))
    assert [type(n.op) for n in graph.nodes] == [Reshape]


@pytest.mark.parametrize("kind", ["dense", "pool after dense", "pool of known"])
def test_a_clamp_within_a_float_op_becomes_steps(kind: str) -> None:
    """As the passes on floats fuse them; the file has Clip nodes."""
    quant = QuantParams((0.1,), (3,))
    x = Value("x", TensorType("int8", (1, 4, 4, 2), quant))
    nodes: list[Node] = []

    def emit(op: Op, *inputs: Value) -> Value:
        (t,) = op.infer([v.type for v in inputs])
        nodes.append(Node(op, inputs, (Value(f"v{len(nodes)}", t),), f"node {len(nodes)}"))
        return nodes[-1].output

    real = emit(Dequantize(), x)
    if kind != "pool of known":
        w = Value(
            "w", TensorType("int8", (3, 2), QuantParams((0.5,), (0,))), np.array([[1, 2], [-3, 1], [2, 2]], np.int8)
        )
        real = emit(FullyConnected(clamp=(-0.5, 2.0)), real, emit(Dequantize(), w))
    if kind != "dense":
        real = emit(MaxPool2D((2, 2), (2, 2), clamp=(0.25, 1.5)), real)
    out = emit(Quantize(QuantParams((0.05,), (-20,)), "int8", "even"), real)
    before = Graph("g", "onnx-qdq.v1", (x,), (out,), tuple(nodes))
    after = integerize(before)
    assert not any(v.type.dtype == "float32" for n in after.nodes for v in n.outputs)
    data = np.random.default_rng(1).integers(-128, 128, (20, 1, 4, 4, 2)).astype(np.int8)
    for case in data:
        np.testing.assert_array_equal(evaluate(after, [case])[0], evaluate(before, [case])[0])
