# SPDX-License-Identifier: Apache-2.0
"""int8 3x3 convolution with stride 2 and 25/36 of the products."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from smidgen.ir import Array, Node
from smidgen.kernels.common import constant_weights, int8_elements, without_multipliers
from smidgen.kernels.conv2d import params
from smidgen.kernels.conv2d.shapes import one_group
from smidgen.kernels.fast_requantize import fast_requantize, requantize_columns, requantize_constants
from smidgen.kernels.flash_use import FlashUse
from smidgen.kernels.forward import forward_lead
from smidgen.kernels.kernel import Kernel, Packed, ParamValue
from smidgen.kernels.pixel_block import lanes, outputs_pairable, paired, requantize_cycles, words
from smidgen.ops import Conv2D
from smidgen.targets.target import Core

M4 = frozenset(("dsp", "fpu"))
MOST_CHANNELS = 160  # so that four blocks of transformed tiles lie within the reach of a store
TILES_X = (4, 2, 1)

# The transform of a filter in one dimension: g0, g1, g0 + g2, g2, g1, for d0 - d2, d1, d2, d4 - d2, d3.
_TRANSFORM = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 1], [0, 0, 1], [0, 1, 0]], np.int64)
_GROUPS = ((0, 1), (2,), (3, 4))  # which of them feed accumulator 0, 1, 2
_ACCUMULATORS = ((0, 0), (0, 2), (2, 0), (2, 2), (0, 1), (1, 0), (1, 2), (2, 1), (1, 1))
_BLOCKS = tuple((i, j) for a, b in _ACCUMULATORS for i in _GROUPS[a] for j in _GROUPS[b])


def stride2_3x3(node: Node) -> bool:
    """Filters are 3x3, with stride 2 and no dilation"""
    op = node.op
    assert isinstance(op, Conv2D)
    return node["w"].type.shape[1:3] == (3, 3) and op.stride == (2, 2) and op.dilation == (1, 1)


def input_fours(node: Node) -> bool:
    """Input channels are a multiple of 4, at most 160"""
    channels = node["x"].type.shape[3]
    return channels % 4 == 0 and channels <= MOST_CHANNELS


def block_of_weights_fits(node: Node) -> bool:
    """There are at most 64 input channels"""
    return node["x"].type.shape[3] <= 64


def tiled(node: Node) -> bool:
    """Four tiles of 2x2 outputs fit into the output: 2x8, 4x4 or 8x2"""
    return any(_fits(node, across) for across in TILES_X)


def _fits(node: Node, across: int) -> bool:
    _, oh, ow, _ = node.output.type.shape
    return ow >= 2 * across and oh >= 8 // across


def _groups(node: Node, across: int) -> int:
    """Times that four tiles are transformed for an image."""
    _, oh, ow, _ = node.output.type.shape
    return -(-ow // (2 * across)) * -(-oh // (8 // across))


def tiles_across(node: Node) -> int:
    """SMG_TILES_X: what needs the fewest groups of four tiles."""
    return min((a for a in TILES_X if _fits(node, a)), key=partial(_groups, node))


def packed_params(node: Node) -> Mapping[str, ParamValue]:
    return without_multipliers(params(node))


def transformed(w: Array, steps: int) -> Array:
    """Doubled, transformed weights (out_c, 25, steps, 2) of filters (out_c, 3, 3, in_c)."""
    full = 2 * np.einsum("ia,oabc,jb->oijc", _TRANSFORM, w.astype(np.int64), _TRANSFORM)
    blocks = lanes(np.stack([full[:, i, j] for i, j in _BLOCKS], axis=1))
    return np.pad(blocks, ((0, 0), (0, 0), (0, steps - blocks.shape[2]), (0, 0)))


@dataclass(frozen=True, slots=True)
class Variant:
    """``most``: SMG_MOST_STEPS; ``groups``: times four tiles at once, at most, 0 for one with sums in registers."""

    most: int
    groups: int = 0

    def at_once(self, node: Node) -> int:
        """SMG_GROUPS."""
        return min(self.groups, _groups(node, tiles_across(node)))

    def steps(self, node: Node) -> tuple[int, int]:
        """SMG_TURNS and SMG_BLOCK_STEPS."""
        steps = node["x"].type.shape[3] // 2
        turns = -(-steps // self.most)
        return turns, turns * -(-steps // turns)

    def constants(self, node: Node) -> Mapping[str, int]:
        return {
            "SMG_IN_C": node["x"].type.shape[3], "SMG_OUT_C": node.output.type.shape[3],
            "SMG_TILES_X": tiles_across(node), "SMG_GROUPS": self.at_once(node), **requantize_constants(node),
        }  # fmt: skip

    def pack(self, node: Node) -> Mapping[str, Packed]:
        """A pair of channels: start, mult, addend, shift of each, then weights (25, steps, 2 channels) as words."""
        columns = requantize_columns(node).astype(np.int64) * np.array([2, 1, 1, 1])
        pairs = paired(len(columns))
        w = words(transformed(node["w"].constant, self.steps(node)[1]))
        stream = w[pairs].transpose(0, 2, 3, 1).reshape(len(pairs), -1)
        packed = np.concatenate([columns[pairs].reshape(len(pairs), 8), stream], axis=1)
        as_int32 = (packed & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
        return {"w": Packed(None), "b": Packed(np.ascontiguousarray(as_int32))}

    def scratch(self, node: Node) -> int:
        """Transformed tiles, the work area of the transforms or the sums, and a row of zero points."""
        across, groups = tiles_across(node), max(1, self.at_once(node))
        columns = 4 * across + 1
        work = max(2 * (4 // across) * columns * 5, groups * 9 * 8)
        return 4 * (groups * 25 * self.steps(node)[1] * 4 + work) + columns * node["x"].type.shape[3]

    def cost(self, node: Node, core: Core) -> float:
        channels, pairs, across = node["x"].type.shape[3], -(-node.output.type.shape[3] // 2), tiles_across(node)
        columns, rows = 4 * across + 1, 4 // across
        quarter = rows * (columns * 36 + 75) + 8 * 79 + 35  # four channels of input
        outputs = 8 * (4 * requantize_cycles(node) + 33) + 2 * rows * 8 + 22
        group = channels // 4 * quarter + pairs * (self._products(node) + outputs + 50) + 200
        return node["x"].type.shape[0] * _groups(node, across) * group + 500

    def _products(self, node: Node) -> float:
        """Of one pair of channels and four tiles."""
        turns, steps = self.steps(node)
        if self.groups:
            blocks = _segment_blocks(steps)
            segments, goes_on = {4: (9, 0), 2: (13, 4), 1: (25, 16)}[blocks]
            once = (60 + segments * (34 if blocks < 4 else 30)) / max(1, self.at_once(node))
            return 25 * (steps * 16 + turns * 5) + segments * (31 if blocks < 4 else 28) + 3 * goes_on + once + 30
        loops = 4 * 6 if 2 * steps <= self.most else 16 * 6 + 25 * ((turns - 1) * 5 + (5 if turns > 1 else 0))
        return 25 * steps * 16 + loops + 9 * 22

    def overlap(self, node: Node) -> Mapping[str, int]:
        """Outputs are written when all their inputs are transformed; tiles at the end overlap earlier ones."""
        op, (batch, in_h, in_w, in_c), (_, out_h, out_w, out_c) = node.op, node["x"].type.shape, node.output.type.shape
        assert isinstance(op, Conv2D)
        across, at_once = tiles_across(node), max(1, self.at_once(node))
        high, wide = 8 // across, 2 * across
        rows = [min(oy, out_h - high) for oy in range(0, out_h, high)]
        columns = [min(ox, out_w - wide) for ox in range(0, out_w, wide)]
        corners = [(oy, ox) for oy in rows for ox in columns]
        steps = [
            (((n * in_h + max(2 * oy - op.padding[0], 0)) * in_w + max(2 * ox - op.padding[1], 0)) * in_c,
             ((n * out_h + oy + high - 1) * out_w + ox + wide) * out_c)
            for n in range(batch) for oy, ox in corners
        ]  # fmt: skip
        several = [
            steps[n * len(corners) + first : n * len(corners) + min(first + at_once, len(corners))]
            for n in range(batch) for first in range(0, len(corners), at_once)
        ]  # fmt: skip
        return {"y": forward_lead([(min(r for r, _ in each), max(w for _, w in each)) for each in several])}

    def _pair_code_bytes(self, node: Node) -> int:
        """smg_tile_pair, or the functions that do its work for groups."""
        across, (turns, steps) = tiles_across(node), self.steps(node)
        outputs = (4 // across) * (16 * requantize_cycles(node) + 110)
        if self.groups:
            return 56 * (steps // turns) + outputs + 410
        turn = 2 * steps if 2 * steps <= self.most else steps // turns
        return 56 * (2 + turn) + outputs + 220

    def footprint(self, node: Node) -> tuple[int, int]:
        return self._pair_code_bytes(node) + 430 + 130 + 990, 200 + 4 * self.at_once(node)

    def flash_use(self, node: Node) -> FlashUse:
        """A pair's weights are read again for each four tiles or groups of them; a pair's code runs once for them."""
        batch, groups, at_once = node["x"].type.shape[0], _groups(node, tiles_across(node)), max(1, self.at_once(node))
        times, pairs = batch * -(-groups // at_once), -(-node.output.type.shape[3] // 2)
        weights = 32 + 25 * self.steps(node)[1] * 8
        return FlashUse((times - 1) * pairs * weights, ((self._pair_code_bytes(node) - 60, times * pairs),))


def _segment_blocks(steps: int) -> int:
    """SMG_SEGMENT_BLOCKS: of weights used for several groups of tiles, what a cache of 256 bytes keeps."""
    return 4 if steps <= 8 else 2 if steps <= 16 else 1


def _record(symbol: str, variant: Variant) -> Kernel:
    small = (block_of_weights_fits,) if variant.groups else ()
    parts = tuple(f"smg_3x3_stride2{part}.inc.h" for part in ("", "_m4", "_groups_m4", "_portable"))
    return Kernel(
        symbol, "conv2d_stride2", "conv2d", Conv2D, variant.cost, packed_params, M4,
        (int8_elements, constant_weights, one_group, stride2_3x3, input_fours, outputs_pairable, tiled,
         fast_requantize, *small),
        variant.pack, variant.scratch, includes=parts, overlap=variant.overlap, constants=variant.constants,
        footprint=variant.footprint, flash_use=variant.flash_use,
    )  # fmt: skip


KERNELS = (
    _record("smg_conv2d_3x3_stride2_s8_m4", Variant(17)),
    _record("smg_conv2d_3x3_stride2_grouped_s8_m4", Variant(8, 4)),
)
