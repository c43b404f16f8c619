# SPDX-License-Identifier: Apache-2.0
"""Depthwise convolution with int16 activations."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np

from smidgen.ir import Node
from smidgen.kernels.common import window_params, without_multipliers
from smidgen.kernels.depthwise.quads import four_channels, one_to_one
from smidgen.kernels.int16 import (
    LAYER,
    Sizes,
    block_widths,
    channel_words,
    layer_widths,
    scalar_cost,
    scalar_footprint,
    shifted_sums_fit,
    sums_fit,
)
from smidgen.kernels.kernel import Kernel, Packed, ParamValue
from smidgen.ops import DepthwiseConv2D
from smidgen.ops.accumulators import Int64s
from smidgen.targets.target import Core

MOST_TAPS = 49
# Fitted to modelled cycles of 36 random layers on a Cortex-M4, zero wait states, zig cc 0.17.1 -O3: within 10 %.
TAP_CYCLES, TAP_BYTES_CYCLES, ROW_CYCLES = 9.8, 15.4, 23.7  # of whole windows, for four channels
PART_TAP_CYCLES, PART_ROW_CYCLES, PART_CYCLES = 26.3, -23.8, 115.0  # of those that leave the input
BLOCK_CYCLES, PIXEL_CYCLES = (128.0, 113.8), 88.9
SCALAR_COST = partial(scalar_cost, mac=38.0, output=230.0)


def params(node: Node) -> Mapping[str, ParamValue]:
    assert isinstance(node.op, DepthwiseConv2D)
    return {**window_params(node), "multiplier": node.op.multiplier(node.types)}


SCALAR_SIZES: Sizes = {
    (16, 16, 32): (1228, 256), (16, 16, 64): (1292, 260), (16, 8, 32): (980, 140), (16, 8, 64): (1292, 260),
    (8, 16, 32): (1160, 252),
}  # fmt: skip
DSP_SIZES = ((1, (710, 116)), (4, (1180, 200)), (9, (1520, 256)), (16, (1760, 280)), (MOST_TAPS, (2520, 290)))
"""Code and stack bytes by the most taps that they hold for: the compiler unrolls windows."""


def packed_params(node: Node) -> Mapping[str, ParamValue]:
    return without_multipliers(params(node))


def pack(node: Node) -> Mapping[str, Packed]:
    """By four channels, the last four overlapping those before if need be, then by taps."""
    w = node["w"].constant
    flat = w.reshape(-1, w.shape[2])
    starts = [min(c, w.shape[2] - 4) for c in range(0, w.shape[2], 4)]
    quads = np.stack([flat[:, c : c + 4] for c in starts])
    return {"w": Packed(np.ascontiguousarray(quads)), "b": Packed(channel_words(node, folded=False))}


def constants(node: Node) -> Mapping[str, int]:
    kh, kw = node["w"].type.shape[:2]
    return {**block_widths(node), "SMG_K_H": kh, "SMG_K_W": kw}


def few_taps(node: Node) -> bool:
    """Windows have at most 49 taps"""
    return node["w"].type.shape[0] * node["w"].type.shape[1] <= MOST_TAPS


def dsp_cost(node: Node, core: Core) -> float:
    """Of each pixel: blocks of four channels, by taps, slower where the window leaves the input."""
    (n, oh, ow, channels), (kh, kw, _) = node.output.type.shape, node["w"].type.shape
    rows, columns = (_taps_inside(node, i) for i in range(2))
    whole = int((rows == kh).sum() * (columns == kw).sum())
    part_taps, part_rows = int(rows.sum() * columns.sum()) - whole * kh * kw, int(rows.sum()) * ow - whole * kh
    tap = TAP_BYTES_CYCLES if node["x"].type.dtype == "int8" else TAP_CYCLES
    sums = whole * (kh * kw * tap + kh * ROW_CYCLES) + part_taps * PART_TAP_CYCLES + part_rows * PART_ROW_CYCLES
    sums += (oh * ow - whole) * PART_CYCLES
    blocks = -(-channels // 4)
    each = blocks * BLOCK_CYCLES[block_widths(node)["SMG_OUTPUT"]] + PIXEL_CYCLES
    return n * (blocks * sums + oh * ow * each)


def _taps_inside(node: Node, dimension: int) -> Int64s:
    """How many taps of each window along a dimension (0 rows, 1 columns) lie inside the input."""
    op, i = node.op, dimension
    assert isinstance(op, DepthwiseConv2D)
    starts = np.arange(node.output.type.shape[1 + i], dtype=np.int64) * op.stride[i] - op.padding[i]
    taps = starts[:, None] + np.arange(node["w"].type.shape[i]) * op.dilation[i]
    inside: Int64s = ((taps >= 0) & (taps < node["x"].type.shape[1 + i])).sum(axis=1)
    return inside


def dsp_footprint(node: Node) -> tuple[int, int]:
    taps = node["w"].type.shape[0] * node["w"].type.shape[1]
    return next(sizes for most, sizes in DSP_SIZES if taps <= most)


KERNELS = (
    Kernel(
        "smg_depthwise_s16_scalar", "depthwise", "depthwise_s16", DepthwiseConv2D, SCALAR_COST, params,
        requires=(*LAYER, sums_fit), constants=layer_widths, footprint=partial(scalar_footprint, sizes=SCALAR_SIZES),
    ),
    Kernel(
        "smg_depthwise_s16_dsp", "depthwise", "depthwise_s16", DepthwiseConv2D, dsp_cost, packed_params,
        frozenset(("dsp",)), (*LAYER, shifted_sums_fit, one_to_one, four_channels, few_taps), pack,
        constants=constants, footprint=dsp_footprint,
    ),
)  # fmt: skip
