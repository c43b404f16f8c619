# SPDX-License-Identifier: Apache-2.0
"""Depthwise convolution with int16 activations."""

from __future__ import annotations

from collections.abc import Mapping

from smidgen.ir import Node
from smidgen.kernels.common import window_params, without_multipliers
from smidgen.kernels.depthwise.quads import four_channels, one_to_one, pack_taps
from smidgen.kernels.int16 import LAYER, bits, channel_words, layer_widths, shifted_sums_fit, sums_fit, widths
from smidgen.kernels.kernel import Kernel, Packed, ParamValue
from smidgen.ops import DepthwiseConv2D
from smidgen.targets.target import Core

BLOCK_CYCLES_PER_PAIR, BLOCK_CYCLES, PIXEL_CYCLES, COPY_CYCLES = 26.0, 130.0, 60.0, 8.0
SCALAR_CYCLES_PER_MAC, SCALAR_CYCLES_PER_OUTPUT = 35.0, 180.0


def params(node: Node) -> Mapping[str, ParamValue]:
    assert isinstance(node.op, DepthwiseConv2D)
    return {**window_params(node), "multiplier": node.op.multiplier(node.types)}


def scalar_cost(node: Node, core: Core) -> float:
    return node.macs * SCALAR_CYCLES_PER_MAC + node.output.type.elements * SCALAR_CYCLES_PER_OUTPUT


def scalar_footprint(node: Node) -> tuple[int, int]:
    return 1000, 200


def packed_params(node: Node) -> Mapping[str, ParamValue]:
    return without_multipliers(params(node))


def pack(node: Node) -> Mapping[str, Packed]:
    return {"w": Packed(pack_taps(node)), "b": Packed(channel_words(node))}


def _pairs(node: Node) -> int:
    return -(-node["w"].type.shape[0] * node["w"].type.shape[1] // 2)


def scratch(node: Node) -> int:
    """Two tables of offsets and one window."""
    return 16 * _pairs(node) + node["w"].type.elements * bits(node["x"].type) // 8


def dsp_cost(node: Node, core: Core) -> float:
    """Of each pixel: blocks of four channels, windows that leave the input copied."""
    out, channels = node.output.type, node["w"].type.shape[2]
    pixels, blocks = out.elements // channels, -(-channels // 4)
    each = blocks * (_pairs(node) * BLOCK_CYCLES_PER_PAIR + BLOCK_CYCLES) + PIXEL_CYCLES
    return pixels * each + _leaving(node) * node["w"].type.elements * COPY_CYCLES


def _leaving(node: Node) -> int:
    """How many windows leave the input."""
    op, x, y = node.op, node["x"].type.shape, node.output.type.shape
    assert isinstance(op, DepthwiseConv2D)
    inside = [
        sum(0 <= o * op.stride[i] - op.padding[i] <= x[1 + i] - span for o in range(y[1 + i]))
        for i, span in enumerate((k - 1) * d + 1 for k, d in zip(node["w"].type.shape, op.dilation, strict=False))
    ]
    return y[0] * (y[1] * y[2] - inside[0] * inside[1])


def dsp_footprint(node: Node) -> tuple[int, int]:
    return 1200, 200


KERNELS = (
    Kernel(
        "smg_depthwise_s16_scalar", "depthwise", "depthwise_s16", DepthwiseConv2D, scalar_cost, params,
        requires=(*LAYER, sums_fit), constants=layer_widths, footprint=scalar_footprint,
    ),
    Kernel(
        "smg_depthwise_s16_dsp", "depthwise", "depthwise_s16", DepthwiseConv2D, dsp_cost, packed_params,
        frozenset(("dsp",)), (*LAYER, shifted_sums_fit, one_to_one, four_channels), pack, scratch,
        includes=("smg_depthwise_dsp.inc.h",), constants=widths, footprint=dsp_footprint,
    ),
)  # fmt: skip
