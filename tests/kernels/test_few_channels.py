# SPDX-License-Identifier: Apache-2.0
"""Convolutions of few input channels: the bounds of paired weights, how images are cut, what is promised about them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smidgen import ops
from smidgen.codegen import Origin, emit
from smidgen.compiler import Compiled
from smidgen.ir import Array, Graph, Node, TensorType
from smidgen.kernels import Kernel
from smidgen.kernels.conv2d_few_channels import KERNELS, STRIP_BYTES, lead
from smidgen.kernels.conv2d_few_channels.packing import pairs, pairs_fit
from smidgen.kernels.conv2d_few_channels.plan import (
    LOOP_BYTES,
    Plan,
    Shape,
    all_plans,
    fastest,
    loop_bytes,
    smallest,
)
from smidgen.kernels.fast_requantize import accumulator_bounds
from smidgen.profile import profile_image
from smidgen.schedule import make_schedule
from smidgen.sim import Machine
from smidgen.targets import load_target
from tests.kernels.host import build_instances, run
from tests.kernels.nodes import make, quant

FAST, SMALL = KERNELS


def convolution(
    x: tuple[int, ...], w: Array, bias: list[int] | None = None, out_scale: float = 1.0, **attributes: Any
) -> Node:
    """Multipliers near 2^-8 over the filter's size, input zero point -128: the data are 0 .. 255."""
    channels = w.shape[0]
    op = ops.Conv2D(out_quant=quant(out_scale, 3), **attributes)
    scale = 2.0**-7 / np.sqrt(w[0].size)
    inputs: list[tuple[TensorType, Array | None]] = [
        (TensorType("int8", x, quant(0.3, -128)), None),
        (TensorType("int8", w.shape, quant(float(scale), 0)), w.copy()),
        (TensorType("int32", (channels,)), np.array(bias or [0] * channels, np.int32)),
    ]
    return make(op, inputs)


def weights(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(-127, 128, shape).astype(np.int8)


def test_pairs_cover_all_channels() -> None:
    assert pairs(1) == [(0, 0)]
    assert pairs(2) == [(0, 1)]
    assert pairs(5) == [(0, 1), (2, 3), (3, 4)]


def test_weight_of_minus_128_borrows_from_nobody() -> None:
    w = weights(2, 3, 3, 1)
    w[1, 0, 0, 0], w[0, 0, 0, 0] = -128, 0
    assert pairs_fit(convolution((1, 5, 5, 1), w))
    w[0, 0, 0, 0] = -1
    assert not pairs_fit(convolution((1, 5, 5, 1), w))


@pytest.mark.parametrize("sign", [1, -1])
def test_second_channel_at_its_bound(sign: int, tmp_path: Path) -> None:
    """The largest accumulator that the predicate lets through comes out right; one more is refused."""
    w = np.full((2, 3, 3, 1), 127 * sign, np.int8)
    room = (1 << 22) - 1 - 9 * 127 * 255
    node = convolution((1, 3, 3, 1), w, [0, sign * room], 100.0)
    assert accumulator_bounds(node)[1] == (1 << 22) - 1
    assert not pairs_fit(convolution((1, 3, 3, 1), w, [0, sign * (room + 1)], 100.0))
    assert pairs_fit(convolution((1, 3, 3, 1), w, [sign * (room + 1), 0], 100.0))
    arrays = [np.full((1, 3, 3, 1), 127, np.int8), *(v.constant for v in node.inputs[1:])]
    library = build_instances(FAST, [node], tmp_path)
    (want,) = node.op.evaluate(node.types, arrays)
    assert 10 < abs(int(want.ravel()[1])) < 127
    np.testing.assert_array_equal(run(library, FAST, node, arrays), want)


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    k_h, k_w = draw(st.integers(1, 10)), draw(st.integers(1, 7))
    dilation = draw(st.sampled_from([(1, 1), (2, 1), (1, 2)]))
    stride = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    pad = draw(st.tuples(st.integers(0, 5), st.integers(0, 3)))
    h, w = draw(st.integers(1, 130)), draw(st.integers(1, 130))
    oh, ow = ((size + 2 * p - (k - 1) * d - 1) // s + 1
              for size, p, k, d, s in zip((h, w), pad, (k_h, k_w), dilation, stride, strict=True))  # fmt: skip
    return Shape(h, w, draw(st.integers(1, 8)), max(oh, 1), max(ow, 1), draw(st.integers(1, 40)), k_h, k_w, stride,
                 dilation, *pad, 4)  # fmt: skip


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(shapes())
def test_plans_cover_every_row_once_within_their_limits(s: Shape) -> None:
    quick, small = fastest(s, STRIP_BYTES), smallest(s)
    assert (quick is None) == (small is None)
    if quick is None or small is None:
        return
    assert small.scratch_bytes <= quick.scratch_bytes
    assert quick.cycles() <= 1.004 * min(p.cycles() for p in all_plans(s, STRIP_BYTES))
    for plan in (quick, small):
        assert sum(plan.group_rows) == s.out_h
        assert max(plan.group_rows) <= plan.group_blocks * plan.rows
        assert plan.scratch_bytes <= STRIP_BYTES or plan.group_blocks == 1
        assert loop_bytes(plan.window, plan.rows) <= LOOP_BYTES
        assert plan.strip_rows >= (max(plan.group_rows) - 1) * s.stride[0] + (s.k_h - 1) * s.dilation[0] + 1


def _conflicts(plan: Plan, batch: int, above: int) -> bool:
    """Whether a group writes a byte of x that a later one reads, with x ``above`` bytes above y."""
    s = plan.shape
    row, out_row = s.in_w * s.in_c, s.out_w * s.out_c
    reads, writes, done = [], [], 0
    for image in range(batch):
        done = 0
        for rows in plan.group_rows:
            first = done * s.stride[0] - s.pad_t
            last = first + s.strip_rows(rows)
            inside = range(max(first, 0), min(last, s.in_h))
            reads.append(above + (image * s.in_h + inside.start) * row if len(inside) else None)
            done += rows
            writes.append((image * s.out_h + done) * out_row)
    return any(start is not None and start < written for i, written in enumerate(writes) for start in reads[i + 1 :])


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(shapes(), st.integers(1, 3))
def test_lead_is_the_least(s: Shape, batch: int) -> None:
    for plan in filter(None, (fastest(s, STRIP_BYTES), smallest(s))):
        node = convolution((batch, s.in_h, s.in_w, s.in_c), weights(1, 1, 1, s.in_c))
        least = lead(plan, node)
        assert not _conflicts(plan, batch, least)
        if s.pad_t < s.stride[0] and (s.out_h - 1) * s.stride[0] - s.pad_t < s.in_h:  # no group reads padding alone
            assert least == 0 or _conflicts(plan, batch, least - 1)


LAYERS = {  # the first layers of three MLPerf Tiny models, and some that are none
    "keywords": ((1, 49, 10, 1), (64, 10, 4, 1), (2, 2), (4, 1, 5, 1)),
    "cifar": ((1, 32, 32, 3), (16, 3, 3, 3), (1, 1), (1, 1, 1, 1)),
    "visual": ((1, 96, 96, 3), (8, 3, 3, 3), (2, 2), (0, 0, 1, 1)),
    "digits": ((1, 28, 28, 1), (8, 5, 5, 1), (1, 1), (2, 2, 2, 2)),
    "wide": ((1, 40, 40, 3), (12, 7, 7, 3), (2, 2), (2, 2, 3, 3)),
}


@pytest.mark.slow
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.symbol)
@pytest.mark.parametrize("layer", LAYERS)
def test_cost_and_size_are_what_is_built(kernel: Kernel, layer: str) -> None:
    """Cycles within 3 %; the code by its size in the object file, from above within 25 %."""
    x, w, stride, padding = LAYERS[layer]
    node = convolution(x, weights(*w), stride=stride, padding=padding)
    target = load_target("nucleo-l4r5zi")
    value = node.inputs[0]
    graph = Graph("layer", "tflm-int8.v1", (value,), node.outputs, (node,))
    schedule = make_schedule(graph, target, {node.output.name: kernel.symbol})
    origin = Origin("layer", "0" * 64, "test")
    sources, memory = emit(schedule, origin)
    image = Compiled(graph, schedule, sources, origin, memory).build()
    step = profile_image(Machine(image), [bytes(value.type.nbytes)]).steps[0]
    copied = 0.8 * node.output.type.elements  # the output, into the caller's buffer
    predicted = kernel.cost(node, target.core)
    assert abs(predicted + copied - step.cycles.value) < 0.03 * predicted
