# SPDX-License-Identifier: Apache-2.0
"""The float32 kernels' costs are near the cycles that are modelled from what the emulated core runs."""

from __future__ import annotations

import numpy as np
import pytest

import smidgen
from smidgen.compiler import profile
from smidgen.ir import Graph, Node, Op, TensorType, Value
from smidgen.kernels.float32_cost import Axis, axes, work
from smidgen.ops import Conv2D, DepthwiseConv2D, FullyConnected

pytestmark = pytest.mark.slow

RELU = (0.0, np.inf)
LAYERS = {
    "3x3": (Conv2D(padding=(1, 1, 1, 1), clamp=RELU), (1, 10, 13, 8), (12, 3, 3, 8), 0.08),
    "1x1": (Conv2D(clamp=RELU), (1, 7, 5, 24), (18, 1, 1, 24), 0.08),
    "upright": (Conv2D(stride=(2, 2), padding=(4, 1, 5, 1), clamp=RELU), (1, 49, 10, 1), (16, 10, 4, 1), 0.08),
    "depthwise": (DepthwiseConv2D(padding=(1, 1, 1, 1), clamp=RELU), (1, 12, 12, 16), (3, 3, 16), 0.13),
    "dense": (FullyConnected(), (1, 100), (30, 100), 0.08),
}


def layer(op: Op, x: tuple[int, ...], w: tuple[int, ...]) -> Graph:
    data = np.random.default_rng(0).standard_normal(w).astype(np.float32)
    inputs = Value("x", TensorType("float32", x)), Value("w", TensorType("float32", w), data)
    (t,) = op.infer([v.type for v in inputs])
    y = Value("y", t)
    return Graph("layer", "onnx-qdq.v1", inputs[:1], (y,), (Node(op, inputs, (y,), "test"),))


@pytest.mark.parametrize("name", LAYERS)
def test_costs_are_near(name: str) -> None:
    op, x, w, bound = LAYERS[name]
    compiled = smidgen.compile(layer(op, x, w))
    (step,) = compiled.schedule.steps
    assert step.choice.kernel.symbol.endswith("_f32_fpu")
    report = profile(compiled, memory_system=False)
    cost = step.choice.kernel.cost(step.node, compiled.target.core)
    assert cost == pytest.approx(report.layers[0].cycles, rel=bound)
    assert not report.unknown_instructions


def test_every_window_is_counted_once() -> None:
    for op, x, w, _ in LAYERS.values():
        if isinstance(op, FullyConnected):
            continue
        (node,) = layer(op, x, w).nodes
        rows, columns = axes(node)
        found = work(node)
        assert 4 * found.blocks + found.singles == len(rows.taps) * len(columns.taps)
        assert 4 * found.block_taps + found.single_taps == sum(rows.taps) * sum(columns.taps)


def test_blocks_hold_whole_neighbours_only() -> None:
    assert Axis((2, 3, 3, 3, 3, 3, 3, 2), (False, *(True,) * 6, False)).blocks() == (1, [2, 3, 3, 2])
    assert Axis((1, 1, 1), (True,) * 3).blocks() == (0, [1, 1, 1])
