# SPDX-License-Identifier: Apache-2.0
"""How a layer is cut into tiles and units, what scratch that takes, and how far ahead of its reads a kernel writes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from smidgen.ir import Node
from smidgen.ops import Conv2D

LARGEST_IMMEDIATE = 4095  # of a load, a store or ADDW
MOST_UNIT_BYTES = 20480  # of V: more rows of tiles at a time only up to here


@dataclass(frozen=True, slots=True)
class Shape:
    """A convolution's sizes and its cut into tiles of ``tile`` x ``tile`` outputs, ``rows`` x ``columns`` of them."""

    batch: int
    in_h: int
    in_w: int
    in_c: int
    out_h: int
    out_w: int
    out_c: int
    pad_t: int
    pad_l: int
    tile: int
    stride: int = 1

    @property
    def side(self) -> int:
        """Inputs that a tile's outputs see in each dimension, and products of a dimension."""
        return self.stride * (self.tile - 1) + 3

    @property
    def rows(self) -> int:
        return -(-self.out_h // self.tile)

    @property
    def columns(self) -> int:
        return -(-self.out_w // self.tile)

    @property
    def edges(self) -> bool:
        """Some tile reaches beyond the output."""
        return bool(self.out_h % self.tile or self.out_w % self.tile)

    @property
    def regular(self) -> bool:
        """Of the rows of inputs that a tile reads, only the first and the last can lie outside of the image."""
        last = self.stride * self.tile * (self.rows - 1) - self.pad_t + self.side - 2
        reach = (self.tile - 1) * self.in_w * self.in_c
        return self.pad_t <= 1 and last <= self.in_h - 1 and reach <= LARGEST_IMMEDIATE


def shape_of(node: Node, tile: int) -> Shape:
    assert isinstance(node.op, Conv2D)
    n, ih, iw, ic = node["x"].type.shape
    _, oh, ow, oc = node.output.type.shape
    return Shape(n, ih, iw, ic, oh, ow, oc, node.op.padding[0], node.op.padding[1], tile, node.op.stride[0])


@dataclass(frozen=True, slots=True)
class Cut:
    """Units of ``band`` rows of ``group`` tiles (0: all of a row), multiplied in blocks of ``block`` tiles.

    ``round``: so many blocks by each weight before the next is read; 0: one.
    """

    block: int
    band: int
    group: int
    round: int = 0

    @property
    def round_tiles(self) -> int:
        return self.block * max(1, self.round)

    def across(self, shape: Shape) -> int:
        """Tiles of a unit's row, at most."""
        return min(self.group, shape.columns) if self.group else shape.columns

    def rounds(self, shape: Shape) -> int:
        """Rounds of all units of one image."""
        bands = [min(self.band, shape.rows - r) for r in range(0, shape.rows, self.band)]
        step = self.across(shape)
        groups = [min(step, shape.columns - c) for c in range(0, shape.columns, step)]
        return sum(-(-b * g // self.round_tiles) for b in bands for g in groups)

    def blocks(self, shape: Shape) -> int:
        """Blocks of all units of one image, with places of the last round that stay empty."""
        return self.rounds(shape) * max(1, self.round)

    def unit_bytes(self, shape: Shape) -> int:
        """V of one unit."""
        rounds = -(-self.band * self.across(shape) // self.round_tiles)
        return rounds * self.round_tiles * shape.side**2 * shape.in_c * 2


def whole_rows(shape: Shape, block: int = 4, most_bytes: int = MOST_UNIT_BYTES) -> Cut:
    """One row of tiles at a time, or 2 or 4 where that leaves fewer places of blocks empty."""
    cuts = [Cut(block, min(band, shape.rows), 0) for band in (1, 2, 4)]
    fit = [c for c in cuts if c.band == 1 or c.unit_bytes(shape) <= most_bytes]
    least = min(c.blocks(shape) for c in fit)
    return next(c for c in fit if c.blocks(shape) * 8 <= least * 9)


def one_round(shape: Shape) -> Cut:
    """``whole_rows`` in rounds of as many blocks as share their weights, at most 3: an offset's reach."""
    return _in_rounds(shape, whole_rows(shape))


def twice_the_rows(shape: Shape) -> Cut:
    """The same with up to twice the rows of tiles, so that weights are read half as often."""
    cut = whole_rows(shape)
    return _in_rounds(shape, replace(cut, band=min(2 * cut.band, shape.rows)))


def _in_rounds(shape: Shape, cut: Cut) -> Cut:
    blocks = -(-cut.band * cut.across(shape) // cut.block)
    most = min(3, blocks, LARGEST_IMMEDIATE // (16 * shape.in_c))
    return replace(cut, round=min(range(1, most + 1), key=lambda r: (replace(cut, round=r).blocks(shape), -r)))


@dataclass(frozen=True, slots=True)
class Unrolled:
    """The products' loop: steps of a position, in ``turns`` equal parts, or ``together`` positions a turn."""

    steps: int
    turns: int
    together: int


def unrolled(shape: Shape, cut: Cut) -> Unrolled:
    """As much as stays below 1 KB of code (smg_winograd_products.inc.h)."""
    steps, most = (shape.in_c // 2, 16) if cut.block == 4 else (shape.in_c // 4, 14)
    return Unrolled(steps, -(-steps // most), 4 if steps <= most // 4 else 2 if steps <= most // 2 else 1)


def scratch_bytes(shape: Shape, cut: Cut) -> int:
    """V; the strip of columns or the sums; a row of zero points; what a group keeps; one tile of outputs."""
    across, side = cut.across(shape), shape.tile + 2
    width = shape.tile * across + 2
    strip, sums = width * 2 * side * 4, 2 * cut.round_tiles * side * side * 4
    zeros = min(shape.in_w, width - shape.pad_l) * shape.in_c
    kept = shape.in_w * shape.in_c + shape.in_c // 4 * shape.pad_l * side * 2 * 4 if cut.group else 0
    return cut.unit_bytes(shape) + max(strip, sums) + zeros + kept + (shape.tile**2 if shape.edges else 0)


def lead_bytes(shape: Shape, cut: Cut) -> int:
    """How far above y's start x must start so that whole rows can be written over rows read before.

    After each band of rows of tiles, what has been written must end below what is still to be read.
    """
    read_row, write_row = shape.in_w * shape.in_c, shape.out_w * shape.out_c
    lead = 0
    for n in range(shape.batch):
        for row in range(cut.band, shape.rows + cut.band, cut.band):
            done = min(row * shape.tile, shape.out_h)
            wanted = shape.in_h if row >= shape.rows else min(max(shape.stride * done - shape.pad_t, 0), shape.in_h)
            if n == shape.batch - 1 and row >= shape.rows:
                break
            lead = max(lead, (n * shape.out_h + done) * write_row - (n * shape.in_h + wanted) * read_row)
    return lead
