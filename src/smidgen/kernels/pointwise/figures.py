# SPDX-License-Identifier: Apache-2.0
"""What the pointwise kernels cost: scratch, code, cycles, and how far the output may lie over the input."""

from __future__ import annotations

from collections.abc import Mapping

from smidgen.ir import Node
from smidgen.kernels.fast_requantize import DOUBLE, rounding_mode
from smidgen.kernels.flash_use import FlashUse
from smidgen.kernels.pointwise.packing import (
    affine_layer,
    block_groups,
    chunks_of,
    is_narrow,
    steps_of,
    takes_two_groups,
)
from smidgen.ops import Conv2D
from smidgen.ops.arithmetic import int_bounds
from smidgen.targets.target import Core


def pixels_of(node: Node) -> int:
    """Pixels of the output, of the whole batch."""
    return node.output.type.elements // node.output.type.shape[-1]


def _tail(node: Node) -> int:
    """Pixels left after whole groups: one is computed alone, two or three in a group."""
    return pixels_of(node) % 4


def scratch(node: Node, *, nbytes: int) -> int:
    """Bytes for the activation words of a block, with the sums between chunks, and of the pixels left."""
    steps = steps_of(node["w"].type.shape[-1])
    slots = block_groups(node, nbytes) + (_tail(node) > 1)
    return slots * (16 * steps + 32 * (chunks_of(node)[0] - 1)) + 4 * steps * (_tail(node) == 1)


def overlap(node: Node, *, nbytes: int) -> Mapping[str, int]:
    """The output may lie over the input: a block's inputs are in scratch before its outputs are written.

    After a block that ends at pixel e the output has e * out_c bytes and the input is needed from e * in_c on; after
    the last one nothing is. The last block's words of the last four pixels are of its own pixels, too.
    """
    out_c, in_c, block = node.output.type.shape[-1], node["w"].type.shape[-1], block_groups(node, nbytes)
    before_last = (pixels_of(node) // 4 - 1) // block * block * 4
    return {"y": max(0, (out_c - in_c) * before_last)}


def expand_cycles(in_c: int, narrow: bool) -> int:
    """Cycles for a group's activation words."""
    scale = 4 * narrow
    rest = (0, 10 + scale, 18 + scale, 28 + 2 * scale)[in_c % 4]
    pairs = in_c // 8
    return pairs * 48 - (2 if pairs else 0) + 22 * (in_c % 8 >= 4) + rest + 6


def requantize_cycles(node: Node) -> int:
    """Cycles for the output bytes of a group and two channels, with the parameters and the output's address."""
    op = node.op
    assert isinstance(op, Conv2D)
    lo, hi = int_bounds(op.clamp)
    clamps = 8 * 3 * ((lo > -128) + (hi < 127))
    wide = node.output.type.shape[-1] > 255
    if affine_layer(node):
        return 5 + 24 + clamps + wide
    high = 2 if rounding_mode(node) == DOUBLE else 1
    return 7 + 8 + 8 * (high + 3) + clamps + 1


def group_cycles(node: Node) -> float:
    """Cycles for a group and two channels, partial sums included."""
    narrow, affine, chunks = is_narrow(node), affine_layer(node) is not None, chunks_of(node)[0]
    sums = 15 * steps_of(node["w"].type.shape[-1]) + (1 if affine else 2) + (0 if narrow else 4)
    ends = 3.5 if takes_two_groups(node) else 6
    return sums + requantize_cycles(node) + ends + (chunks - 1) * 24 + (chunks > 1)


def cost(node: Node, core: Core, *, nbytes: int) -> float:
    out_c, in_c = node.output.type.shape[-1], node["w"].type.shape[-1]
    tail = _tail(node) > 1
    groups = pixels_of(node) // 4
    blocks = -(-groups // block_groups(node, nbytes))
    narrow, chunks = is_narrow(node), chunks_of(node)[0]
    words = steps_of(in_c) * (2 if narrow else 1)
    parameters = 5 if affine_layer(node) else 8
    pair = words + parameters + 18 + 8 * chunks + 4 * (tail > 0) + 4 * takes_two_groups(node)
    work = (groups + tail) * (expand_cycles(in_c, narrow) + -(-out_c // 2) * group_cycles(node))
    if _tail(node) == 1:
        steps, pixel = steps_of(in_c), 32 if affine_layer(node) else 44
        four = 31 if narrow else 26
        work += -(-out_c // 2) * (steps // 4 * four + steps % 4 * 7 + pixel) + 3 * in_c + 60
    return work + blocks * (110 + -(-out_c // 2) * pair) + tail * (40 + 8 * -(-out_c // 2)) + 60


def _pair_bytes(node: Node) -> int:
    """Code that runs for every pair of channels, once a block."""
    op = node.op
    assert isinstance(op, Conv2D)
    lo, hi = int_bounds(op.clamp)
    requantize = 124 if affine_layer(node) else 214 + 32 * (rounding_mode(node) == DOUBLE)
    requantize += 64 * ((lo > -128) + (hi < 127)) + 16 * (not is_narrow(node))
    groups = 1 + takes_two_groups(node)
    return groups * (42 * steps_of(node["w"].type.shape[-1]) + requantize) + 60 + 60 * chunks_of(node)[0]


def footprint(node: Node) -> tuple[int, int]:
    """Code and stack bytes of an instance, from above."""
    in_c, chunks = node["w"].type.shape[-1], chunks_of(node)[0]
    expand = 50 + (120 * chunks if in_c >= 8 else 0) + 52 * (in_c % 8 >= 4 or chunks > 1) + (0, 40, 70, 110)[in_c % 4]
    left = (0, 330 if affine_layer(node) else 370, 80, 80)[_tail(node)]
    return _pair_bytes(node) + expand + left + 240, 212 + 40 * (not is_narrow(node))


def flash_use(node: Node, *, nbytes: int) -> FlashUse:
    """Weights are read once a block. Each loop fits a cache of 1 KB, but not all of them together."""
    out_c, in_c = node.output.type.shape[-1], node["w"].type.shape[-1]
    pairs, blocks = -(-out_c // 2), -(-(pixels_of(node) // 4) // block_groups(node, nbytes))
    words = steps_of(in_c) * (2 if is_narrow(node) else 1) + (5 if affine_layer(node) else 8)
    return FlashUse((blocks - 1) * pairs * words * 4, ((_pair_bytes(node), blocks * pairs),))
