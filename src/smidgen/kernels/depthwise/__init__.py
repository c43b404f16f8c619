# SPDX-License-Identifier: Apache-2.0
"""int8 depthwise convolution."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from smidgen.ir import Node
from smidgen.kernels.common import (
    accumulator_fits,
    accumulator_fits_doubled,
    constant_weights,
    double_rounding,
    even_rounding,
    int8_elements,
    packed_channels,
    window_params,
    without_multipliers,
)
from smidgen.kernels.depthwise import float32, int16, three, window
from smidgen.kernels.depthwise.quads import four_channels, one_to_one
from smidgen.kernels.kernel import Kernel, Packed, ParamValue
from smidgen.ops import DepthwiseConv2D
from smidgen.targets.target import Core

# Fitted to modelled cycles of the MLPerf Tiny models' layers on a Cortex-M4, zero wait states, zig cc 0.17.1 -O3.
SCALAR_CYCLES_PER_MAC, SCALAR_CYCLES_PER_OUTPUT = 35.0, 180.0
ANY_CYCLES_PER_PAIR, ANY_CYCLES_PER_OUTPUT = 9.3, 35.0
THREE_CYCLES_PER_OUTPUT = 72.0


def params(node: Node) -> Mapping[str, ParamValue]:
    assert isinstance(node.op, DepthwiseConv2D)
    return {**window_params(node), "multiplier": node.op.multiplier(node.types)}


def packed_params(node: Node) -> Mapping[str, ParamValue]:
    return without_multipliers(params(node))


def scalar_cost(node: Node, core: Core) -> float:
    return node.macs * SCALAR_CYCLES_PER_MAC + node.output.type.elements * SCALAR_CYCLES_PER_OUTPUT


def three_by_three(node: Node) -> bool:
    """Filters are 3x3 without dilation"""
    assert isinstance(node.op, DepthwiseConv2D)
    return node["w"].type.shape[:2] == (3, 3) and node.op.dilation == (1, 1)


def pack(node: Node) -> Mapping[str, Packed]:
    """By four channels, the last four overlapping those before if need be, then by pairs of taps t, u as bytes
    t0 t1 u0 u1, t2 t3 u2 u3. An odd number of taps gains one of zeros: a ninth more flash for 3x3.
    """
    w = node["w"].constant
    taps, channels = w.shape[0] * w.shape[1], w.shape[2]
    flat = np.pad(w.reshape(taps, channels), ((0, taps % 2), (0, 0)))
    starts = [min(c, channels - 4) for c in range(0, channels, 4)]
    quads = np.stack([flat[:, c : c + 4] for c in starts])  # (quads, taps, 4)
    pairs = quads.reshape(len(starts), -1, 2, 2, 2).transpose(0, 1, 3, 2, 4)  # (quads, pairs, half of 4, tap, 2)
    return {"w": Packed(np.ascontiguousarray(pairs)), "b": Packed(packed_channels(node))}


def _pairs(node: Node) -> int:
    return -(-node["w"].type.shape[0] * node["w"].type.shape[1] // 2)


def any_scratch(node: Node) -> int:
    """Two tables of offsets and one window."""
    return 16 * _pairs(node) + node["w"].type.elements


def three_scratch(node: Node) -> int:
    """One window."""
    return node["w"].type.elements


def any_cost(node: Node, core: Core) -> float:
    y = node.output.type.elements
    return y * (_pairs(node) * ANY_CYCLES_PER_PAIR + ANY_CYCLES_PER_OUTPUT)


def three_cost(node: Node, core: Core) -> float:
    return node.output.type.elements * THREE_CYCLES_PER_OUTPUT


_DSP = (int8_elements, constant_weights, accumulator_fits_doubled, one_to_one, four_channels)
_INCLUDES = ("smg_depthwise_any_dsp.inc.h", "smg_depthwise_dsp.inc.h")
_INCLUDES_3X3 = ("smg_depthwise_3x3_dsp.inc.h", "smg_depthwise_dsp.inc.h")
DSP = frozenset(("dsp",))
_ANY = (int8_elements, constant_weights, accumulator_fits)

KERNELS = (
    Kernel(
        "smg_depthwise_s8_scalar", "depthwise", "depthwise", DepthwiseConv2D, scalar_cost, params,
        requires=(double_rounding, *_ANY), includes=("smg_depthwise_scalar.inc.h",),
    ),
    Kernel(
        "smg_depthwise_s8rne_scalar", "depthwise", "depthwise", DepthwiseConv2D, scalar_cost, params,
        requires=(even_rounding, *_ANY), includes=("smg_depthwise_scalar.inc.h",),
    ),
    Kernel(
        "smg_depthwise_s8_dsp", "depthwise", "depthwise", DepthwiseConv2D, any_cost, packed_params, DSP,
        (double_rounding, *_DSP), pack, any_scratch, includes=_INCLUDES,
    ),
    Kernel(
        "smg_depthwise_3x3_s8_dsp", "depthwise", "depthwise", DepthwiseConv2D, three_cost, packed_params, DSP,
        (double_rounding, *_DSP, three_by_three), pack, three_scratch, includes=_INCLUDES_3X3,
    ),
    Kernel(
        "smg_depthwise_s8rne_dsp", "depthwise", "depthwise", DepthwiseConv2D, any_cost, packed_params, DSP,
        (even_rounding, *_DSP), pack, any_scratch, includes=_INCLUDES,
    ),
    Kernel(
        "smg_depthwise_3x3_s8rne_dsp", "depthwise", "depthwise", DepthwiseConv2D, three_cost, packed_params, DSP,
        (even_rounding, *_DSP, three_by_three), pack, three_scratch, includes=_INCLUDES_3X3,
    ),
    *three.KERNELS,
    *window.KERNELS,
    *int16.KERNELS,
    *float32.KERNELS,
)  # fmt: skip
