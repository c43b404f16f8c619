# SPDX-License-Identifier: Apache-2.0
"""Convolutions, and fully connected layers of several rows, by pairs of channels (smg_four_bit_block.inc.h)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from smidgen.ir import Array, Node, Op
from smidgen.kernels.common import int8_elements
from smidgen.kernels.conv2d import packed_params as conv_params
from smidgen.kernels.conv2d.shapes import one_group
from smidgen.kernels.flash_use import FlashUse
from smidgen.kernels.forward import forward_lead
from smidgen.kernels.four_bit.storage import (
    as_int32,
    channel_columns,
    four_bit_weights,
    group_of,
    grouped_factors,
    is_general,
    layer_constants,
    live_parts,
    requantize_cycles,
    requantizes,
)
from smidgen.kernels.fully_connected import packed_params as dense_params
from smidgen.kernels.kernel import Kernel, Packed
from smidgen.ops import Conv2D, FullyConnected
from smidgen.ops.accumulators import Int64s
from smidgen.targets.target import Core

LONG, SHORT, LEAST = (64, 24576), (16, 8192), (4, 1024)  # pixels of a strip, and bytes of their windows
_M4 = frozenset(("dsp", "fpu"))


def _pairs(values: Array, fill: int) -> Array:
    """(out_c, ...) as (pairs, 2, ...); of an odd number the last one's partner is ``fill``."""
    short = len(values) % 2
    padded = np.pad(values, [(0, short)] + [(0, 0)] * (values.ndim - 1), constant_values=fill)
    return padded.reshape(len(padded) // 2, 2, *values.shape[1:])


def _nibble_words(node: Node) -> Int64s:
    """(pairs, words): of four inputs each, as lanes of inputs 0, 2 and 1, 3."""
    w, _ = live_parts(node)
    shifted = _pairs(np.pad(w.astype(np.int64) + 8, [(0, 0), (0, -w.shape[1] % 8)], constant_values=8), 8)
    fours = shifted.reshape(len(shifted), 2, -1, 4)
    bits = {0: (0, 0), 4: (1, 0), 8: (0, 1), 12: (1, 1), 16: (0, 2), 20: (1, 2), 24: (0, 3), 28: (1, 3)}
    words: Int64s = sum((fours[:, c, :, k] << bit for bit, (c, k) in bits.items()), np.zeros_like(fours[:, 0, :, 0]))
    return words


def _factor_words(node: Node) -> Int64s:
    """(pairs, words): a byte of two factors a group."""
    factors = _pairs(grouped_factors(node).astype(np.int64), 1)
    both = factors[:, 0] | factors[:, 1] << 4
    groups = both.shape[1]
    filled = np.pad(both, [(0, 0), (0, -groups % 4)]).reshape(len(both), -(-groups // 4), 4)
    words: Int64s = (filled << np.array([0, 8, 16, 24])).sum(axis=2)
    return words


def pack(node: Node) -> Mapping[str, Packed]:
    """Pairs of channels as words, in place of the bias; there are no weights beside them."""
    columns = _pairs(channel_columns(node), 1)
    shifts = columns[:, 0, 2] & 255 | (columns[:, 1, 2] & 255) << 8
    heads = [columns[:, :, 0], columns[:, :, 1], shifts[:, None]]
    stream = np.concatenate([*heads, _nibble_words(node), _factor_words(node)], axis=1)
    return {"w": Packed(None), "b": Packed(as_int32(stream))}


@dataclass(frozen=True, slots=True)
class Strips:
    """A layer in strips of at most ``longest`` pixels, or fewer that fit into ``room`` bytes, but four.

    Weights are unpacked once for each strip.
    """

    longest: int
    room: int

    def pixels(self, node: Node) -> tuple[int, ...]:
        """The pixels of each strip, as the C code divides them."""
        left, found = node.output.type.elements // node.output.type.shape[-1], list[int]()
        longest = min(max(self.room // (16 * _steps(node)) * 4, 4), self.longest)
        for strips in range(-(-left // longest), 0, -1):
            found.append(left // strips)
            left -= found[-1]
        return tuple(found)

    def scratch(self, node: Node) -> int:
        """Windows of a strip as int16, a pair's weights as int16, and a window's bytes."""
        steps, strip = _steps(node), -(-max(self.pixels(node)) // 4) * 4
        return 4 * steps * strip + 8 * steps + (0 if _whole(node) else _window(node))

    def cost(self, node: Node, core: Core) -> float:
        steps, strips = _steps(node), self.pixels(node)
        pairs = -(-node.output.type.shape[-1] // 2)
        unpack = steps * (10.4 if group_of(node) else 8.2) + 45 * max(1, grouped_factors(node).shape[1]) + 60
        group = 16 * steps + 7 * -(-steps // 8) + 40 + 8 * requantize_cycles(node)
        alone = 280 * is_general(node)  # a group whose sums or outputs go by way of the stack
        each = sum(unpack + 60 + (group + alone) * -(-n // 4) + 280 * (n % 4 > 0) * (not alone) for n in strips)
        return float(pairs * each + sum(strips) * _gather_cycles(node) + 150)

    def overlap(self, node: Node) -> Mapping[str, int]:
        """A strip of outputs is written when all its inputs are gathered."""
        steps, done = list[tuple[int, int]](), 0
        for count in self.pixels(node):
            start = _first_read(node, done)
            done += count
            steps.append((start, done * node.output.type.shape[-1]))
        return {"y": forward_lead(steps)}

    def flash_use(self, node: Node) -> FlashUse:
        """Weights are read once a strip."""
        strips = self.pixels(node)
        return FlashUse((len(strips) - 1) * 4 * pack(node)["b"].data.size, ())  # type: ignore[union-attr]  # is an array

    def constants(self, node: Node) -> Mapping[str, int]:
        return {"SMG_GROUP": group_of(node), **layer_constants(node)}

    def footprint(self, node: Node) -> tuple[int, int]:
        base = 2350 if isinstance(node.op, FullyConnected) else 2600
        return base + (0 if is_general(node) else 32 * requantize_cycles(node)), 300


def _window(node: Node) -> int:
    return int(node["w"].type.elements // node["w"].type.shape[0])


def _steps(node: Node) -> int:
    """Words of two inputs of a pixel, a multiple of four."""
    return -(-_window(node) // 8) * 4


def _whole(node: Node) -> bool:
    return node["x"].type.shape[-1] % 4 == 0 or _window(node) == node["x"].type.shape[-1]


def _first_read(node: Node, done: int) -> int:
    """The first byte that outputs from pixel number ``done`` on may read."""
    x, op = node["x"].type, node.op
    if isinstance(op, FullyConnected):
        return done * x.shape[-1]
    assert isinstance(op, Conv2D)
    (_, out_h, out_w, _), (_, in_h, in_w, in_c) = node.output.type.shape, x.shape
    row, column = divmod(done, out_w)
    image, row = divmod(row, out_h)
    first = max(0, row * op.stride[0] - op.padding[0])
    one_column = node["w"].type.shape[1:3] == (1, 1) and not any(op.padding)
    return ((image * in_h + first) * in_w + (column * op.stride[1] if one_column else 0)) * in_c


def _gather_cycles(node: Node) -> float:
    """A pixel's window, on average over those inside and those across a border."""
    rows = node["w"].type.shape[1] if isinstance(node.op, Conv2D) else 1
    border = (1 - _inside(node)) * rows * 119
    return border + 100 + (_window(node) * 2.2 + 65 * rows if _whole(node) else _window(node) * 4.0 + 95 * rows)


def _inside(node: Node) -> float:
    """The share of windows that are inside the input."""
    op = node.op
    if isinstance(op, FullyConnected):
        return 1.0
    assert isinstance(op, Conv2D)
    share = 1.0
    for axis in range(2):
        starts = np.arange(node.output.type.shape[1 + axis]) * op.stride[axis] - op.padding[axis]
        ends = starts + (node["w"].type.shape[1 + axis] - 1) * op.dilation[axis]
        share *= float(((starts >= 0) & (ends < node["x"].type.shape[1 + axis])).mean())
    return share


def _record(symbol: str, op: type[Op], strips: Strips) -> Kernel:
    dense = op is FullyConnected
    requires = (int8_elements, four_bit_weights, *(() if dense else (one_group,)), requantizes)
    return Kernel(
        symbol, "four_bit", "fully_connected" if dense else "conv2d", op, strips.cost,
        dense_params if dense else conv_params, _M4, requires, pack, strips.scratch,
        overlap=strips.overlap, includes=("smg_four_bit_block.inc.h", "smg_four_bit_requantize.h"),
        constants=strips.constants, footprint=strips.footprint, flash_use=strips.flash_use,
    )  # fmt: skip


KERNELS = (
    _record("smg_conv2d_four_bit_s8_m4", Conv2D, Strips(*LONG)),
    _record("smg_conv2d_four_bit_small_s8_m4", Conv2D, Strips(*SHORT)),
    _record("smg_conv2d_four_bit_least_s8_m4", Conv2D, Strips(*LEAST)),
    _record("smg_fully_connected_four_bit_rows_s8_m4", FullyConnected, Strips(*SHORT)),
)
