# SPDX-License-Identifier: Apache-2.0
"""Modelled cycles of the Winograd kernels, zero wait states, from the instructions of their loops.

The assembly's loops are counted; what compilers make of the C around them was fitted to zig cc 0.17.1 -O3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from smidgen.kernels.fast_requantize import DOUBLE
from smidgen.kernels.winograd.geometry import LARGEST_IMMEDIATE, Cut, Shape, unrolled


@dataclass(frozen=True, slots=True)
class _Loops:
    """Cycles of one turn of each loop of a scheme, and of what surrounds a call of it."""

    column: int  # four channels of a column of pixels, rows SMG_IN_PITCH apart
    any_column: int  # the same, rows anywhere
    tile: int  # a tile of one word of channels
    far_tile: int  # more, where positions of V are out of reach
    output: int  # a tile of one channel, without its rescales


_LOOPS = {4: _Loops(66, 78, 181, 6, 221), 2: _Loops(38, 38, 66, 4, 57)}
_ROWS_LOOP = 17  # over the rows of sums, where it is not unrolled
_CALL = 23  # of the products: saving and restoring registers
_OUTPUT_CALL = 37
_PER_ROW, _PER_QUAD, _PER_BLOCK = 300, 110, 55
_KEPT_QUAD = 130  # to keep and restore what lies left of a group of tiles
_EDGE_TILE = 40, 9  # an output tile's copy, and more of each output
_WEIGHTS = {4: 316, 2: 170}  # two words of one filter, transformed


def cycles(shape: Shape, cut: Cut, constants: Mapping[str, int], *, staged: bool = False) -> float:
    """Of all images of the batch, with the instance's constants."""
    total = shape.batch * (_input(shape, cut, constants) + _products(shape, cut) + _outputs(shape, cut, constants))
    filters = (shape.out_c + shape.out_c % 2) * shape.in_c // 2
    return float(total + (filters * _WEIGHTS[shape.tile] if staged else 0))


def _groups(shape: Shape, cut: Cut) -> int:
    return -(-shape.columns // cut.across(shape))


def _input(shape: Shape, cut: Cut, constants: Mapping[str, int]) -> int:
    """Columns and tiles of every row of tiles."""
    loops, quads, groups = _LOOPS[shape.tile], shape.in_c // 4, _groups(shape, cut)
    width = min(shape.tile * shape.columns + 2, shape.in_w) + 2 * (groups - 1)
    column = loops.column if constants["SMG_IN_PITCH"] else loops.any_column
    far = 4 * (shape.tile + 1) * shape.in_c // 2 * cut.block > LARGEST_IMMEDIATE
    tile = loops.tile + (loops.far_tile if far else 0)
    calls = groups * (50 + 2 * 21 + _PER_QUAD + (_KEPT_QUAD if cut.group else 0))
    each = quads * (width * column + 2 * shape.columns * tile + calls) + groups * _PER_ROW
    return shape.rows * each


def _products(shape: Shape, cut: Cut) -> float:
    """Of every block and two output channels."""
    if cut.round:
        turns = -(-shape.in_c // 32)  # of at most 16 steps
        block = shape.in_c // 2 * 16 + 16 + (14 + 6 * turns if turns > 1 else 0)
        pairs = cut.rounds(shape) * -(-shape.out_c // 2)
        return pairs * (36 * (cut.round * block + 6) + _CALL + _PER_BLOCK)
    positions, loop = (shape.tile + 2) ** 2, unrolled(shape, cut)
    skips = loop.turns * -(-loop.steps // loop.turns) > loop.steps
    looped = 2 * cut.block + 5 * loop.turns + (3 if skips else 0) if loop.turns > 1 else 0
    stores = 2 * cut.block + 2 + 5 / loop.together
    position = loop.steps * (16 if cut.block == 4 else 17) + stores + looped
    calls = cut.blocks(shape) * -(-shape.out_c // 2)
    return calls * (positions * position + _CALL + _PER_BLOCK)


def _outputs(shape: Shape, cut: Cut, constants: Mapping[str, int]) -> int:
    """Of every tile and channel; a block's tiles of one row are one call."""
    far = (shape.tile - 1) * shape.out_c * (shape.out_w + 1) > LARGEST_IMMEDIATE
    rescale = 3 if constants["SMG_SHIFT"] else 6 if constants["SMG_ROUNDING_MODE"] == DOUBLE else 4
    clamps = (constants["SMG_ACT_MIN"] > -128) + (constants["SMG_ACT_MAX"] < 127)
    values = shape.tile**2
    tile = (
        _LOOPS[shape.tile].output + values * (rescale + 3 * clamps) + (shape.tile * (2 * shape.tile - 1) if far else 0)
    )
    whole = (shape.out_h // shape.tile) * (shape.out_w // shape.tile)
    tile += _ROWS_LOOP if cut.round else 0
    copy = _EDGE_TILE[0] + _EDGE_TILE[1] * values
    edges = shape.rows * shape.columns - whole
    run = min(cut.round_tiles, cut.across(shape))
    rows = shape.out_h // shape.tile
    calls = rows * max(-(-(shape.out_w // shape.tile) // run), _groups(shape, cut) if whole else 0)
    return shape.out_c * (whole * tile + calls * _OUTPUT_CALL + edges * (tile + _OUTPUT_CALL + copy))
