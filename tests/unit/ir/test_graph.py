# SPDX-License-Identifier: Apache-2.0
"""Values, nodes and graphs: each invariant broken once, substitution, evaluation, text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from smidgen.errors import InvalidGraph, InvalidInput
from smidgen.frontends import load_bytes
from smidgen.ir import Graph, Node, QuantParams, TensorType, Value, evaluate, evaluate_all, format_graph, verify
from smidgen.ir.names import Names
from smidgen.ops import Add, Clamp, Concat, Conv2D, Reshape, Softmax
from tests.op_graphs import Builder, int8_type, quant
from tests.tflite_tiny import tiny_parts


def chain() -> Graph:
    """input -> Clamp -> Reshape -> output."""
    b = Builder()
    x = b.input(int8_type(2, 3))
    y = b.op(Clamp((0, 50)), x)
    return b.graph(b.op(Reshape((6,)), y))


def test_a_sound_graph_passes() -> None:
    verify(chain(), "integer")


def _twice(g: Graph) -> Graph:
    return g.with_nodes((*g.nodes, g.nodes[-1]))


def _reversed(g: Graph) -> Graph:
    return g.with_nodes(tuple(reversed(g.nodes)))


def _unknown(g: Graph) -> Graph:
    stranger = Value("stranger", g.inputs[0].type)
    return g.with_nodes((replace(g.nodes[0], inputs=(stranger,)), *g.nodes[1:]))


def _no_producer(g: Graph) -> Graph:
    return g.with_nodes(g.nodes[:-1])


def _wrong_type(g: Graph) -> Graph:
    y = Value("y", int8_type(3, 2))
    return replace(g, nodes=(replace(g.nodes[0], outputs=(y,)),), outputs=(y,))


def _unfit(g: Graph) -> Graph:
    return g.with_nodes((g.nodes[0], replace(g.nodes[1], op=Reshape((7,)))))


def _too_many_inputs(g: Graph) -> Graph:
    return g.with_nodes((replace(g.nodes[0], inputs=g.inputs * 2), g.nodes[1]))


def _too_few_inputs(g: Graph) -> Graph:
    y = Value("y", g.inputs[0].type)
    return replace(g, nodes=(Node(Add(out_quant=quant()), g.inputs, (y,), "test"),), outputs=(y,))


def _same_name(g: Graph) -> Graph:
    y = Value(g.inputs[0].name, g.outputs[0].type)
    return replace(g, nodes=(g.nodes[0], replace(g.nodes[1], outputs=(y,))), outputs=(y,))


def _no_identifier(g: Graph) -> Graph:
    y = Value("2fast", g.outputs[0].type)
    return replace(g, nodes=(g.nodes[0], replace(g.nodes[1], outputs=(y,))), outputs=(y,))


def _no_loc(g: Graph) -> Graph:
    return g.with_nodes((replace(g.nodes[0], loc=""), g.nodes[1]))


@pytest.mark.parametrize(
    ("break_it", "number", "text"),
    [
        (_twice, "(1)", "'v2' is written twice"),
        (_reversed, "(2,3)", "reads 'v1' before anything writes it"),
        (_unknown, "(2,3)", "reads 'stranger' before anything writes it"),
        (_no_producer, "(3)", "outputs never written: ['v2']"),
        (_wrong_type, "(4)", "Clamp infers ['int8[2,3] scale=0.5 zero_point=0'], graph says ['int8[3,2]"),
        (_unfit, "(4)", "cannot reshape [2, 3] to [7]: 6 elements"),
        (_too_many_inputs, "(4)", "Clamp takes ('x',), got 2 inputs"),
        (_too_few_inputs, "(4)", "Add takes ('a', 'b'), got 1 inputs"),
        (_same_name, "(5)", "two values are named 'v0'"),
        (_no_identifier, "(5)", "'2fast' is not a C identifier"),
        (_no_loc, "(7)", "a Clamp node has no loc"),
    ],
)
def test_each_invariant(break_it: Callable[[Graph], Graph], number: str, text: str) -> None:
    with pytest.raises(InvalidGraph) as raised:
        verify(break_it(chain()), "integer")
    assert str(raised.value).startswith(number)
    assert text in str(raised.value)


def test_forms() -> None:
    """Invariant 6: a function of one byte has no place once tables are made."""
    with pytest.raises(InvalidGraph, match=r"\(6\) test:op 0 Clamp: Clamp is not allowed in lowered form"):
        verify(chain(), "lowered")


def test_any_number_of_operands() -> None:
    b = Builder()
    x = b.input(int8_type(2, 3))
    verify(b.graph(b.op(Concat(0), x, x, x)), "lowered")
    empty = Node(Concat(0), (), (Value("y", x.type),), "test")
    with pytest.raises(InvalidGraph, match=r"\(4\)"):
        verify(Graph("g", "tflm-int8.v1", (x,), empty.outputs, (empty,)), "lowered")


def test_constants() -> None:
    with pytest.raises(InvalidGraph, match=r"w: data is int8\[3\], type int8\[4\]"):
        Value("w", TensorType("int8", (4,)), np.zeros(3, np.int8))
    w = Value("w", TensorType("int8", (3,)), np.zeros(3, np.int8))
    with pytest.raises(ValueError, match="read-only"):
        w.constant[0] = 1
    with pytest.raises(InvalidGraph, match="x is not a constant"):
        _ = Value("x", TensorType("int8", (3,))).constant


def test_operands_by_name() -> None:
    b = Builder()
    x, w = b.input(int8_type(1, 2, 2, 3)), b.weights(4, 1, 1, 3)
    b.op(Conv2D(out_quant=quant(10.0)), x, w)
    (node,) = b.nodes
    assert node["x"] is x
    assert node["w"] is w
    assert node.get("b") is None
    with pytest.raises(InvalidGraph, match="Conv2D has no operand 'b' here"):
        node["b"]
    assert node.macs == b.graph(node.output).macs == 2 * 2 * 4 * 3


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: QuantParams((1.0, 2.0), (0,)), "2 scales but 1 zero points"),
        (lambda: QuantParams((1.0, 2.0), (0, 0)), "exactly one scale"),
        (lambda: QuantParams((0.0,), (0,)), "positive and finite"),
        (lambda: QuantParams((float("nan"),), (0,)), "positive and finite"),
        (lambda: TensorType("int8", (2, 0)), "dimension below 1"),
        (lambda: TensorType("int8", (2,)).scale, "needs per-tensor quantization"),
        (lambda: TensorType("int8", (2,), QuantParams((1.0, 2.0), (0, 0), 0)).zero_point, "needs per-tensor"),
    ],
)
def test_types(make: Callable[[], object], text: str) -> None:
    with pytest.raises(InvalidGraph, match=text):
        make()


def test_sizes() -> None:
    assert TensorType("int32", (2, 3)).nbytes == 24
    assert (TensorType("int8", ()).elements, str(TensorType("float32", ()))) == (1, "float32[]")


def test_substitute_follows_chains() -> None:
    g = chain()
    a, b = (Value(n, g.inputs[0].type) for n in "ab")
    h = g.substitute({g.inputs[0]: a, a: b, g.outputs[0]: g.nodes[0].output})
    assert h.nodes[0].inputs == (b,)
    assert h.outputs == (g.nodes[0].output,)


def test_users_and_producers() -> None:
    g = chain()
    assert g.users() == {g.inputs[0]: [g.nodes[0]], g.nodes[0].output: [g.nodes[1]]}
    assert g.producers() == {n.output: n for n in g.nodes}
    assert [v.name for v in g.values()] == ["v0", "v1", "v2"]


def test_evaluation() -> None:
    g = chain()
    x = np.array([[-5, 0, 5], [49, 51, 127]], np.int8)
    (y,) = evaluate(g, [x])
    np.testing.assert_array_equal(y, [0, 0, 5, 49, 50, 50])
    assert list(evaluate_all(g, [x])) == [g.inputs[0], *(n.output for n in g.nodes)]


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ([], "tiny takes 1 inputs, got 0"),
        ([np.zeros((2, 3), np.uint8)], r"input 'v0' of tiny is int8\[2, 3\], got uint8\[2, 3\]"),
        ([np.zeros((3, 2), np.int8)], r"input 'v0' of tiny is int8\[2, 3\], got int8\[3, 2\]"),
    ],
)
def test_wrong_inputs(inputs: list[np.ndarray], text: str) -> None:
    with pytest.raises(InvalidInput, match=text):
        evaluate(chain(), inputs)


def test_names() -> None:
    names = Names(["conv"])
    assert [names.fresh("conv"), names.fresh("conv"), names.fresh("1/x y"), names.fresh("")] == [
        "conv_2",
        "conv_3",
        "v1_x_y",
        "value",
    ]
    assert len(names.fresh("x" * 100)) == 48


def test_text(golden: Callable[[str, str], None]) -> None:
    b = Builder()
    x = b.input(int8_type(1, 2, 2, 3, scale=0.1, zero_point=-4))
    bias = b.constant(TensorType("int32", (4,)), [1, -2, 3, 400])
    y = b.op(Conv2D(clamp=(0, 90), out_quant=quant(10.0)), x, b.weights(4, 1, 1, 3), bias)
    y = b.op(Reshape((1, 16)), y)
    golden("ir_text", format_graph(b.graph(b.op(Softmax(out_quant=quant(1 / 256, -128)), y))))


def test_text_of_a_file(golden: Callable[[str, str], None]) -> None:
    golden("tflite_tiny", format_graph(load_bytes(tiny_parts().file(), "tiny", "tiny.tflite")))
