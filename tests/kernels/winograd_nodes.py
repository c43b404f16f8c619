# SPDX-License-Identifier: Apache-2.0
"""Random nodes for the Winograd kernels: 3x3 convolutions with stride 1 or 2, in both roundings."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from smidgen import ops
from smidgen.ir import Array, Node
from tests.kernels.nodes import Draw, draw_layer

SIZES = st.sampled_from([1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 13, 16, 25])
CHANNELS = st.sampled_from([4, 4, 8, 12, 16, 20, 36, 44, 68])
ANY_CHANNELS = st.sampled_from([1, 2, 3, 3, 4, 5, 6, 7, 8, 11, 12, 16, 20, 36, 44, 68])


@st.composite
def three_by_three(draw: Draw, same: bool = False) -> tuple[Node, list[Array]]:
    """Images of all remainders by the tile, thin ones too; padding 0 to 2 a side, or 1 with as many channels."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n, h, w, ic = draw(st.sampled_from([1, 1, 2])), draw(SIZES), draw(SIZES), draw(CHANNELS)
    out_c = ic if same else draw(st.integers(1, 9))
    t, left, b, r = (1, 1, 1, 1) if same else (draw(st.integers(0, 2)) for _ in range(4))
    while h * w * ic > 3000:  # many of them share one program's memory
        h, w = (h // 2, w) if h > w else (h, w // 2)
    h, w = max(h, 3 - t - b), max(w, 3 - left - r)
    if draw(st.integers(0, 7)) == 0 and not same:  # rows out of the reach of an immediate offset
        n, h, w, ic = 1, 4, 115, 12
    rounding = draw(st.sampled_from(["double", "double", "even"]))
    return draw_layer(
        draw, rng, ops.Conv2D, (n, h, w, ic), (out_c, 3, 3, ic), 0, draw(st.booleans()), padding=(t, left, b, r),
        rounding=rounding,
    )  # fmt: skip


@st.composite
def any_channels(draw: Draw, stride: int) -> tuple[Node, list[Array]]:
    """The same for kernels that take any number of channels, with a stride."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n, h, w, ic = draw(st.sampled_from([1, 1, 2])), draw(SIZES), draw(SIZES), draw(ANY_CHANNELS)
    t, left, b, r = (draw(st.integers(0, 2)) for _ in range(4))
    while h * w * ic > 3000:
        h, w = (h // 2, w) if h > w else (h, w // 2)
    h, w = max(h, 3 - t - b), max(w, 3 - left - r)
    rounding = draw(st.sampled_from(["double", "double", "even"]))
    return draw_layer(
        draw, rng, ops.Conv2D, (n, h, w, ic), (draw(st.integers(1, 9)), 3, 3, ic), 0, draw(st.booleans()),
        padding=(t, left, b, r), stride=(stride, stride), rounding=rounding,
    )  # fmt: skip
