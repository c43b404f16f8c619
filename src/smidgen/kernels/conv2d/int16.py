# SPDX-License-Identifier: Apache-2.0
"""Convolution with int16 activations."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from smidgen.ir import Node
from smidgen.kernels.common import window_params, without_multipliers
from smidgen.kernels.conv2d.shapes import one_group, pointwise
from smidgen.kernels.int16 import (
    LAYER,
    Sizes,
    block_widths,
    layer_widths,
    measured,
    pack_groups,
    scalar_cost,
    scalar_footprint,
    sums_fit,
    sums_fit_or_multipliers_moderate,
)
from smidgen.kernels.kernel import Kernel, Packed, ParamValue
from smidgen.ops import Conv2D
from smidgen.targets.target import Core

DSP = frozenset(("dsp",))
_BLOCK = ("smg_conv2d_s16_block.inc.h",)
# Fitted to modelled cycles of 36 random layers each on a Cortex-M4, zero wait states, zig cc 0.17.1 -O3: within 4 %.
EIGHT_CYCLES = 43.3  # of a block of two pixels by two channels, for eight inputs
POINTWISE_BLOCK_CYCLES, POINTWISE_OUTPUT_CYCLES, POINTWISE_PIXEL_CYCLES = 40.6, (27.6, 22.8, 150.0), 22.6
ROW_CYCLES, ROW_BYTE_CYCLES, COPY_CYCLES, COPY_BYTES_CYCLES = 1.65, 3.0, 17.0, 55.0
WINDOW_OUTPUT_CYCLES = (36.1, 30.7, 160.0)
WINDOW_CYCLES, WINDOW_BYTE_CYCLES, WINDOW_ROW_CYCLES, WINDOW_PIXEL_CYCLES = 2.69, 2.87, 157.0, 37.7
SCALAR_COST = partial(scalar_cost, mac=8.7, output=250.0)


def params(node: Node) -> Mapping[str, ParamValue]:
    assert isinstance(node.op, Conv2D)
    return {**window_params(node), "groups": node.op.groups}


SCALAR_SIZES: Sizes = {
    (16, 16, 32): (1664, 300), (16, 16, 64): (1116, 256), (16, 8, 32): (924, 184), (16, 8, 64): (1052, 188),
    (8, 16, 32): (1632, 284),
}  # fmt: skip
IM2COL_SIZES: Sizes = {
    (16, 16, 32): (1512, 144), (16, 16, 64): (2320, 188), (16, 8, 32): (1492, 144), (16, 8, 64): (2320, 188),
    (8, 16, 32): (1748, 124), (8, 16, 64): (2560, 192),
}  # fmt: skip
POINTWISE_SIZES: Sizes = {
    (16, 16, 32): (1088, 116), (16, 16, 64): (1908, 180), (16, 8, 32): (1080, 116), (16, 8, 64): (1908, 180),
    (8, 16, 32): (1664, 128), (8, 16, 64): (2464, 192),
}  # fmt: skip


def packed_params(node: Node) -> Mapping[str, ParamValue]:
    return without_multipliers(params(node))


def pack(node: Node) -> Mapping[str, Packed]:
    """Pairs of channels interleaved by four inputs; flash grows by rounding up to 2 channels and 8 inputs."""
    return pack_groups(node, 2)


def _window(node: Node) -> int:
    _, kh, kw, ic = node["w"].type.shape
    return kh * kw * ic


def scratch(node: Node) -> int:
    """Two windows in int16."""
    return 4 * (-(-_window(node) // 8) * 8)


def _blocks(node: Node) -> tuple[int, int]:
    """Pixels, evened up, and blocks of two by two channels."""
    out = node.output.type
    pixels = out.elements // out.shape[-1]
    pixels += pixels % 2
    return pixels, -(-out.shape[-1] // 2) * pixels // 2


def _products(node: Node, blocks: int) -> float:
    return blocks * -(-_window(node) // 8) * EIGHT_CYCLES


def im2col_cost(node: Node, core: Core) -> float:
    """Products of whole blocks, outputs, and making a pixel's window a row."""
    (pixels, blocks), (_, kh, _, _) = _blocks(node), node["w"].type.shape
    per_element = WINDOW_BYTE_CYCLES if node["x"].type.dtype == "int8" else WINDOW_CYCLES
    window = _window(node) * per_element + kh * WINDOW_ROW_CYCLES + WINDOW_PIXEL_CYCLES
    outputs = pixels * node.output.type.shape[-1] * WINDOW_OUTPUT_CYCLES[block_widths(node)["SMG_OUTPUT"]]
    return _products(node, blocks) + outputs + pixels * window


def pointwise_cost(node: Node, core: Core) -> float:
    """Products of whole blocks, outputs, and copying a pixel that cannot be read where it lies."""
    (pixels, blocks), in_c = _blocks(node), _window(node)
    copied = 0.0
    if node["x"].type.dtype == "int8":
        copied = in_c * ROW_BYTE_CYCLES + COPY_BYTES_CYCLES
    elif in_c % 8:
        copied = in_c * ROW_CYCLES + COPY_CYCLES
    outputs = pixels * node.output.type.shape[-1] * POINTWISE_OUTPUT_CYCLES[block_widths(node)["SMG_OUTPUT"]]
    sums = _products(node, blocks) + blocks * POINTWISE_BLOCK_CYCLES
    return sums + outputs + pixels * (POINTWISE_PIXEL_CYCLES + copied)


def im2col_footprint(node: Node) -> tuple[int, int]:
    return measured(node, block_widths(node), IM2COL_SIZES)


def pointwise_footprint(node: Node) -> tuple[int, int]:
    return measured(node, block_widths(node), POINTWISE_SIZES)


KERNELS = (
    Kernel(
        "smg_conv2d_s16_scalar", "conv2d", "conv2d_s16", Conv2D, SCALAR_COST, params,
        requires=(*LAYER, sums_fit), constants=layer_widths, footprint=partial(scalar_footprint, sizes=SCALAR_SIZES),
    ),
    Kernel(
        "smg_conv2d_s16_dsp", "conv2d", "conv2d_s16", Conv2D, im2col_cost, packed_params, DSP,
        (*LAYER, sums_fit_or_multipliers_moderate, one_group), pack, scratch, includes=_BLOCK,
        constants=block_widths, footprint=im2col_footprint,
    ),
    Kernel(
        "smg_conv2d_1x1_s16_dsp", "conv2d", "conv2d_s16", Conv2D, pointwise_cost, packed_params, DSP,
        (*LAYER, sums_fit_or_multipliers_moderate, pointwise), pack, scratch, includes=_BLOCK,
        constants=block_widths, footprint=pointwise_footprint,
    ),
)  # fmt: skip
