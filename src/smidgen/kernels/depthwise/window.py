# SPDX-License-Identifier: Apache-2.0
"""Depthwise of any window for cores with DSP instructions and an FPU: shapes are constants of the code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from smidgen.ir import Array, Node
from smidgen.kernels.common import constant_weights, int8_elements
from smidgen.kernels.depthwise.code_bytes import output_bytes, window_bytes, words_bytes
from smidgen.kernels.depthwise.three import M4, one_to_one, pairs, params, requantize_cycles, shape
from smidgen.kernels.depthwise.uniform import scaled, wrapped
from smidgen.kernels.fast_requantize import fast_requantize
from smidgen.kernels.flash_use import FlashUse
from smidgen.kernels.kernel import Kernel, Packed
from smidgen.ops import DepthwiseConv2D
from smidgen.targets.target import Core

STRIP_BYTES = 4096
DATA_CACHE_BYTES = 192  # of weights that stay cached from one block to the next


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


def _window_cycles(w: Window, count: int) -> float:
    """Cycles of the products of ``count`` positions."""
    if w.parities == 2:
        loads = 2 + min(count, 2) + 1 + (count > 2) * (count - 1)
        saved = w.kw * count * (w.kh % 2 == 0)
    else:
        loads = 2 + min(count, 3) + sum(1 + min(count - n, 3) for n in (3, 6) if count > n)
        saved = 0
    steps = w.word_rows * w.kw * (loads + count * w.parities)
    return steps - saved + 1 if _unrolled(w) else steps + 14 + 7 * w.word_rows


def _block_cycles(node: Node, count: int) -> float:
    w = window(node)
    output, block = requantize_cycles(scaled(node), node)
    store = 6 + 2 * count if w.parities == 2 else 3 + count
    return _window_cycles(w, count) + count * w.parities * output + block + store + 1


def _channel_cycles(node: Node) -> float:
    w = window(node)
    at_once, positions = 8 // w.parities, w.units if w.one_line else w.ow
    odd = w.one_line and w.oh % w.parities
    full, rest = (positions - odd) // at_once, (positions - odd) % at_once + odd
    line = full * (_block_cycles(node, at_once) + 6) + (_block_cycles(node, rest) if rest else 0) + 20
    strips = -(-w.units // w.units_a_strip)
    return (1 if w.one_line else w.units) * line + 27 * strips


def _words_cycles(w: Window) -> float:
    """Cycles of all rows of words of four channels."""
    rows = min(w.units + w.word_rows - 1, -(-(w.ih + w.top % 2) // 2))
    if w.c < 4:
        return 40.0 * w.c * w.iw * rows
    if w.one_line:
        return 15.0 * rows
    return rows * ((w.iw // 2) * (25 + 5 * (w.iw >= 6)) + w.iw % 2 * 13 + 12)


def cost(node: Node, core: Core) -> float:
    w = window(node)
    groups, strips = -(-w.c // 4), -(-w.units // w.units_a_strip)
    padded = w.row_bytes != 4 * w.iw or w.top > 0 or 2 * (w.units + w.word_rows - 1) - w.top > w.ih + 1
    fill = 8.0 * min(w.c, 4) * w.plane_bytes / 4 * padded
    carried = (strips - 1) * min(w.c, 4) * (0.65 * (w.word_rows - 1) * w.row_bytes + 20)
    group = _words_cycles(w) + carried + 70 + 60 * strips * (strips > 1)
    return w.n * (w.c * _channel_cycles(node) + groups * group) + fill


def footprint(node: Node) -> tuple[int, int]:
    w = window(node)
    at_once, positions = 8 // w.parities, w.units if w.one_line else w.ow
    odd = w.one_line and w.oh % w.parities
    rest = (positions - odd) % at_once + odd
    steps = w.word_rows * w.kw if _unrolled(w) else w.kw
    counts = tuple(count for count in (at_once, rest) if 0 < count <= positions)
    kinds = 1 + w.top % 2 + (w.ih - w.top) % 2
    driver = 540 + 60 * len(counts) + 140 * (w.units_a_strip < w.units) + 70 * (not _unrolled(w)) * len(counts)
    return driver + words_bytes(w.iw, w.c, kinds) + window_bytes(node, steps, w.parities, counts), 220


def flash_use(node: Node) -> FlashUse:
    """A channel's weights are read for every block, from the data cache if they are few."""
    w = window(node)
    at_once, positions = 8 // w.parities, w.units if w.one_line else w.ow
    blocks = -(-positions // at_once) * (1 if w.one_line else w.units) * w.n
    weights = 4 * w.word_rows * w.kw * w.parities
    steps = w.word_rows * w.kw if _unrolled(w) else w.kw
    times = blocks * w.c * (1 if _unrolled(w) else w.word_rows)
    loops = ((window_bytes(node, steps, w.parities, (min(at_once, positions),)), times),)
    return FlashUse((blocks - 1) * weights * w.c if weights > DATA_CACHE_BYTES else 0, loops)


def no_padding(node: Node) -> bool:
    """Windows lie inside the input"""
    assert isinstance(node.op, DepthwiseConv2D)
    op, (kh, kw, _) = node.op, node["w"].type.shape
    _, ih, iw, oh, ow, _ = shape(node)
    inside = all(
        (out - 1) * stride + (k - 1) * dilation < size
        for out, stride, k, dilation, size in zip((oh, ow), op.stride, (kh, kw), op.dilation, (ih, iw), strict=True)
    )
    return inside and op.padding[:2] == (0, 0)


def few_taps(node: Node) -> bool:
    """Windows have at most 32 taps and less than 64 KB from first to last, and there are at least four channels"""
    assert isinstance(node.op, DepthwiseConv2D)
    (kh, kw, c), iw, (dh, dw) = node["w"].type.shape, node["x"].type.shape[2], node.op.dilation
    return kh * kw <= 32 and c >= 4 and ((kh - 1) * dh * iw + kw * dw) * c < 1 << 16


def direct_pack(node: Node) -> Mapping[str, Packed]:
    """By four channels, the last four overlapping those before if need be: biases, by pairs of taps the weights of
    each channel, and mult, addend, shift of each."""
    found = scaled(node)
    taps, c = found.weights.shape
    flat = np.pad(found.weights, ((0, taps % 2), (0, 0)))
    words = wrapped(pairs(flat[0::2], flat[1::2]))
    starts = [min(start, c - 4) for start in range(0, c, 4)]
    groups = [
        np.concatenate([found.columns[s : s + 4, 0], words[:, s : s + 4].ravel(), found.columns[s : s + 4, 1:].ravel()])
        for s in starts
    ]
    return {"w": Packed(None), "b": Packed(np.stack(groups))}


def direct_constants(node: Node) -> Mapping[str, int]:
    assert isinstance(node.op, DepthwiseConv2D)
    kh, kw, c = node["w"].type.shape
    fixed = {
        "SMG_IN_W": node["x"].type.shape[2], "SMG_CHANNELS": c, "SMG_K_H": kh, "SMG_K_W": kw,
        "SMG_DILATION_H": node.op.dilation[0], "SMG_DILATION_W": node.op.dilation[1],
    }  # fmt: skip
    return {**fixed, **scaled(node).constants(node)}


def direct_cost(node: Node, core: Core) -> float:
    kh, kw, c = node["w"].type.shape
    output, _ = requantize_cycles(scaled(node), node)
    group = 17 * (-(-kh * kw // 2)) + 37 + 4 * output
    pixels = node.output.type.elements // c
    return pixels * (-(-c // 4) * group + 50 + 20 * (c % 4 > 0))


def direct_flash_use(node: Node) -> FlashUse:
    """All parameters are read for every pixel."""
    kh, kw, c = node["w"].type.shape
    pixels, groups, tap_pairs = node.output.type.elements // c, -(-c // 4), -(-kh * kw // 2)
    loops = ((200 + 4 * output_bytes(node) + 66 * tap_pairs, pixels * groups),)
    return FlashUse((pixels - 1) * groups * 4 * (16 + 4 * tap_pairs), loops)


def direct_footprint(node: Node) -> tuple[int, int]:
    kh, kw, _ = node["w"].type.shape
    return 380 + 4 * output_bytes(node) + -(-kh * kw // 2) * 66, 120


KERNELS = (
    Kernel(
        "smg_depthwise_kxk_s8_m4", "depthwise", "depthwise", DepthwiseConv2D, cost, params, M4,
        (int8_elements, constant_weights, one_to_one, no_dilation, few_steps, shrinks, words_fit, fast_requantize),
        pack, scratch, inplace="x",
        includes=("smg_depthwise_assembly.inc.h", "smg_depthwise_columns.inc.h"),
        constants=constants, footprint=footprint, flash_use=flash_use,
    ),
    Kernel(
        "smg_depthwise_direct_s8_m4", "depthwise", "depthwise", DepthwiseConv2D, direct_cost, params, M4,
        (int8_elements, constant_weights, one_to_one, no_padding, few_taps, fast_requantize), direct_pack,
        includes=("smg_depthwise_assembly.inc.h",), constants=direct_constants, footprint=direct_footprint,
        flash_use=direct_flash_use,
    ),
)  # fmt: skip
