# SPDX-License-Identifier: Apache-2.0
"""Depthwise of any window, stride and dilation: shapes are constants of the code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from smidgen.ir import Node
from smidgen.kernels.classes import Classes, strained
from smidgen.kernels.common import constant_weights, int8_elements
from smidgen.kernels.depthwise.three import one_to_one, params, shape
from smidgen.kernels.depthwise.window import no_padding
from smidgen.kernels.depthwise_portable.linear import linear, one_multiplication, requantize
from smidgen.kernels.flash_use import FlashUse
from smidgen.kernels.kernel import Kernel, Packed
from smidgen.ops import DepthwiseConv2D
from smidgen.targets.target import Core

_MOST_AT_ONCE = 6
_LARGEST = 64  # loops over more are not unrolled


@dataclass(frozen=True, slots=True)
class Walk:
    """Lines of outputs along one side of the image, so many outputs at once."""

    length: int
    lines: int
    taps_along: int
    taps_across: int
    stride: int
    dilation: int
    at_once: int
    signed: bool

    @property
    def blocks(self) -> int:
        """In a line."""
        return -(-self.length // self.at_once)

    @property
    def reach(self) -> int:
        """From a block's first input to its last."""
        return (self.at_once - 1) * self.stride + (self.taps_along - 1) * self.dilation + 1

    @property
    def inputs(self) -> int:
        """Distinct inputs of a block in a row of taps."""
        return len({i * self.stride + t * self.dilation for i in range(self.at_once) for t in range(self.taps_along)})

    def block(self) -> Classes:
        taps = self.taps_along * self.taps_across
        row = Classes(alu=2, load=self.inputs + self.taps_along, branch=1) * self.taps_across
        products = Classes(alu=taps, multiply=taps) * self.at_once
        return row + products + (requantize(self.signed) + Classes(alu=2)) * self.at_once

    def channel(self) -> Classes:
        line = (self.block() + Classes(alu=2, branch=1)) * self.blocks + Classes(alu=2, branch=1)
        return line * self.lines + Classes(alu=6, load=5, branch=1)


def _walk(node: Node, down: bool, at_once: int) -> Walk:
    op, found = node.op, linear(node)
    assert isinstance(op, DepthwiseConv2D)
    signed = found is not None and found.signed is not None
    _, _, _, oh, ow, _ = shape(node)
    kh, kw = node["w"].type.shape[:2]
    if down:
        return Walk(oh, ow, kh, kw, op.stride[0], op.dilation[0], min(at_once, oh), signed)
    return Walk(ow, oh, kw, kh, op.stride[1], op.dilation[1], min(at_once, ow), signed)


def walk(node: Node) -> tuple[Walk, bool]:
    """The cheapest walk on a core where each instruction takes 1, and whether lines are columns."""
    walks = [(_walk(node, down, n), down) for down in (False, True) for n in range(1, _MOST_AT_ONCE + 1)]
    short = [found for found in walks if found[0].reach <= _LARGEST] or walks[:1]
    return min(short, key=lambda found: found[0].channel().total)


def moderate_window(node: Node) -> bool:
    """Windows reach over at most 64 inputs one way, dilation included"""
    return walk(node)[0].reach <= _LARGEST


def _plane(node: Node) -> tuple[int, int]:
    """Rows and columns of a padded plane: what windows reach, and the input."""
    op = node.op
    assert isinstance(op, DepthwiseConv2D)
    _, ih, iw, oh, ow, _ = shape(node)
    kh, kw = node["w"].type.shape[:2]
    high, wide = (
        max((o - 1) * s + (k - 1) * d + 1, p + i)
        for o, s, k, d, p, i in zip((oh, ow), op.stride, (kh, kw), op.dilation, op.padding[:2], (ih, iw), strict=True)
    )
    return high, wide


def plane_scratch(node: Node) -> int:
    """A channel's plane, padded."""
    high, wide = _plane(node)
    return high * wide


def constants(node: Node) -> Mapping[str, int]:
    op, (found, down), rescale = node.op, walk(node), linear(node)
    assert isinstance(op, DepthwiseConv2D)
    assert rescale is not None
    _, ih, iw, oh, ow, c = shape(node)
    kh, kw = node["w"].type.shape[:2]
    return {
        "SMG_CHANNELS": c, "SMG_IN_H": ih, "SMG_IN_W": iw, "SMG_OUT_H": oh, "SMG_OUT_W": ow, "SMG_K_H": kh,
        "SMG_K_W": kw, "SMG_STRIDE_H": op.stride[0], "SMG_STRIDE_W": op.stride[1], "SMG_DILATION_H": op.dilation[0],
        "SMG_DILATION_W": op.dilation[1], "SMG_DOWN": int(down), "SMG_AT_ONCE": found.at_once,
        **rescale.constants(node),
    }  # fmt: skip


def padded_constants(node: Node) -> Mapping[str, int]:
    op, (high, wide) = node.op, _plane(node)
    assert isinstance(op, DepthwiseConv2D)
    padding = {"SMG_PAD_T": op.padding[0], "SMG_PAD_L": op.padding[1], "SMG_PLANE_H": high, "SMG_PLANE_W": wide}
    return {**constants(node), **padding}


def pack(node: Node) -> Mapping[str, Packed]:
    """Weights by channel, row after row of taps across the lines; per channel factor, bias, mult, sign_bias, below."""
    found, (_, down) = linear(node), walk(node)
    assert found is not None
    taps = found.weights.T.reshape(-1, *node["w"].type.shape[:2])
    turned = taps.swapaxes(1, 2) if down else taps
    words = np.concatenate([found.factor[:, None].astype(np.int32), found.columns()], axis=1)
    return {"w": Packed(np.ascontiguousarray(turned, np.int8)), "b": Packed(words)}


def _instructions(node: Node) -> Classes:
    return walk(node)[0].channel() * (shape(node)[0] * shape(node)[5])


def _strain(node: Node) -> float:
    """Times the cycles with eight registers: more where several sums are kept."""
    return 1.5 if walk(node)[0].at_once == 1 else 2.2


def cost(node: Node, core: Core) -> float:
    return strained(_instructions(node).cycles(core), core, _strain(node), 1.3)


def padded_cost(node: Node, core: Core) -> float:
    """And a copy of each channel's plane."""
    n, ih, iw, _, _, c = shape(node)
    row = Classes(alu=iw + 3, load=iw, store=iw, branch=iw / 2 + 1)
    margins = Classes(alu=1, store=1, branch=1) * plane_scratch(node)
    return strained((_instructions(node) + row * (ih * n * c) + margins).cycles(core), core, _strain(node), 1.3)


def footprint(node: Node) -> tuple[int, int]:
    """A block's code; rows of taps are a loop."""
    found, _ = walk(node)
    products = found.inputs + found.taps_along * (1 + 2 * found.at_once)
    return 240 + round(3.6 * (products + found.at_once * (12 + 4 * found.signed))), 160


def padded_footprint(node: Node) -> tuple[int, int]:
    """And the copy's."""
    code, stack = footprint(node)
    return code + 160, stack


def flash_use(node: Node) -> FlashUse:
    """Weights are read for every block."""
    found, _ = walk(node)
    taps = found.taps_along * found.taps_across
    return FlashUse((found.blocks * found.lines * shape(node)[0] - 1) * taps * shape(node)[5])


_REQUIRES: tuple[Callable[[Node], bool], ...] = (
    int8_elements, constant_weights, one_to_one, moderate_window, one_multiplication,
)  # fmt: skip
_INCLUDES = ("smg_depthwise_linear.inc.h", "smg_depthwise_window.inc.h")
KERNELS = (
    Kernel(
        "smg_depthwise_kxk_s8_portable", "depthwise_portable", "depthwise", DepthwiseConv2D, padded_cost, params,
        requires=_REQUIRES, pack=pack, scratch=plane_scratch, inplace="x", includes=_INCLUDES,
        constants=padded_constants, footprint=padded_footprint, flash_use=flash_use, unless=frozenset(("dsp",)),
    ),
    Kernel(
        "smg_depthwise_valid_s8_portable", "depthwise_portable", "depthwise", DepthwiseConv2D, cost, params,
        requires=(*_REQUIRES, no_padding), pack=pack, includes=_INCLUDES, constants=constants, footprint=footprint,
        flash_use=flash_use, unless=frozenset(("dsp",)),
    ),
)  # fmt: skip
