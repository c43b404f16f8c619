# SPDX-License-Identifier: Apache-2.0
"""Random nodes for the CORE-V kernels, in both roundings."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from smidgen import ops
from smidgen.ir import Array, Node
from tests.kernels import nodes
from tests.kernels.nodes import Draw, draw_layer

CASE = tuple[Node, list[Array]]


@st.composite
def three_by_three(draw: Draw) -> CASE:
    """Rows of eight outputs and more, strides 1 and 2, padding 0 to 2 a side, even outputs."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    stride = draw(st.sampled_from([1, 1, 2]))
    t, left, b, r = draw(st.sampled_from([(1, 1, 1, 1), (0, 0, 1, 1), (0, 0, 0, 0), (2, 1, 0, 2)]))
    ow = draw(st.sampled_from([8, 8, 9, 13, 16]))
    h, w = draw(st.integers(max(1, 3 - t - b), 6)), (ow - 1) * stride + 3 - left - r + draw(st.integers(0, stride - 1))
    ic, oc = draw(st.sampled_from([1, 3, 4, 8, 12, 18])), draw(st.sampled_from([2, 4, 6]))
    rounding = draw(st.sampled_from(["double", "double", "even"]))
    return draw_layer(
        draw, rng, ops.Conv2D, (draw(st.sampled_from([1, 1, 2])), h, w, ic), (oc, 3, 3, ic), 0, draw(st.booleans()),
        padding=(t, left, b, r), stride=(stride, stride), rounding=rounding,
    )  # fmt: skip


@st.composite
def many_rows(draw: Draw) -> CASE:
    """Fully connected layers of four rows and more."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    lead = draw(st.sampled_from([(4,), (5,), (3, 2), (2, 4)]))
    k, o = 4 * draw(st.integers(1, 20)), draw(st.integers(4, 20))
    rounding = draw(st.sampled_from(["double", "double", "even"]))
    return draw_layer(draw, rng, ops.FullyConnected, (*lead, k), (o, k), 0, draw(st.booleans()), rounding=rounding)


def depthwise() -> st.SearchStrategy[CASE]:
    """Windows of every kind that fits its words, most often 3x3."""
    styles = ("one", "kxk", "3x3s1", "3x3s1", "3x3s2")
    return st.one_of(*(nodes.depthwise(r, s) for s in styles for r in ("double", "even")))
