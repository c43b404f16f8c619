# SPDX-License-Identifier: Apache-2.0
"""Convolution with int16 activations."""

from __future__ import annotations

from collections.abc import Mapping

from smidgen.ir import Node
from smidgen.kernels.common import window_params, without_multipliers
from smidgen.kernels.conv2d.shapes import one_group, pointwise
from smidgen.kernels.int16 import (
    LAYER,
    block_widths,
    layer_widths,
    pack_groups,
    sums_fit,
    sums_fit_or_multipliers_moderate,
)
from smidgen.kernels.kernel import Kernel, Packed, ParamValue
from smidgen.ops import Conv2D
from smidgen.targets.target import Core

DSP = frozenset(("dsp",))
_BLOCK = ("smg_conv2d_s16_block.inc.h",)
BLOCK_CYCLES_PER_EIGHT, BLOCK_CYCLES, BLOCK_CYCLES_PER_OUTPUT = 42.0, 40.0, 30.0
IM2COL_CYCLES, IM2COL_BYTE_CYCLES, IM2COL_CYCLES_PER_PIXEL = 1.5, 2.5, 200.0
ROW_CYCLES, ROW_BYTE_CYCLES, ROW_CYCLES_PER_PIXEL, IN_PLACE_CYCLES = 1.5, 2.5, 50.0, 20.0
SCALAR_CYCLES_PER_MAC, SCALAR_CYCLES_PER_OUTPUT = 8.0, 239.0


def params(node: Node) -> Mapping[str, ParamValue]:
    assert isinstance(node.op, Conv2D)
    return {**window_params(node), "groups": node.op.groups}


def scalar_cost(node: Node, core: Core) -> float:
    return node.macs * SCALAR_CYCLES_PER_MAC + node.output.type.elements * SCALAR_CYCLES_PER_OUTPUT


def scalar_footprint(node: Node) -> tuple[int, int]:
    return 1000, 200


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


def _block_cost(node: Node, per_element: float, per_pixel: float) -> float:
    """Products of whole blocks (2 pixels, 2 channels, 8 inputs), outputs, and making a pixel's row of int16."""
    out, window = node.output.type, _window(node)
    channels = out.shape[-1]
    pixels = out.elements // channels
    pixels += pixels % 2
    blocks = -(-channels // 2) * pixels // 2
    sums = blocks * (-(-window // 8) * BLOCK_CYCLES_PER_EIGHT + BLOCK_CYCLES)
    return sums + channels * pixels * BLOCK_CYCLES_PER_OUTPUT + pixels * (window * per_element + per_pixel)


def im2col_cost(node: Node, core: Core) -> float:
    from_bytes = node["x"].type.dtype == "int8"
    return _block_cost(node, IM2COL_BYTE_CYCLES if from_bytes else IM2COL_CYCLES, IM2COL_CYCLES_PER_PIXEL)


def pointwise_cost(node: Node, core: Core) -> float:
    in_c = node["x"].type.shape[3]
    if node["x"].type.dtype == "int8":
        return _block_cost(node, ROW_BYTE_CYCLES, ROW_CYCLES_PER_PIXEL)
    return _block_cost(node, ROW_CYCLES if in_c % 8 else 0.0, ROW_CYCLES_PER_PIXEL if in_c % 8 else IN_PLACE_CYCLES)


def im2col_footprint(node: Node) -> tuple[int, int]:
    return 1600, 200


def pointwise_footprint(node: Node) -> tuple[int, int]:
    return 1200, 200


KERNELS = (
    Kernel(
        "smg_conv2d_s16_scalar", "conv2d", "conv2d_s16", Conv2D, scalar_cost, params,
        requires=(*LAYER, sums_fit), constants=layer_widths, footprint=scalar_footprint,
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
