# SPDX-License-Identifier: Apache-2.0
"""Code and stack bytes of the Winograd kernels' functions, from above."""

from __future__ import annotations

from collections.abc import Mapping

from smidgen.kernels.fast_requantize import DOUBLE
from smidgen.kernels.winograd.geometry import LARGEST_IMMEDIATE, Cut, Shape, unrolled

_SEVERAL_STACK, _EDGES_STACK = 256, 32
_CALLS_CODE = 250  # of the C around the assembly's calls
_GROUP_STACK, _STAGED_STACK = 40, 72
_GROUP_CODE, _STAGED_CODE = 560, {4: 1080, 2: 760}  # of the C that only they have


def footprint(shape: Shape, cut: Cut, constants: Mapping[str, int], *, staged: bool = False) -> tuple[int, int]:
    """The assembly's instructions are counted, the C around them is what zig cc 0.17.1 -O3 makes of it, rounded up."""
    large = shape.tile == 4
    assembly = _columns(shape, constants) + (652 if large else 208) + _products(shape, cut) + _outputs(shape, constants)
    around = (1490 if large else 1390) + (_GROUP_CODE if cut.group else 0) + (_STAGED_CODE[shape.tile] if staged else 0)
    edges = (_outputs(shape, constants) + 850 if large else 780) if shape.edges else 0
    stack = _SEVERAL_STACK + (_EDGES_STACK if shape.edges else 0)
    return assembly + around + edges, stack + (_GROUP_STACK if cut.group else 0) + (_STAGED_STACK if staged else 0)


def pair_code_bytes(shape: Shape, cut: Cut, constants: Mapping[str, int]) -> int:
    """Fetched for two output channels of a round, from a cache of 1 KB of code.

    Unrolled outputs leave no room for the C between their calls, so that they are fetched for each: two channels of
    each row of tiles.
    """
    rows = -(-min(cut.round_tiles, cut.band * cut.across(shape)) // cut.across(shape))
    calls = 1 if shape.tile == 2 or cut.round else 2 * rows
    return _products(shape, cut) + calls * _outputs(shape, constants) + _CALLS_CODE


def input_code_bytes(shape: Shape, constants: Mapping[str, int]) -> int:
    """Of all that runs for four channels of a row of tiles."""
    return _columns(shape, constants) + (652 if shape.tile == 4 else 208) + _CALLS_CODE


def _columns(shape: Shape, constants: Mapping[str, int]) -> int:
    return (246 if constants["SMG_IN_PITCH"] else 304) if shape.tile == 4 else 160


def _products(shape: Shape, cut: Cut) -> int:
    if cut.round:
        turns = _round_turns(shape)
        return 52 * (shape.in_c // 2 // turns) + (160 if turns > 1 else 104)
    loop, step = unrolled(shape, cut), 56 if cut.block == 4 else 64
    return (
        loop.together * -(-loop.steps // loop.turns) * step + 40 * (loop.together - 1) + (104 if loop.turns > 1 else 70)
    )


def _round_turns(shape: Shape) -> int:
    return -(-shape.in_c // 32)


def _outputs(shape: Shape, constants: Mapping[str, int]) -> int:
    """Of one tile: without rescales, and 4, 6 or 10 more bytes for each after its multiplication, 8 for each clamp."""
    values, far = shape.tile**2, (shape.tile - 1) * shape.out_c * (shape.out_w + 1) > LARGEST_IMMEDIATE
    rescale = 0 if constants["SMG_SHIFT"] else 10 if constants["SMG_ROUNDING_MODE"] == DOUBLE else 4
    clamps = (constants["SMG_ACT_MIN"] > -128) + (constants["SMG_ACT_MAX"] < 127)
    loops = 740 if constants["SMG_ROUND"] else 824
    return (loops if shape.tile == 4 else 232) + values * (rescale + 10 * clamps) + (100 if far else 0)
