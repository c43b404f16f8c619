# SPDX-License-Identifier: Apache-2.0
"""Depthwise of any window for cores with DSP instructions and an FPU: shapes are constants of the code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from smidgen.ir import Array, Node
from smidgen.kernels.common import constant_weights, int8_elements
from smidgen.kernels.depthwise.three import M4, one_to_one, pairs, params, requantize_cycles, shape
from smidgen.kernels.depthwise.uniform import scaled, wrapped
from smidgen.kernels.fast_requantize import DOUBLE, fast_requantize
from smidgen.kernels.kernel import Kernel, Packed
from smidgen.ops import DepthwiseConv2D
from smidgen.targets.target import Core

STRIP_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Window:
    """The layer's shape as the kernel sees it: an image of one row is turned into one of one column."""

    n: int
    ih: int
    iw: int
    oh: int
    ow: int
    c: int
    kh: int
    kw: int
    sh: int
    sw: int
    top: int
    left: int
    turned: bool

    @property
    def parities(self) -> int:
        """Output rows that start in one row of words."""
        return 2 if self.sh == 1 else 1

    @property
    def word_rows(self) -> int:
        """Rows of words that the windows of a unit reach."""
        return self.kh // 2 + 1 if self.sh == 1 else (self.kh + 1) // 2

    @property
    def row_bytes(self) -> int:
        """A row of words of one channel."""
        return 4 * max((self.ow - 1) * self.sw + self.kw, self.left + self.iw)

    @property
    def units(self) -> int:
        return -(-self.oh // self.parities)

    @property
    def one_line(self) -> bool:
        """Positions are units, because there is one column only."""
        return self.row_bytes == 4

    @property
    def units_a_strip(self) -> int:
        """As many as fit, evenly divided; all if there is one column."""
        if self.one_line:
            return self.units
        rows = min(STRIP_BYTES // (min(self.c, 4) * self.row_bytes), 4095 // self.row_bytes)
        most = max(1, rows - self.word_rows + 1)
        return -(-self.units // -(-self.units // most))

    @property
    def plane_bytes(self) -> int:
        return (self.units_a_strip + self.word_rows - 1) * self.row_bytes


def window(node: Node) -> Window:
    assert isinstance(node.op, DepthwiseConv2D)
    n, ih, iw, oh, ow, c = shape(node)
    kh, kw = node["w"].type.shape[:2]
    (sh, sw), (top, left, bottom, _) = node.op.stride, node.op.padding
    if (ih, kh, top, bottom) == (1, 1, 0, 0):
        return Window(n, iw, 1, ow, 1, c, kw, 1, sw, 1, left, 0, True)
    return Window(n, ih, iw, oh, ow, c, kh, kw, sh, sw if ow > 1 else 1, top, left, False)


def no_dilation(node: Node) -> bool:
    """Dilation is 1"""
    assert isinstance(node.op, DepthwiseConv2D)
    return node.op.dilation == (1, 1)


def few_steps(node: Node) -> bool:
    """Strides are 1 or 2 down and at most 8 across, windows at most 16 wide"""
    w = window(node)
    return w.sh <= 2 and w.sw <= 8 and w.kw <= 16


def shrinks(node: Node) -> bool:
    """Padding makes the output no higher and no wider than the input and is less than the window"""
    w = window(node)
    return w.oh <= w.ih and w.ow <= w.iw and w.top < w.kh and w.left < w.kw


def words_fit(node: Node) -> bool:
    """There are at most 500 channels, rows have less than 64 KB, and the rows of a window fit 2 KB"""
    w = window(node)
    return w.c <= 500 and w.iw * w.c < 1 << 16 and w.plane_bytes < 4096


def constants(node: Node) -> Mapping[str, int]:
    w = window(node)
    fixed = {
        "SMG_IN_H": w.ih, "SMG_IN_W": w.iw, "SMG_OUT_H": w.oh, "SMG_OUT_W": w.ow, "SMG_CHANNELS": w.c, "SMG_K_H": w.kh,
        "SMG_K_W": w.kw, "SMG_STRIDE_H": w.sh, "SMG_STRIDE_W": w.sw, "SMG_PAD_T": w.top, "SMG_PAD_L": w.left,
        "SMG_UNITS_A_STRIP": w.units_a_strip,
    }  # fmt: skip
    return {**fixed, **scaled(node).constants(node)}


def pack(node: Node) -> Mapping[str, Packed]:
    """Per channel bias, mult, addend, shift; then by row of words and column, weights of the upper window and, one
    row further down, of the lower one, two rows in a word."""
    found, w = scaled(node), window(node)
    taps = found.weights.reshape(w.kh, w.kw, -1)
    spare = 2 * w.word_rows - w.kh
    upper = np.pad(taps, ((0, spare), (0, 0), (0, 0)))
    both = [upper, np.pad(taps, ((1, spare - 1), (0, 0), (0, 0)))] if w.parities == 2 else [upper]
    words = np.stack([pairs(t[0::2], t[1::2]) for t in both], axis=2)  # (word rows, columns, parities, channels)
    packed: Array = np.concatenate([found.columns, wrapped(words.reshape(-1, w.c)).T], axis=1)
    return {"w": Packed(None), "b": Packed(np.ascontiguousarray(packed))}


def scratch(node: Node) -> int:
    w = window(node)
    return min(w.c, 4) * w.plane_bytes


def _unrolled(w: Window) -> bool:
    position = 4 if w.one_line else 4 * w.sw
    reach = (w.word_rows - 1) * w.row_bytes + 4 * w.kw + 8 * position
    return w.word_rows * w.kw <= 16 and reach < 4096


def cost(node: Node, core: Core) -> float:
    return 20.0 * node.output.type.elements


def footprint(node: Node) -> tuple[int, int]:
    return 3000, 160


KERNELS = (
    Kernel(
        "smg_depthwise_kxk_s8_m4", "depthwise", "depthwise", DepthwiseConv2D, cost, params, M4,
        (int8_elements, constant_weights, one_to_one, no_dilation, few_steps, shrinks, words_fit, fast_requantize),
        pack, scratch, inplace="x",
        includes=("smg_depthwise_assembly.inc.h", "smg_depthwise_columns.inc.h"),
        constants=constants, footprint=footprint,
    ),
)  # fmt: skip
