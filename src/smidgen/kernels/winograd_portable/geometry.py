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


@dataclass(frozen=True, slots=True)
class _Code:
    """Bytes of a function by zig cc 0.17.1 -O3, rounded up: its own, more with edges, more if weights are staged."""

    plain: int
    edges: int
    staged: int = 1650


_CODE = {
    (4, 4, 1): _Code(6100, 1850),
    (4, 2, 1): _Code(3500, 650),
    (4, 4, 2): _Code(7700, 2050),
    (4, 2, 2): _Code(3800, 550),
    (2, 4, 1): _Code(4600, 1850),
    (2, 2, 1): _Code(3400, 550),
    (2, 4, 2): _Code(6550, 1900),
    (2, 2, 2): _Code(3600, 550),
}
_STACK_BYTES = 700


def footprint(shape: Shape, block: Block, *, staged: bool) -> tuple[int, int]:
    """Code and stack bytes, from above; 2x2 are for Thumb."""
    code = _CODE[block.tiles, shape.tile, shape.stride]
    return code.plain + shape.edges * code.edges + staged * code.staged, _STACK_BYTES


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
    return block.channels * (3 + domain.sums**2) + domain.side**2 * depth(in_c) * block.channels // 2
