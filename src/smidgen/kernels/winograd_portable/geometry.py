# SPDX-License-Identifier: Apache-2.0
"""Sizes of the portable kernels' scratch and constants, and how far ahead of its reads one writes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from smidgen.kernels.winograd.geometry import Cut, Shape, whole_rows
from smidgen.kernels.winograd_portable.domain import Domain, depth, padded

MOST_UNIT_BYTES = 24576  # of V: more rows of tiles at a time only up to here


@dataclass(frozen=True, slots=True)
class Block:
    """Sums kept in registers at a time: of so many tiles, by so many channels."""

    tiles: int
    channels: int


def evenly_spaced(shape: Shape) -> bool:
    """Of the rows of inputs that a tile reads, only the first and the last can lie outside of the image."""
    last = shape.stride * shape.tile * (shape.rows - 1) - shape.pad_t + shape.side - 2
    return shape.pad_t <= 1 and last <= shape.in_h - 1


def cut_of(shape: Shape, block: Block) -> Cut:
    """Rows of tiles of a unit."""
    return whole_rows(_in_v(shape), block.tiles, MOST_UNIT_BYTES)


def _in_v(shape: Shape) -> Shape:
    return replace(shape, in_c=padded(shape.in_c))


def scratch_bytes(shape: Shape, cut: Cut, domain: Domain, block: Block) -> int:
    """V; the strip of columns or the sums; a row of zero points."""
    width = shape.stride * shape.tile * (shape.columns - 1) + shape.side
    strip, sums = width * 2 * shape.side * 4, domain.sums**2 * block.tiles * block.channels * 4
    return cut.unit_bytes(_in_v(shape)) + max(strip, sums) + shape.in_w * shape.in_c


def stream_words(in_c: int, domain: Domain, block: Block) -> int:
    """Of one block of channels."""
    return block.channels * (3 + domain.sums**2 + domain.side**2 * depth(in_c) // 2)
