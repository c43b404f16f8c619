# SPDX-License-Identifier: Apache-2.0
"""Depthwise 3x3 of strides 1 and 2 with a channel's weights in registers: shapes are constants of the code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from smidgen.ir import Node
from smidgen.kernels.classes import Classes, strained
from smidgen.kernels.common import constant_weights, int8_elements
from smidgen.kernels.depthwise.three import (
    one_to_one,
    padding_of_one,
    params,
    shape,
    three_by_three,
)
from smidgen.kernels.depthwise_portable.linear import linear, one_multiplication, requantize
from smidgen.kernels.flash_use import FlashUse
from smidgen.kernels.kernel import Kernel, Packed
from smidgen.ops import DepthwiseConv2D
from smidgen.targets.target import Core

UNLESS = frozenset(("dsp",))
_REACH = 2047  # bytes that a load's offset can be


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of outputs along one side of the image; bytes from one input to the next along and across them."""

    length: int
    lines: int
    along_bytes: int
    across_bytes: int
    start_padded: bool
    end_padded: bool
    first_padded: bool
    last_padded: bool
    stride: int

    @property
    def whole(self) -> int:
        """Lines without taps on padding beside them."""
        return max(self.lines - self.first_padded - self.last_padded, 0)

    @property
    def steps(self) -> int:
        return self.length - self.end_padded


def _lines(node: Node, down: bool) -> Lines:
    op = node.op
    assert isinstance(op, DepthwiseConv2D)
    _, ih, iw, oh, ow, c = shape(node)
    top, left, _, _ = op.padding
    stride = op.stride[0]
    bottom, right = ((o - 1) * stride - p + 2 >= i for o, p, i in ((oh, top, ih), (ow, left, iw)))
    if down:
        return Lines(oh, ow, iw * c, c, top > 0, bottom, left > 0, right, stride)
    return Lines(ow, oh, c, iw * c, left > 0, right, top > 0, bottom, stride)


def equal_strides(node: Node) -> bool:
    """Strides are 1, or both are 2"""
    assert isinstance(node.op, DepthwiseConv2D)
    return node.op.stride in ((1, 1), (2, 2))


def down(node: Node) -> bool:
    """Whether lines are columns of the image: where the sum of classes is less on a core where each takes 1."""
    return _instructions(_lines(node, True), node).total < _instructions(_lines(node, False), node).total


def constants(node: Node) -> Mapping[str, int]:
    op, found = node.op, linear(node)
    assert isinstance(op, DepthwiseConv2D)
    assert found is not None
    _, ih, iw, oh, ow, c = shape(node)
    return {
        "SMG_CHANNELS": c, "SMG_IN_H": ih, "SMG_IN_W": iw, "SMG_OUT_H": oh, "SMG_OUT_W": ow,
        "SMG_STRIDE": op.stride[0], "SMG_PAD_T": op.padding[0], "SMG_PAD_L": op.padding[1], "SMG_DOWN": int(down(node)),
        **found.constants(node),
    }  # fmt: skip


def pack(node: Node) -> Mapping[str, Packed]:
    """Per channel the nine weights, column after column across the lines, then bias, mult, sign_bias, below."""
    found = linear(node)
    assert found is not None
    weights = found.scaled_weights()
    if not down(node):
        weights = weights[:, np.arange(9).reshape(3, 3).T.ravel()]
    return {"w": Packed(None), "b": Packed(np.concatenate([weights, found.columns()], axis=1))}


def _strip(of: Lines, taps: int, two: bool, signed: bool) -> Classes:
    """One line of outputs with so many rows of taps, or two."""
    count = 1 + two
    inputs = taps + (two and of.stride)
    far = 2.0 * max(0, (of.across_bytes * (inputs - 2) > _REACH) * (inputs - 2))
    products = Classes(alu=3 * taps * count, multiply=3 * taps * count, load=inputs * of.stride)
    step = products + requantize(signed) * count + Classes(alu=2 + far * of.stride, branch=0.4)
    return step * of.length + Classes(alu=25, load=6, branch=2)


def _instructions(of: Lines, node: Node) -> Classes:
    found = linear(node)
    signed = found is not None and found.signed is not None
    edges = of.lines - of.whole
    taps = 1 if edges == 1 and of.first_padded and of.last_padded else 2
    each = _strip(of, taps, False, signed) * edges
    each += _strip(of, 3, True, signed) * (of.whole // 2) + _strip(of, 3, False, signed) * (of.whole % 2)
    return (each + Classes(alu=6, load=11 + 2 * signed, branch=1)) * (node["x"].type.shape[0] * shape(node)[5])


def cost(node: Node, core: Core) -> float:
    return strained(_instructions(_lines(node, down(node)), node).cycles(core), core, 2.5, 1.45)


def footprint(node: Node) -> tuple[int, int]:
    """Code bytes: every strip's turns are in the code three times for stride 1, and once before and behind."""
    of = _lines(node, down(node))
    kinds = [(2, 1)] * (of.first_padded + of.last_padded) + [(3, 2)] * (of.whole > 1) + [(3, 1)] * (of.whole % 2)
    turns = 3 if of.stride == 1 else 1
    each = sum((turns + 1.2) * (6 * taps * count + 3 * (taps + count) + 14 * count) * 3.0 for taps, count in kinds)
    return int(300 + each), 160


def flash_use(node: Node) -> FlashUse:
    """Parameters are read once an image."""
    return FlashUse((shape(node)[0] - 1) * 48 * shape(node)[5])


KERNELS = (
    Kernel(
        "smg_depthwise_3x3_s8_portable", "depthwise_portable", "depthwise", DepthwiseConv2D, cost, params,
        requires=(
            int8_elements, constant_weights, one_to_one, three_by_three, padding_of_one, equal_strides,
            one_multiplication,
        ),
        pack=pack, includes=("smg_depthwise_linear.inc.h",), constants=constants, footprint=footprint,
        flash_use=flash_use, unless=UNLESS,
    ),
)  # fmt: skip
