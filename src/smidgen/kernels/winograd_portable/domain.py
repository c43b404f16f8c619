# SPDX-License-Identifier: Apache-2.0
"""The transforms of the portable kernels: matrices, weights in their domain, and the bounds that make them exact.

As winograd/transform.py has it, all of it holds modulo 2^32. A filter with stride 2 falls into two, each in one
dimension: taps g0 and g2 see even inputs, F(m, 2); tap g1 sees odd ones, m plain products. Products that reach the
same outputs the same way are one sum.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from smidgen.kernels.common import pad_last
from smidgen.kernels.winograd import transform
from smidgen.kernels.winograd.transform import Scheme, transformed_weights

Int64s = npt.NDArray[np.int64]
RAISED = 128  # added to inputs, which thus are 0 .. 255


@dataclass(frozen=True)
class Domain:
    """A scheme, whose ``output_rows`` go over sums: the first ``paired`` of two products each, the others of one."""

    scheme: Scheme
    stride: int = 1
    paired: int = 0

    @property
    def side(self) -> int:
        return len(self.scheme.weight_rows)

    @property
    def sums(self) -> int:
        return self.side - self.paired

    @property
    def unit(self) -> int:
        """The sum that adds to every output alike."""
        rows = self.scheme.output_rows
        return next(j for j in range(self.sums) if all(row[j] == 1 for row in rows))

    def members(self, total: int) -> range:
        """Products of one sum of a dimension."""
        first = 2 * total if total < self.paired else total + self.paired
        return range(first, first + (2 if total < self.paired else 1))

    def places(self) -> list[list[int]]:
        """Of each sum of both dimensions, in order, its products p * side + q."""
        every = range(self.sums)
        return [[p * self.side + q for p in self.members(i) for q in self.members(j)] for i in every for j in every]

    def largest_input(self) -> int:
        """The largest transformed input with its offset; asserts that none is negative."""
        rows = np.array(self.scheme.input_rows, np.int64)
        up, down = np.maximum(rows, 0).sum(axis=1), np.maximum(-rows, 0).sum(axis=1)
        most = np.outer(up, up) + np.outer(down, down)
        least = np.outer(up, down) + np.outer(down, up)
        assert self.scheme.offset >= least.max() * 255
        return int(most.max() * 255) + self.scheme.offset


F4 = Domain(transform.F4)
F2 = Domain(replace(transform.F2, raised=RAISED, offset=512))
S4 = Domain(
    Scheme(
        tile=4,
        weight_rows=(
            (3, 0, 0), (0, 6, 0), (0, 0, 6), (0, 6, 0), (-3, 0, -3), (-1, 0, 1), (1, 0, 2), (0, 6, 0), (0, 6, 0),
        ),
        input_rows=(
            (2, 0, -1, 0, -2, 0, 1, 0, 0), (0, 1, 0, 0, 0, 0, 0, 0, 0), (0, 0, 2, 0, -1, 0, -2, 0, 1),
            (0, 0, 0, 0, 0, 0, 0, 1, 0), (0, 0, -2, 0, -1, 0, 1, 0, 0), (0, 0, 2, 0, -3, 0, 1, 0, 0),
            (0, 0, -1, 0, 0, 0, 1, 0, 0), (0, 0, 0, 1, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 1, 0, 0, 0),
        ),
        output_rows=((1, 0, 1, 1, 1, 0, 0), (0, 0, 1, -1, 2, 1, 0), (0, 0, 1, 1, 4, 0, 1), (0, 1, 1, -1, 8, 0, 0)),
        scale_bits=2, odd=9, raised=RAISED, offset=4608, offset_from=9,
    ),
    stride=2, paired=2,
)  # fmt: skip
"""81 products of 144. F(4, 2) has the points 0, 1, -1, 2 and infinity; the odd taps carry its scale, 6."""
S2 = Domain(
    Scheme(
        tile=2,
        weight_rows=((2, 0, 0), (0, 2, 0), (0, 0, 2), (0, 2, 0), (2, 0, 2)),
        input_rows=((1, 0, -1, 0, 0), (0, 1, 0, 0, 0), (0, 0, -1, 0, 1), (0, 0, 0, 1, 0), (0, 0, 1, 0, 0)),
        output_rows=((1, 0, 1), (0, 1, 1)),
        scale_bits=2, odd=1, raised=RAISED, offset=512, offset_from=5,
    ),
    stride=2, paired=2,
)  # fmt: skip
"""25 products of 36, doubled in each dimension: requantisation wants a scale."""


def sum_starts(w: npt.NDArray[np.int8], domain: Domain, bias: Int64s) -> Int64s:
    """What each sum of each channel starts from (out_c, sums), modulo 2^32.

    The offset of all transformed inputs goes, and the bias comes in: ``bias`` is 2^scale_bits times the one for raw
    input bytes.
    """
    scheme = domain.scheme
    u = transformed_weights(w, scheme).astype(np.int64).sum(axis=2)
    starts: Int64s = np.stack([-scheme.offset * u[:, place].sum(axis=1) for place in domain.places()], axis=1)
    starts[:, domain.unit * (domain.sums + 1)] += first_start(w, domain, bias)
    return starts


def first_start(w: npt.NDArray[np.int8], domain: Domain, bias: Int64s) -> Int64s:
    """What the bias adds to the sum that adds to every output alike (out_c)."""
    scheme = domain.scheme
    raised = scheme.raised * w.astype(np.int64).sum(axis=(1, 2, 3)) << scheme.scale_bits
    first: Int64s = scheme.odd * (bias - raised)
    return first


def streamed_weights(w: npt.NDArray[np.int8], domain: Domain) -> list[npt.NDArray[np.int16]]:
    """Transformed weights (out_c, products, depth) of each sum, channels of input in the order of V."""
    u = pad_last(transformed_weights(w, domain.scheme), 4)
    quads = u.reshape(*u.shape[:2], -1, 4)[..., [0, 2, 1, 3]].reshape(u.shape)[..., : depth(w.shape[3])]
    return [quads[:, place] for place in domain.places()]


def padded(in_c: int) -> int:
    """Channels of input in V."""
    return in_c + -in_c % 4


def depth(in_c: int) -> int:
    """Channels of input that are multiplied: SMG_DEPTH."""
    return in_c if in_c in (1, 3) else padded(in_c)
