# SPDX-License-Identifier: Apache-2.0
"""Each integer pass on a tiny graph: its text before and after, equal results, and what a wrong pass leads to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from smidgen.errors import PassBroke, UnsupportedModel
from smidgen.frontends import load_bytes
from smidgen.ir import Graph, Node, QuantParams, TensorType, Value, evaluate, format_graph, verify
from smidgen.ops import (
    Add,
    Clamp,
    Concat,
    Conv2D,
    Dequantize,
    FullyConnected,
    LeakyRelu,
    Pad,
    Requantize,
    Reshape,
    Transpose,
)
from smidgen.ops.accumulators import worst_case
from smidgen.ops.arithmetic import NO_CLAMP
from smidgen.transforms import INTEGER, Pass, run_pipeline
from smidgen.transforms.check_accumulators import check_accumulators
from smidgen.transforms.drop_dead_nodes import drop_dead_nodes
from smidgen.transforms.drop_identity import drop_identity
from smidgen.transforms.fuse_activation import fuse_activation
from smidgen.transforms.fuse_pad import fuse_pad
from smidgen.transforms.lower_to_lookup import lower_to_lookup
from smidgen.transforms.merge_reshapes import merge_reshapes
from smidgen.transforms.pass_ import only_user
from tests.op_graphs import Builder, int8_type, quant, random_arrays
from tests.tflite_tiny import tiny_parts

Transform = Callable[[Graph], Graph]
_MAP = int8_type(1, 4, 4, 2, scale=0.1, zero_point=-3)


def dead_branch() -> Graph:
    b = Builder()
    x = b.input(_MAP)
    kept = b.op(Clamp((0, 9)), x)
    b.op(Clamp((0, 8)), b.op(Clamp((0, 7)), x))
    return b.graph(kept)


def identities() -> Graph:
    """Every kind of op that returns its input, between two that do not."""
    b = Builder()
    x = b.op(Clamp((-100, 100)), b.input(_MAP))
    x = b.op(Reshape(x.type.shape), x)
    x = b.op(Transpose((0, 1, 2, 3)), x)
    x = b.op(Pad((0,) * 4, (0,) * 4, -3), x)
    x = b.op(Concat(1), x)
    x = b.op(Clamp((-128, 127)), x)
    x = b.op(Requantize(x.type.quant or quant()), x)
    x = b.op(Reshape(x.type.shape, quant(0.2, -3)), x)  # renames the steps: not an identity
    return b.graph(b.op(Clamp((-50, 50)), x))


def identity_of_input() -> Graph:
    """An output that equals an input needs something to write it."""
    b = Builder()
    x = b.input(_MAP)
    return b.graph(b.op(Clamp((-128, 127)), x))


def reshapes() -> Graph:
    b = Builder()
    x = b.op(Reshape((32,), quant(0.3)), b.op(Reshape((4, 8)), b.op(Reshape((8, 4)), b.input(_MAP))))
    return b.graph(b.op(Clamp((0, 5)), x))


def activations() -> Graph:
    """Two clamps on one layer become one; a layer read twice keeps its clamp apart."""
    b = Builder()
    x = b.input(_MAP)
    y = b.op(Conv2D(out_quant=quant(2.0), clamp=(-100, 90)), x, b.weights(3, 1, 1, 2))
    y = b.op(Clamp((0, 60)), b.op(Clamp((-10, 120)), y))
    shared = b.op(Conv2D(out_quant=quant(2.0)), x, b.weights(3, 1, 1, 2, seed=1))
    return b.graph(b.op(Add(out_quant=quant(4.0)), y, b.op(Clamp((0, 6)), shared)), shared)


def disjoint_clamps() -> Graph:
    b = Builder()
    x = b.input(_MAP)
    low = b.op(Conv2D(out_quant=quant(2.0), clamp=(-100, -20)), x, b.weights(3, 1, 1, 2))
    high = b.op(Conv2D(out_quant=quant(2.0), clamp=(10, 60)), x, b.weights(3, 1, 1, 2))
    return b.graph(b.op(Clamp((10, 60)), low), b.op(Clamp((-100, -20)), high))


def renaming_clamp() -> Graph:
    """A clamp whose output has other steps cannot be the layer's own."""
    b = Builder()
    y = b.op(Conv2D(out_quant=quant(2.0)), b.input(_MAP), b.weights(3, 1, 1, 2))
    return b.graph(b.op(Clamp((0, 60), quant(1.0)), y))


def padding() -> Graph:
    """One padding folds into two convolutions; one with another value and one over channels stay."""
    b = Builder()
    x = b.input(_MAP)
    p = b.op(Pad((0, 1, 2, 0), (0, 0, 1, 0), -3), x)
    conv = Conv2D(out_quant=quant(4.0), padding=(0, 1, 1, 0))
    first, second = b.op(conv, p, b.weights(3, 2, 2, 2)), b.op(conv, p, b.weights(3, 2, 2, 2, seed=1))
    other = b.op(conv, b.op(Pad((0, 1, 2, 0), (0, 0, 1, 0), 0), x), b.weights(3, 2, 2, 2))
    deep = b.op(conv, b.op(Pad((0, 0, 0, 1), (0, 0, 0, 0), -3), x), b.weights(3, 2, 2, 3))
    return b.graph(first, second, other, deep)


def byte_functions() -> Graph:
    b = Builder()
    x = b.op(LeakyRelu(0.2, quant(0.3, 4)), b.input(_MAP))
    x = b.op(Requantize(quant(0.1, 100), "uint8"), x)
    return b.graph(b.op(Requantize(quant(0.2, -20)), x))


CASES: dict[str, tuple[Transform, Callable[[], Graph]]] = {
    "drop_dead_nodes": (drop_dead_nodes, dead_branch),
    "drop_identity": (drop_identity, identities),
    "drop_identity_of_input": (drop_identity, identity_of_input),
    "merge_reshapes": (lambda g: drop_dead_nodes(merge_reshapes(g)), reshapes),
    "fuse_activation": (fuse_activation, activations),
    "fuse_activation_disjoint": (fuse_activation, disjoint_clamps),
    "fuse_activation_renaming": (fuse_activation, renaming_clamp),
    "fuse_pad": (fuse_pad, padding),
    "lower_to_lookup": (lower_to_lookup, byte_functions),
}


@pytest.mark.parametrize("name", CASES)
def test_pass(name: str, golden: Callable[[str, str], None]) -> None:
    transform, make = CASES[name]
    before = make()
    after = transform(before)
    verify(before, "integer")
    verify(after, "lowered" if name == "lower_to_lookup" else "integer")
    for seed in range(5):
        inputs = random_arrays([v.type for v in before.inputs], seed)
        for a, b in zip(evaluate(before, inputs), evaluate(after, inputs), strict=True):
            np.testing.assert_array_equal(a, b)
    assert [v.name for v in after.outputs] == [v.name for v in before.outputs]
    golden(f"pass_{name}", f"{format_graph(before)}-----\n{format_graph(after)}")


@pytest.mark.parametrize("name", CASES)
def test_a_second_run_changes_nothing(name: str) -> None:
    transform, make = CASES[name]
    once = transform(make())
    assert format_graph(transform(once)) == format_graph(once)


def test_tables_get_names_of_their_own() -> None:
    x = Value("v1_table", _MAP)
    node = Node(Clamp((0, 9)), (x,), (Value("v1", _MAP),), "test")
    verify(lower_to_lookup(Graph("g", "tflm-int8.v1", (x,), node.outputs, (node,))), "lowered")


def test_the_whole_pipeline_keeps_results() -> None:
    graph = load_bytes(tiny_parts().file(), "tiny", "tiny.tflite")
    inputs = random_arrays([v.type for v in graph.inputs])
    seen: list[str] = []
    lowered = run_pipeline(INTEGER, graph, probe=inputs, watch=lambda name, _: seen.append(name))
    assert seen == [p.name for p in INTEGER]
    verify(lowered, "lowered")
    assert len(lowered.nodes) < len(graph.nodes)


def _other_clamp(graph: Graph) -> Graph:
    return graph.with_nodes(tuple(replace(n, op=Clamp((0, 5))) for n in graph.nodes))


def _loses_a_node(graph: Graph) -> Graph:
    return graph.with_nodes(())


def test_a_pass_that_changes_results_is_named() -> None:
    graph = dead_branch()
    wrong = Pass("wrong-clamp", _other_clamp)
    run_pipeline((wrong,), graph)  # not seen without a probe
    with pytest.raises(PassBroke, match=r"pass wrong-clamp changed output 'v1': \d+ of 32 elements differ"):
        run_pipeline((Pass("first", drop_dead_nodes), wrong), graph, probe=random_arrays([_MAP]))
    run_pipeline((replace(wrong, exact=False),), graph, probe=random_arrays([_MAP]))


def test_a_pass_that_breaks_the_graph_is_named() -> None:
    with pytest.raises(PassBroke, match=r"pass forgetful: \(3\) outputs never written: \['v1'\]"):
        run_pipeline((Pass("forgetful", _loses_a_node),), dead_branch())


def test_a_pass_must_reach_its_form() -> None:
    with pytest.raises(PassBroke, match=r"pass idle: \(6\)"):
        run_pipeline((Pass("idle", drop_dead_nodes, makes="lowered"),), dead_branch())


def test_only_user() -> None:
    graph = activations()
    users = graph.users()
    (x,) = graph.inputs
    assert only_user(x, users, graph.outputs) is None  # two readers
    assert only_user(graph.outputs[0], users, graph.outputs) is None  # none
    assert only_user(graph.outputs[1], users, graph.outputs) is None  # one, but an output
    assert only_user(graph.nodes[0].output, users, graph.outputs) is graph.nodes[1]


def dense(weight: int, bias: int, out_scale: float, zero_point: int = -128, width: int = 64) -> Graph:
    b = Builder()
    w = b.constant(TensorType("int8", (2, width), QuantParams((0.5, 0.5), (0, 0), 0)), np.full((2, width), weight))
    operand = b.constant(TensorType("int32", (2,)), [0, bias])
    x = b.input(int8_type(1, width, zero_point=zero_point))
    return b.graph(b.op(FullyConnected(NO_CLAMP, quant(out_scale)), x, w, operand))


def test_worst_case_is_reached() -> None:
    """The bound is tight: the input that it speaks of gives exactly that sum."""
    graph = dense(-127, -1000, 1e5)
    (node,) = graph.nodes
    x = np.full((1, 64), 127, np.int64)
    sums = (x + 128) @ node["w"].constant.astype(np.int64).T + node["b"].constant
    np.testing.assert_array_equal(worst_case(node), np.abs(sums[0]))


def test_accumulators_that_fit() -> None:
    graph = dense(127, (1 << 31) - 1 - 255 * 127 * 64, 1e5)
    assert check_accumulators(graph) is graph


@pytest.mark.parametrize(
    ("graph", "left"),
    [
        (dense(127, (1 << 31) - 255 * 127 * 64, 1e5), 0),  # by one
        (dense(127, 1 << 27, 0.5 * 0.5 / 16), 5),  # by the left shift alone
    ],
)
def test_accumulators_that_overflow(graph: Graph, left: int) -> None:
    with pytest.raises(UnsupportedModel) as raised:
        run_pipeline(INTEGER, graph)
    text = str(raised.value)
    assert text.startswith(
        "test:op 0 FullyConnected: the 32-bit accumulator of output channel 1 can overflow (|sum| up"
    )
    assert f"shifted left by {left})" in text
    assert text.endswith("Check that channel's bias and scales, and quantise the model again with sane ranges")


def test_a_view_of_a_constant_is_a_constant() -> None:
    """RESHAPE of a constant: nothing writes it at run time, so it has to be known before."""
    t = TensorType("int8", (1, 4), quant())
    flat = Value("flat", TensorType("int8", (4,), quant()), np.arange(4, dtype=np.int8))
    x, shaped, y = Value("x", t), Value("shaped", t), Value("y", t)
    view = Node(Reshape((1, 4)), (flat,), (shaped,), "tiny:op 0")
    add = Node(Add(out_quant=quant()), (x, shaped), (y,), "tiny:op 1")
    graph = Graph("tiny", "tflm-int8.v1", (x,), (y, shaped), (view, add))
    lowered = run_pipeline(INTEGER, graph, probe=random_arrays([t]))
    assert [type(n.op) for n in lowered.nodes] == [Add]
    assert lowered.outputs[1].data is not None


def test_a_transpose_stays_before_dequantize() -> None:
    """Bytes are moved, not words: there is no kernel for the latter."""
    t, moved = TensorType("int8", (1, 2, 3), quant()), TensorType("int8", (1, 3, 2), quant())
    x, m, y = Value("x", t), Value("m", moved), Value("y", TensorType("float32", (1, 3, 2)))
    nodes = (
        Node(Transpose((0, 2, 1)), (x,), (m,), "tiny:op 0"),
        Node(Dequantize(), (m,), (y,), "tiny:op 1"),
    )
    lowered = run_pipeline(INTEGER, Graph("tiny", "tflm-int8.v1", (x,), (y,), nodes), probe=random_arrays([t]))
    assert [type(n.op) for n in lowered.nodes] == [Transpose, Dequantize]


def test_padding_too_large_for_a_convolution_stays_a_node() -> None:
    t = TensorType("int8", (1, 1, 4, 1), quant())
    x, padded = Value("x", t), Value("padded", TensorType("int8", (1, 1, 4 + 4097, 1), quant()))
    w = Value("w", TensorType("int8", (1, 1, 1, 1), quant(0.5)), np.ones((1, 1, 1, 1), np.int8))
    pad = Node(Pad((0, 0, 4097, 0), (0, 0, 0, 0), 0), (x,), (padded,), "tiny:op 0")
    conv = Conv2D(out_quant=quant())
    y = Value("y", conv.infer([padded.type, w.type])[0])
    graph = Graph("tiny", "tflm-int8.v1", (x,), (y,), (pad, Node(conv, (padded, w), (y,), "tiny:op 1")))
    lowered = run_pipeline(INTEGER, graph, probe=random_arrays([t]))
    assert [type(n.op) for n in lowered.nodes] == [Pad, Conv2D]
