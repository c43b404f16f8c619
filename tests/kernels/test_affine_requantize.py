# SPDX-License-Identifier: Apache-2.0
"""Requantisation in two instructions equals the definition for every sum that can occur, or is not found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from smidgen.ir import Node
from smidgen.kernels.affine_requantize import Affine, Form, Steps, channel_steps, find_affine
from smidgen.kernels.common import fitted_bias, out_quant
from smidgen.kernels.pointwise.packing import affine_layer, chunks_of, order, pairs_of, weight_words
from smidgen.ops import Conv2D
from smidgen.ops.accumulators import channel_weights, multipliers
from smidgen.ops.arithmetic import int_bounds, requantize
from tests.kernels import nodes


def defined(node: Node, channel: int, sums: np.ndarray) -> np.ndarray:
    """Outputs of these sums of weights times raw input bytes, by the op's definition."""
    op = node.op
    assert isinstance(op, Conv2D)
    mult, shift = (np.broadcast_to(a, len(channel_weights(node)))[channel] for a in multipliers(node))
    offset = fitted_bias(node)[channel] - node["x"].type.zero_point * channel_weights(node)[channel].sum()
    outputs = requantize(sums + offset, mult, shift, op.rounding) + out_quant(node).zero_point[0]
    return np.clip(outputs, *int_bounds(op.clamp))


def two_instructions(found: Affine, form: Form, bias: int, sums: np.ndarray, clamp: tuple[float, float]) -> np.ndarray:
    """SMMLAR and SSAT with a shift, as the Armv7-M ARM defines them (A7.7.141, A7.7.152), in exact integers."""
    value = form.scale * sums + bias
    assert np.abs(value).max() < 1 << 31
    high = (value.astype(object) * found.mult + (found.addend << 32) + (1 << 31)) // (1 << 32)
    assert abs(high).max() < 1 << 31
    return np.clip((high // (1 << form.shift)).astype(np.int64), *int_bounds(clamp))


def around(steps: Steps) -> np.ndarray:
    """Both sides of every step, both ends, and sums between."""
    near = np.concatenate([steps.sums - 1, steps.sums, np.linspace(steps.lowest, steps.highest, 50).astype(np.int64)])
    return np.unique(np.clip(near, steps.lowest, steps.highest))


@settings(max_examples=30, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(nodes.pointwise())
def test_every_step_is_where_the_definition_has_it(case: tuple[Node, list[np.ndarray]]) -> None:
    node, _ = case
    for channel, steps in enumerate(channel_steps(node)):
        sums = around(steps)
        counted = int_bounds(node.op.clamp)[0] + (sums[:, None] >= steps.sums).sum(axis=1)
        np.testing.assert_array_equal(counted, defined(node, channel, sums))


@settings(max_examples=40, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(nodes.pointwise())
def test_layers_equal_the_definition(case: tuple[Node, list[np.ndarray]]) -> None:
    node, _ = case
    layer = affine_layer(node)
    if layer is None:
        return
    narrow = node["w"].type.shape[-1] <= 24
    forms = Form(256 if narrow else 1, layer.shift_even), Form(256, layer.shift_odd)
    all_steps = channel_steps(node)
    for channels, pair in zip(pairs_of(len(all_steps)), layer.pairs, strict=True):
        for i, (channel, found) in enumerate(zip(channels, pair, strict=True)):
            sums = around(all_steps[channel])
            bias = pair[0].bias * (1 if narrow or i == 0 else -1)
            got = two_instructions(found, forms[i], bias, sums, node.op.clamp)
            np.testing.assert_array_equal(got, defined(node, channel, sums))


def typical() -> tuple[Steps, Steps]:
    """Two channels of 64 inputs with 255 steps each."""
    outputs = np.arange(-127, 128)
    made = []
    for ratio in (0.0041, 0.0063):
        sums = np.ceil((outputs + 127.5) / ratio - 3000).astype(np.int64)
        made.append(Steps(outputs, sums, -300_000, 300_000, ratio, -128))
    return made[0], made[1]


def test_typical_layers_are_found() -> None:
    first, second = typical()
    assert find_affine(first, second, (Form(1, 4), Form(256, 12)), -1) is not None
    assert find_affine(first, second, (Form(256, 12), Form(256, 12)), 1) is not None


def test_steps_that_are_no_line_are_not_found() -> None:
    first, second = typical()
    bent = replace(second, sums=second.sums + 2 * (second.outputs > 0))
    assert find_affine(first, bent, (Form(1, 4), Form(256, 12)), -1) is None


@pytest.mark.parametrize("wrong", [{"mult": 1 << 15}, {"addend": 1}, {"addend": -1}])
def test_other_constants_have_other_steps(wrong: dict[str, int]) -> None:
    first, second = typical()
    found = find_affine(first, second, (Form(1, 4), Form(256, 12)), -1)
    assert found is not None
    bent = replace(found[0], **{k: getattr(found[0], k) + v for k, v in wrong.items()})
    sums = around(first)
    right = two_instructions(found[0], Form(1, 4), found[0].bias, sums, (-128, 127))
    assert (right != two_instructions(bent, Form(1, 4), found[0].bias, sums, (-128, 127))).any()


@pytest.mark.parametrize("in_c", range(1, 14))
def test_steps_hold_every_input_once(in_c: int) -> None:
    lanes = [k for step in order(in_c) for k in step]
    assert len(order(in_c)) == (in_c + 1) // 2
    assert sorted(k for k in lanes if k < in_c) == list(range(in_c))


def test_words_of_two_channels() -> None:
    even, odd = np.array([1, 2, -3, 4, 5]), np.array([-6, 7, 8, -9, 127])
    low = (256 * -6 + 1) & 0xFFFF | ((256 * 8 - 3) & 0xFFFF) << 16
    assert weight_words(even, odd, False).view(np.uint32).tolist()[0] == low
    assert weight_words(even, odd, True).view(np.uint32).tolist()[:2] == [0x0008FFFA, 0xFFFD0001]
    assert weight_words(even, odd, True).view(np.uint32).tolist()[-2:] == [127, 5]


@settings(max_examples=15, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(nodes.pointwise())
def test_chunks_cover_the_steps_and_loops_stay_below_a_kilobyte(case: tuple[Node, list[np.ndarray]]) -> None:
    node, _ = case
    count, steps_each = chunks_of(node)
    steps, affine = len(order(node["w"].type.shape[-1])), affine_layer(node) is not None
    last = steps - (count - 1) * steps_each
    assert 0 < last <= (20 if affine or count == 1 else 15) + 4 * (count == 1)
    assert count == 1 or 0 < steps_each <= (22 if affine else 20)
