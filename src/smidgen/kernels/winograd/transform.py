# SPDX-License-Identifier: Apache-2.0
"""Winograd's minimal filtering with integers: its matrices, weights in its domain, and the bounds that make it exact.

F(m, 3) computes m outputs y of a 3-tap filter g from m + 2 inputs d as y = A'[(G g) * (B' d)] / scale; in two
dimensions each matrix stands on both sides (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015).
Here G is scaled to integers, so the result is scale^2 times the convolution's, exactly. All of it holds modulo 2^32:
sums and intermediate values may wrap, and only the scaled accumulator itself must fit. What multiplies as int16 must
fit too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Int16s = npt.NDArray[np.int16]


@dataclass(frozen=True)
class Scheme:
    """The matrices of one F(tile x tile, 3x3), as tuples of rows.

    The output transform gives 2^scale_bits * odd * accumulator. Inputs are the int8 values plus ``raised``; ``offset``,
    added to rows and columns of a tile of inputs from ``offset_from`` on, keeps transformed inputs from being negative.
    """

    tile: int
    weight_rows: tuple[tuple[int, ...], ...]  # G
    input_rows: tuple[tuple[int, ...], ...]  # B'
    output_rows: tuple[tuple[int, ...], ...]  # A'
    scale_bits: int
    odd: int
    raised: int
    offset: int
    offset_from: int

    @property
    def positions(self) -> int:
        return len(self.weight_rows) ** 2


F4 = Scheme(
    tile=4,
    weight_rows=((6, 0, 0), (-4, -4, -4), (-4, 4, -4), (1, 2, 4), (1, -2, 4), (0, 0, 12)),
    input_rows=(
        (4, 0, -5, 0, 1, 0), (0, -4, -4, 1, 1, 0), (0, 4, -4, -1, 1, 0),
        (0, -2, -1, 2, 1, 0), (0, 2, -1, -2, 1, 0), (0, 4, 0, -5, 0, 1),
    ),
    output_rows=((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 2)),
    scale_bits=6,
    odd=9,
    raised=128,
    offset=12800,
    offset_from=4,
)  # fmt: skip
"""Points 0, 1, -1, 2, -2 and infinity; the last row of G is half of the textbook's, so that the output doubles it."""

F2 = Scheme(
    tile=2,
    weight_rows=((2, 0, 0), (1, 1, 1), (1, -1, 1), (0, 0, 2)),
    input_rows=((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, -1, 0, 1)),
    output_rows=((1, 1, 1, 0), (0, 1, -1, 1)),
    scale_bits=2,
    odd=1,
    raised=0,
    offset=0,
    offset_from=4,
)
"""Points 0, 1, -1 and infinity."""


def transformed_weights(w: npt.NDArray[np.int8], scheme: Scheme) -> Int16s:
    """G g G' of OHWI weights, as (out_c, positions, in_c). |value| <= (largest row sum of |G|)^2 * 128 < 2^15."""
    g = np.array(scheme.weight_rows, np.int64)
    u = np.einsum("ia,oabc,jb->oijc", g, w.astype(np.int64), g)
    assert np.abs(u).max(initial=0) < 1 << 15
    flat: Int16s = u.reshape(len(w), scheme.positions, w.shape[3]).astype(np.int16)
    return flat


def pairs(values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """(..., channels) as (..., channels / 2, 2): channels 4q, 4q + 2, then 4q + 1, 4q + 3, as SXTB16 takes them."""
    quads = values.reshape(*values.shape[:-1], -1, 4)[..., [0, 2, 1, 3]]
    return quads.reshape(*values.shape[:-1], -1, 2)


def packed_weights(w: npt.NDArray[np.int8], scheme: Scheme) -> npt.NDArray[np.int8]:
    """Transformed weights as the bytes of words (out_c / 2, positions, in_c / 2, 2), out_c made even with zeros."""
    u = transformed_weights(w, scheme)
    u = np.pad(u, ((0, len(u) % 2), (0, 0), (0, 0)))
    words = np.ascontiguousarray(pairs(u)).view(np.int32)[..., 0]  # (out_c, positions, in_c / 2)
    both = words.reshape(-1, 2, *words.shape[1:])
    return np.ascontiguousarray(both.transpose(0, 2, 3, 1)).view(np.int8)
