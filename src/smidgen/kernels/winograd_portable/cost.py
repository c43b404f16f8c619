# SPDX-License-Identifier: Apache-2.0
"""Modelled cycles of the portable kernels: instructions of their loops, by class, times the core's cycles of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from smidgen.kernels.classes import Classes
from smidgen.kernels.winograd.geometry import Cut, Shape
from smidgen.kernels.winograd_portable.domain import Domain, depth, padded
from smidgen.kernels.winograd_portable.geometry import Block


@dataclass(frozen=True, slots=True)
class Lines:
    """ALU instructions of one line of a scheme's transforms."""

    inputs: int
    raised: int
    outputs: int


_LINES = {(4, 1): Lines(17, 2, 14), (2, 1): Lines(4, 4, 4), (4, 2): Lines(17, 8, 16), (2, 2): Lines(2, 7, 2)}
_FEW_INPUTS, _FEW_OUTPUTS, _FEW_WEIGHTS = 2.2, {1: 3.1, 2: 7.2}, 1.65
"""Times the instructions where eight registers are all that most of them reach, of outputs by stride: fitted to
modelled cycles of the MLPerf Tiny models' layers on a Cortex-M0+."""
CALL = Classes(alu=20, load=14, store=14, branch=4)


def count(
    shape: Shape, cut: Cut, domain: Domain, block: Block, constants: Mapping[str, int], features: frozenset[str]
) -> Classes:
    """Of all images of the batch, with the instance's constants, on a core with these features."""
    few = "thumb" in features and "thumb2" not in features
    around = transforms(shape, cut, domain, constants, few)
    return around + _products(shape, cut, domain, block, _step(block, features)) * shape.batch


def transforms(shape: Shape, cut: Cut, domain: Domain, constants: Mapping[str, int], few: bool = False) -> Classes:
    """Of all images, without the products; ``few``: on a core with eight registers."""
    inputs, outputs = _inputs(shape, cut, _LINES[shape.tile, shape.stride]), _outputs(shape, domain, constants)
    if few:
        inputs, outputs = inputs * _FEW_INPUTS, outputs * _FEW_OUTPUTS[shape.stride]
    return (inputs + outputs) * shape.batch


def weights_count(shape: Shape, domain: Domain, features: frozenset[str]) -> Classes:
    """To transform all weights in scratch."""
    side, few = domain.side, "thumb" in features and "thumb2" not in features
    each = Classes(10 * (3 + side) + 3 * side**2, 0, 9 + 2 * side**2, 2 * side**2 + 3 * side, side) + CALL
    return each * (shape.in_c * shape.out_c * (_FEW_WEIGHTS if few else 1))


def _step(block: Block, features: frozenset[str]) -> Classes:
    """A product of every sum of a block: with MLA, in ARMv6-M by hand, or multiplied and added."""
    sums, operands = block.tiles * block.channels, block.tiles + block.channels
    if "thumb2" in features:
        return Classes(0, sums, operands)
    if "thumb" in features:
        return Classes(6, 4, 4)
    return Classes(sums, sums, operands)


def _inputs(shape: Shape, cut: Cut, lines: Lines) -> Classes:
    """Columns of four channels, and rows of tiles of two."""
    side, quads = shape.side, padded(shape.in_c) // 4
    width = min(shape.in_w, shape.stride * shape.tile * (shape.columns - 1) + side)
    expand = 10 if shape.in_c % 4 else 4
    column = Classes(expand * side + 2 * lines.inputs + 5, 0, side * (shape.in_c % 4 or 1), 2 * side, 1)
    row = Classes(lines.inputs + lines.raised + 2, 0, side, side)
    tile = row * side + Classes(8, branch=1)
    return (column * width + tile * (2 * shape.columns) + CALL) * (quads * shape.rows)


def _products(shape: Shape, cut: Cut, domain: Domain, block: Block, step: Classes) -> Classes:
    """Of every block of tiles and channels."""
    sums, k = block.tiles * block.channels, depth(shape.in_c)
    steps = min(k, 4 if k % 8 else 8)
    turn = step * steps + Classes(alu=2, branch=1)
    position = turn * (k // steps) + Classes(alu=4, branch=1)
    each = position * domain.side**2 + Classes(sums + 6, 0, block.channels, sums, 1) * domain.sums**2 + CALL
    return each * (cut.blocks(shape) * -(-shape.out_c // block.channels))


def _outputs(shape: Shape, domain: Domain, constants: Mapping[str, int]) -> Classes:
    """Of every tile and channel."""
    lines, tile, sums = _LINES[shape.tile, shape.stride], shape.tile, domain.sums
    value = Classes(4 if constants["SMG_SHIFT"] else 7 if constants["SMG_NEGATIVE_TIES"] else 4, 2, 0, 1, 1)
    transforms = Classes(lines.outputs * (sums + tile), 0, sums**2 + 0.5 * sums * tile, 0.5 * sums * tile)
    whole = transforms + value * tile**2 + Classes(12, 0, 3, 0, 1)
    edges = shape.rows * shape.columns - (shape.out_h // tile) * (shape.out_w // tile)
    copied = Classes(8, 0, 1, 1, 1) * tile**2 + CALL
    return (whole * (shape.rows * shape.columns) + copied * edges) * shape.out_c + CALL * (shape.rows * shape.columns)
