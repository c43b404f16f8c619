# SPDX-License-Identifier: Apache-2.0
"""Random nodes for the convolutions of the families conv2d_direct and conv2d_stride2, in both roundings."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from smidgen import ops
from smidgen.ir import Array, Node
from tests.kernels.nodes import Draw, draw_layer

CASE = tuple[Node, list[Array]]
ROUNDINGS = st.sampled_from(["double", "double", "even"])
CHANNELS = st.one_of(st.integers(2, 9), st.sampled_from([16, 17]))


@st.composite
def direct(draw: Draw) -> CASE:
    """Any filter, few and many inputs, rows shorter and longer than four outputs; columns now and then."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kernel = draw(st.sampled_from([(3, 3), (3, 3), (1, 3), (3, 1), (5, 5), (2, 4), (7, 1), (1, 1), (1, 20)]))
    column = kernel[1] == 1 and draw(st.booleans())
    h, w = draw(st.integers(1, 9)), 1 if column else draw(st.integers(1, 14))
    ic = draw(st.sampled_from([1, 2, 3, 4, 5, 6, 7, 8, 11, 16, 24, 36]))
    dilation = (draw(st.sampled_from([1, 1, 2])), 1)
    padding = [draw(st.integers(0, k)) for k in (*kernel, *kernel)]
    if column:
        padding[1] = padding[3] = 0
    padding[2] += max(0, (kernel[0] - 1) * dilation[0] + 1 - h - padding[0] - padding[2])
    padding[3] += max(0, kernel[1] - w - padding[1] - padding[3])
    stride = draw(st.integers(1, 3)), 1 if column else draw(st.integers(1, 3))
    return draw_layer(
        draw, rng, ops.Conv2D, (draw(st.sampled_from([1, 1, 2])), h, w, ic), (draw(CHANNELS), *kernel, ic), 0,
        draw(st.booleans()), stride=stride, dilation=dilation, padding=tuple(padding), rounding=draw(ROUNDINGS),
    )  # fmt: skip


@st.composite
def stride2_3x3(draw: Draw) -> CASE:
    """Outputs of every number of tiles, with any padding, that four tiles fit into."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    least = draw(st.sampled_from([(2, 8), (4, 4), (8, 2)]))
    oh, ow = (n + draw(st.integers(0, 7)) for n in least)
    t, left = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    bottom, right = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    h, w = max(1, 2 * oh + 1 - t - bottom), max(1, 2 * ow + 1 - left - right)
    if draw(st.booleans()):  # a row and a column that no output reads
        h, w = h + 1, w + 1
    ic = draw(st.sampled_from([4, 4, 8, 12, 16, 20, 36, 40, 72]))
    return draw_layer(
        draw, rng, ops.Conv2D, (draw(st.sampled_from([1, 1, 2])), h, w, ic), (draw(CHANNELS), 3, 3, ic), 0,
        draw(st.booleans()), stride=(2, 2), padding=(t, left, bottom, right), rounding=draw(ROUNDINGS),
    )  # fmt: skip


@st.composite
def pointwise(draw: Draw) -> CASE:
    """1x1 filters of any stride, now and then with padding."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    h, w = draw(st.integers(1, 19)), draw(st.integers(1, 19))
    ic = draw(st.sampled_from([1, 3, 4, 5, 6, 7, 8, 16, 19, 20, 24, 32, 40, 44, 68]))
    return draw_layer(
        draw, rng, ops.Conv2D, (draw(st.sampled_from([1, 1, 2, 3])), h, w, ic), (draw(CHANNELS), 1, 1, ic), 0,
        draw(st.booleans()), stride=(draw(st.integers(1, 3)), draw(st.integers(1, 3))), rounding=draw(ROUNDINGS),
    )  # fmt: skip
