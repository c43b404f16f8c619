# SPDX-License-Identifier: Apache-2.0
"""Random nodes for the convolutions of the families conv2d_direct and conv2d_stride2, in both roundings."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from smidgen import ops
from smidgen.ir import Array, Node
from tests.kernels.nodes import Draw, draw_layer

CASE = tuple[Node, list[Array]]
ROUNDINGS = st.sampled_from(["double", "double", "even"])
OUT_CHANNELS = (2, 3, 4, 5, 7, 8, 9, 16, 17)


def _seeded(draw: Draw) -> np.random.Generator:
    """Shapes come from here rather than from draws of their own: examples then differ in all of them at once."""
    return np.random.default_rng(draw(st.integers(0, 2**32)))


def _layer(
    draw: Draw, rng: np.random.Generator, shape: tuple[int, int, int], kernel: tuple[int, int], **attributes: Any
) -> CASE:
    """A layer of an image or two of this shape."""
    filters = (int(rng.choice(OUT_CHANNELS)), *kernel, shape[2])
    batch = int(rng.choice([1, 1, 2]))
    rounding = draw(ROUNDINGS)
    return draw_layer(
        draw, rng, ops.Conv2D, (batch, *shape), filters, 0, draw(st.booleans()), rounding=rounding, **attributes
    )


@st.composite
def direct(draw: Draw) -> CASE:
    """Any filter, few and many inputs, rows shorter and longer than four outputs; columns now and then."""
    rng = _seeded(draw)
    kernel = [(3, 3), (3, 3), (1, 3), (3, 1), (5, 5), (2, 4), (7, 1), (1, 1), (1, 20)][rng.integers(9)]
    column = kernel[1] == 1 and rng.integers(2) == 0
    h, w = int(rng.integers(1, 10)), 1 if column else int(rng.integers(1, 15))
    dilation = (int(rng.choice([1, 1, 2])), 1)
    padding = [int(rng.integers(0, k + 1)) for k in (*kernel, *kernel)]
    if column:
        padding[1] = padding[3] = 0
    padding[2] += max(0, (kernel[0] - 1) * dilation[0] + 1 - h - padding[0] - padding[2])
    padding[3] += max(0, kernel[1] - w - padding[1] - padding[3])
    stride = int(rng.integers(1, 4)), 1 if column else int(rng.integers(1, 4))
    channels = int(rng.choice([1, 2, 3, 4, 5, 6, 7, 8, 11, 16, 24, 36, 80]))
    return _layer(draw, rng, (h, w, channels), kernel, stride=stride, dilation=dilation, padding=tuple(padding))


@st.composite
def stride2_3x3(draw: Draw) -> CASE:
    """Outputs of every number of tiles, with any padding, that four tiles fit into."""
    rng = _seeded(draw)
    least = [(2, 8), (4, 4), (8, 2)][rng.integers(3)]
    oh, ow = (n + int(rng.integers(0, 8)) for n in least)
    t, left, bottom, right = (int(n) for n in rng.integers(0, 4, 4))
    h, w = max(1, 2 * oh + 1 - t - bottom), max(1, 2 * ow + 1 - left - right)
    if rng.integers(2):  # a row and a column that no output reads
        h, w = h + 1, w + 1
    channels = int(rng.choice([4, 4, 8, 12, 16, 20, 36, 40, 72]))
    return _layer(draw, rng, (h, w, channels), (3, 3), stride=(2, 2), padding=(t, left, bottom, right))


@st.composite
def pointwise(draw: Draw) -> CASE:
    """1x1 filters of any stride."""
    rng = _seeded(draw)
    h, w, sh, sw = (int(n) for n in rng.integers(1, (20, 20, 4, 4)))
    if rng.integers(6) == 0:
        h, w = sh, sw  # one output
    channels = int(rng.choice([3, 4, 5, 6, 7, 8, 16, 19, 20, 24, 32, 40, 44, 68, 100]))
    return _layer(draw, rng, (h, w, channels), (1, 1), stride=(sh, sw))
