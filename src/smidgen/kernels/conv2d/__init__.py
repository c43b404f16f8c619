# SPDX-License-Identifier: Apache-2.0
"""int8 convolution."""

from __future__ import annotations

from collections.abc import Mapping

from smidgen.ir import Node
from smidgen.kernels.classes import strained
from smidgen.kernels.common import (
    accumulator_fits,
    accumulator_fits_doubled,
    constant_weights,
    double_rounding,
    even_rounding,
    int8_elements,
    pack_rows,
    window_params,
    without_multipliers,
)
from smidgen.kernels.conv2d import float32, int16
from smidgen.kernels.conv2d.shapes import one_group, pointwise
from smidgen.kernels.kernel import Kernel, Packed, ParamValue
from smidgen.ops import Conv2D
from smidgen.targets.target import Core

# Fitted to modelled cycles of the MLPerf Tiny models' layers on a Cortex-M4, zero wait states, zig cc 0.17.1 -O3.
SCALAR_CYCLES_PER_MAC, SCALAR_CYCLES_PER_OUTPUT = 8.0, 239.0
DSP_CYCLES_PER_MAC, DSP_CYCLES_PER_OUTPUT = 1.37, 23.0
IM2COL_CYCLES_PER_BYTE, IM2COL_CYCLES_PER_PIXEL = 3.5, 265.0
EXPAND_CYCLES_PER_BYTE, EXPAND_CYCLES_PER_PIXEL = 1.6, 99.0


def params(node: Node) -> Mapping[str, ParamValue]:
    assert isinstance(node.op, Conv2D)
    return {**window_params(node), "groups": node.op.groups}


def packed_params(node: Node) -> Mapping[str, ParamValue]:
    return without_multipliers(params(node))


def pack(node: Node) -> Mapping[str, Packed]:
    """Pairs of channels interleaved by four inputs; flash grows by rounding up to 2 channels and 8 inputs."""
    return pack_rows(node, 2)


def _window(node: Node) -> int:
    _, kh, kw, ic = node["w"].type.shape
    return kh * kw * ic


def im2col_scratch(node: Node) -> int:
    """Two windows in int16 and one in int8."""
    return 5 * (-(-_window(node) // 8) * 8)


def pointwise_scratch(node: Node) -> int:
    """Two pixels in int16."""
    return 4 * (-(-_window(node) // 8) * 8)


def scalar_cost(node: Node, core: Core) -> float:
    cycles = node.macs * SCALAR_CYCLES_PER_MAC + node.output.type.elements * SCALAR_CYCLES_PER_OUTPUT
    return strained(cycles, core, 1.45)


def _dsp_cost(node: Node, per_byte: float, per_pixel: float) -> float:
    """Products of whole blocks (2 pixels, 2 channels, 8 inputs), outputs, and making a pixel's row of int16."""
    out, window = node.output.type, _window(node)
    channels = out.shape[-1]
    pixels = out.elements // channels
    products = (-(-window // 8) * 8) * (channels + channels % 2) * (pixels + pixels % 2)
    return (
        products * DSP_CYCLES_PER_MAC + out.elements * DSP_CYCLES_PER_OUTPUT + pixels * (window * per_byte + per_pixel)
    )


def im2col_cost(node: Node, core: Core) -> float:
    return _dsp_cost(node, IM2COL_CYCLES_PER_BYTE, IM2COL_CYCLES_PER_PIXEL)


def pointwise_cost(node: Node, core: Core) -> float:
    return _dsp_cost(node, EXPAND_CYCLES_PER_BYTE, EXPAND_CYCLES_PER_PIXEL)


_ANY = (int8_elements, constant_weights, accumulator_fits)
_DSP = (int8_elements, constant_weights, accumulator_fits_doubled)
_IM2COL = ("smg_conv2d_im2col_dsp.inc.h", "smg_conv2d_dsp.inc.h")
_1X1 = ("smg_conv2d_1x1_dsp.inc.h", "smg_conv2d_dsp.inc.h")
DSP = frozenset(("dsp",))

KERNELS = (
    Kernel(
        "smg_conv2d_s8_scalar", "conv2d", "conv2d", Conv2D, scalar_cost, params,
        requires=(double_rounding, *_ANY), includes=("smg_conv2d_scalar.inc.h",),
    ),
    Kernel(
        "smg_conv2d_s8rne_scalar", "conv2d", "conv2d", Conv2D, scalar_cost, params,
        requires=(even_rounding, *_ANY), includes=("smg_conv2d_scalar.inc.h",),
    ),
    Kernel(
        "smg_conv2d_s8_dsp", "conv2d", "conv2d", Conv2D, im2col_cost, packed_params, DSP,
        (double_rounding, *_DSP, one_group), pack, im2col_scratch, includes=_IM2COL,
    ),
    Kernel(
        "smg_conv2d_s8rne_dsp", "conv2d", "conv2d", Conv2D, im2col_cost, packed_params, DSP,
        (even_rounding, *_DSP, one_group), pack, im2col_scratch, includes=_IM2COL,
    ),
    Kernel(
        "smg_conv2d_1x1_s8_dsp", "conv2d", "conv2d", Conv2D, pointwise_cost, packed_params, DSP,
        (double_rounding, *_DSP, pointwise), pack, pointwise_scratch, includes=_1X1,
    ),
    Kernel(
        "smg_conv2d_1x1_s8rne_dsp", "conv2d", "conv2d", Conv2D, pointwise_cost, packed_params, DSP,
        (even_rounding, *_DSP, pointwise), pack, pointwise_scratch, includes=_1X1,
    ),
    *int16.KERNELS,
    *float32.KERNELS,
)  # fmt: skip
