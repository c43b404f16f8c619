# SPDX-License-Identifier: Apache-2.0
"""The passes behind integerize on graphs that compute in float32, wholly or in part: not a bit changes."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from smidgen.ir import Graph, TensorType, Value, evaluate
from smidgen.ops import Clamp, Conv2D, LeakyRelu, Lookup, Pad, Softmax, Transpose
from smidgen.transforms import INTEGER, run_pipeline
from smidgen.verify import random_inputs
from tests.mixed_networks import mixed_network
from tests.op_graphs import Builder
from tests.qdq_networks import FloatNetwork

SEEDS = 40


def kinds(graph: Graph) -> Counter[str]:
    return Counter(f"{type(n.op).__name__} {n.output.type.dtype}" for n in graph.nodes)


def check(graph: Graph) -> Graph:
    """The lowered graph, after every pass compared bit by bit."""
    cases = list(random_inputs(graph, 5))
    lowered = run_pipeline(INTEGER, graph, probe=cases[3])
    for case in cases:
        for a, b in zip(evaluate(graph, case), evaluate(lowered, case), strict=True):
            assert a.tobytes() == b.tobytes()
    return lowered


def test_float_networks() -> None:
    found = Counter[str]()
    for seed in range(SEEDS):
        found += kinds(check(FloatNetwork(seed).graph()))
    assert not [k for k in found if not k.endswith("float32")]
    assert min(found[f"{op} float32"] for op in ("Conv2D", "DepthwiseConv2D", "FullyConnected", "Add", "Softmax")) > 5


def test_networks_with_float_islands() -> None:
    found = Counter[str]()
    for seed in range(SEEDS):
        found += kinds(check(mixed_network(seed)))
    assert min(found["Conv2D float32"], found["Conv2D int8"]) >= 10, found
    assert min(found["Add float32"], found["Add int8"]) >= 3, found
    assert min(found["Quantize int8"], found["Dequantize float32"]) >= 20, found


def test_functions_of_floats_stay() -> None:
    b = Builder()
    x = b.input(TensorType("float32", (2, 3)))
    lowered = check(b.graph(b.op(LeakyRelu(0.1), b.op(Clamp((-1.0, math.inf)), b.op(Clamp(), x)))))
    assert [type(n.op) for n in lowered.nodes] == [Clamp, LeakyRelu]
    assert not [n for n in lowered.nodes if isinstance(n.op, Lookup)]


@pytest.mark.parametrize(("weight", "fused"), [(1.0, True), (np.inf, False), (np.nan, False)])
def test_padding_is_left_to_the_layer_unless_it_would_hide_a_nan(weight: float, fused: bool) -> None:
    b = Builder()
    x = b.input(TensorType("float32", (1, 3, 3, 1)))
    w = Value("w", TensorType("float32", (1, 2, 2, 1)), np.array([1, weight, -0.0, 2], np.float32).reshape(1, 2, 2, 1))
    padded = b.op(Pad(before=(0, 1, 1, 0), after=(0, 0, 0, 0)), x)
    graph = b.graph(b.op(Conv2D(), padded, w))
    lowered = run_pipeline(INTEGER, graph)
    assert [type(n.op) for n in lowered.nodes] == [Conv2D] if fused else [Pad, Conv2D]
    for case in random_inputs(graph, 4):
        np.testing.assert_array_equal(evaluate(graph, case)[0], evaluate(lowered, case)[0])


def test_float_sums_are_not_reordered() -> None:
    """Softmax over a dimension that a transpose moved: the transpose stays."""
    b = Builder()
    x = b.input(TensorType("float32", (4, 5)))
    lowered = check(b.graph(b.op(Softmax(), b.op(Transpose((1, 0)), x))))
    assert [type(n.op) for n in lowered.nodes] == [Transpose, Softmax]
