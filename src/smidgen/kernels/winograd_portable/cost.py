# SPDX-License-Identifier: Apache-2.0
"""Modelled cycles of the portable kernels: instructions of their loops, by class, times the core's cycles of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from smidgen.kernels.winograd.geometry import Cut, Shape
from smidgen.kernels.winograd_portable.domain import Domain, depth, padded
from smidgen.kernels.winograd_portable.geometry import Block
from smidgen.targets.target import Core


@dataclass(frozen=True, slots=True)
class Count:
    """Instructions by class; ``branch`` are taken ones."""

    alu: float = 0
    multiply: float = 0
    load: float = 0
    store: float = 0
    branch: float = 0

    def __add__(self, other: Count) -> Count:
        return Count(
            self.alu + other.alu, self.multiply + other.multiply, self.load + other.load, self.store + other.store,
            self.branch + other.branch,
        )  # fmt: skip

    def __mul__(self, times: float) -> Count:
        return Count(
            self.alu * times, self.multiply * times, self.load * times, self.store * times, self.branch * times
        )

    def cycles(self, core: Core) -> float:
        of = core.cycles
        return (
            self.alu * of["alu"] + self.multiply * of["multiply"] + self.load * of["load"] + self.store * of["store"]
            + self.branch * of["branch"]
        )  # fmt: skip


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
_CALL = Count(alu=20, load=14, store=14, branch=4)


def count(
    shape: Shape, cut: Cut, domain: Domain, block: Block, constants: Mapping[str, int], features: frozenset[str]
) -> Count:
    """Of all images of the batch, with the instance's constants, on a core with these features."""
    few = "thumb" in features and "thumb2" not in features
    around = transforms(shape, cut, domain, constants, few)
    return around + _products(shape, cut, domain, block, _step(block, features)) * shape.batch


def transforms(shape: Shape, cut: Cut, domain: Domain, constants: Mapping[str, int], few: bool = False) -> Count:
    """Of all images, without the products; ``few``: on a core with eight registers."""
    inputs, outputs = _inputs(shape, cut, _LINES[shape.tile, shape.stride]), _outputs(shape, domain, constants)
    if few:
        inputs, outputs = inputs * _FEW_INPUTS, outputs * _FEW_OUTPUTS[shape.stride]
    return (inputs + outputs) * shape.batch


def weights_count(shape: Shape, domain: Domain, features: frozenset[str]) -> Count:
    """To transform all weights in scratch."""
    side, few = domain.side, "thumb" in features and "thumb2" not in features
    each = Count(10 * (3 + side) + 3 * side**2, 0, 9 + 2 * side**2, 2 * side**2 + 3 * side, side) + _CALL
    return each * (shape.in_c * shape.out_c * (_FEW_WEIGHTS if few else 1))


def _step(block: Block, features: frozenset[str]) -> Count:
    """A product of every sum of a block: with MLA, in ARMv6-M by hand, or multiplied and added."""
    sums, operands = block.tiles * block.channels, block.tiles + block.channels
    if "thumb2" in features:
        return Count(0, sums, operands)
    if "thumb" in features:
        return Count(6, 4, 4)
    return Count(sums, sums, operands)


def _inputs(shape: Shape, cut: Cut, lines: Lines) -> Count:
    """Columns of four channels, and rows of tiles of two."""
    side, quads = shape.side, padded(shape.in_c) // 4
    width = min(shape.in_w, shape.stride * shape.tile * (shape.columns - 1) + side)
    expand = 10 if shape.in_c % 4 else 4
    column = Count(expand * side + 2 * lines.inputs + 5, 0, side * (shape.in_c % 4 or 1), 2 * side, 1)
    row = Count(lines.inputs + lines.raised + 2, 0, side, side)
    tile = row * side + Count(8, branch=1)
    return (column * width + tile * (2 * shape.columns) + _CALL) * (quads * shape.rows)


def _products(shape: Shape, cut: Cut, domain: Domain, block: Block, step: Count) -> Count:
    """Of every block of tiles and channels."""
    sums, k = block.tiles * block.channels, depth(shape.in_c)
    steps = min(k, 4 if k % 8 else 8)
    turn = step * steps + Count(alu=2, branch=1)
    position = turn * (k // steps) + Count(alu=4, branch=1)
    each = position * domain.side**2 + Count(sums + 6, 0, block.channels, sums, 1) * domain.sums**2 + _CALL
    return each * (cut.blocks(shape) * -(-shape.out_c // block.channels))


def _outputs(shape: Shape, domain: Domain, constants: Mapping[str, int]) -> Count:
    """Of every tile and channel."""
    lines, tile, sums = _LINES[shape.tile, shape.stride], shape.tile, domain.sums
    value = Count(4 if constants["SMG_SHIFT"] else 7 if constants["SMG_NEGATIVE_TIES"] else 4, 2, 0, 1, 1)
    transforms = Count(lines.outputs * (sums + tile), 0, sums**2 + 0.5 * sums * tile, 0.5 * sums * tile)
    whole = transforms + value * tile**2 + Count(12, 0, 3, 0, 1)
    edges = shape.rows * shape.columns - (shape.out_h // tile) * (shape.out_w // tile)
    copied = Count(8, 0, 1, 1, 1) * tile**2 + _CALL
    return (whole * (shape.rows * shape.columns) + copied * edges) * shape.out_c + _CALL * (shape.rows * shape.columns)
