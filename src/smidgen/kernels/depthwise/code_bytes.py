# SPDX-License-Identifier: Apache-2.0
"""Code bytes of what the depthwise kernels for one shape are put together from; most instructions take four."""

from __future__ import annotations

from smidgen.ir import Node
from smidgen.kernels.depthwise.uniform import scaled
from smidgen.kernels.fast_requantize import DOUBLE


def output_bytes(node: Node) -> int:
    """Beyond two instructions, what each place in the code that requantises an output takes."""
    found = scaled(node)
    constants = found.constants(node)
    clamps = (constants["SMG_ACT_MIN"] > -128) + (constants["SMG_ACT_MAX"] < 127)
    return 4 * (found.mode == DOUBLE) + 4 * (found.shift == 0) + 10 * clamps


def words_bytes(in_w: int, channels: int, kinds: int) -> int:
    """The functions that make rows of column words: of both rows, and of one row (``kinds`` - 1 of these)."""
    if channels < 4:
        return 60 + 60 * kinds
    if in_w >= 6:
        return kinds * (104 + 48 * (in_w % 2)) + 44
    return kinds * (20 + 96 * (in_w // 2) + 48 * (in_w % 2)) + 40


def block_bytes(node: Node) -> int:
    """Two by two outputs of stride 1."""
    return 196 + 4 * output_bytes(node)


def strip_bytes(node: Node, blocks: int) -> int:
    """3x3 outputs of stride 1 from column words, with so many blocks of two by two in the code."""
    _, oh, ow, _ = node.output.type.shape
    extra = output_bytes(node)
    code = 190 + blocks * block_bytes(node) + ow % 2 * (126 + 2 * extra)
    if oh % 2:
        code += 30 + (ow >= 2) * (140 + 2 * extra) + ow % 2 * (90 + extra)
    return code


def column_bytes(node: Node, *, single: bool, far: bool) -> tuple[int, int]:
    """A column of the image, and an output of stride 2 with its two columns."""
    rows = 1 if single else 2
    column = (16 if single else 30) + 16 * far
    return column, 2 * column + 34 + rows * (18 + output_bytes(node))


def unit_bytes(node: Node, *, single: bool, far: bool) -> int:
    """Rows of 3x3 outputs of stride 2 from the image, of one kind."""
    _, _, ow, _ = node.output.type.shape
    column, output = column_bytes(node, single=single, far=far)
    outputs = (2 if ow > 2 else 0) + 1 + (ow % 2 == 0)
    return 160 + column + outputs * output


def window_bytes(node: Node, steps: int, parities: int, positions: tuple[int, ...]) -> int:
    """Blocks of so many positions, with ``steps`` words of weights in the code."""
    each = steps * 4 * (1 + parities) + parities * (12 + output_bytes(node))
    return sum(count * each + steps * 4 * parities + 60 for count in positions)
