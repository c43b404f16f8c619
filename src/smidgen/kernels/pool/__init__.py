# SPDX-License-Identifier: Apache-2.0
"""int8 maximum and average pooling."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from smidgen.ir import Node
from smidgen.kernels.common import double_rounding, even_rounding, int8_elements, output_params
from smidgen.kernels.int16 import (
    Sizes,
    int16_elements,
    int16_throughout,
    measured,
    pooled_sum_fits,
    pooled_widths,
)
from smidgen.kernels.kernel import Kernel, ParamValue
from smidgen.kernels.pool import float32
from smidgen.ops import AveragePool2D, MaxPool2D
from smidgen.ops.arithmetic import int_bounds
from smidgen.targets.target import Core

# Fitted to modelled cycles of the MLPerf Tiny models' layers on a Cortex-M4, zero wait states, zig cc 0.17.1 -O3.
S16_CYCLES = 140.0, 46.0, 7.6  # an output, a row of its window, an element of that
SCALAR_CYCLES_PER_ELEMENT, SCALAR_CYCLES_PER_OUTPUT = 8.8, 163.0


def _window(node: Node) -> dict[str, ParamValue]:
    op = node.op
    assert isinstance(op, MaxPool2D | AveragePool2D)
    (n, ih, iw, c), (_, oh, ow, _) = node["x"].type.shape, node.output.type.shape
    return {
        "batch": n, "in_h": ih, "in_w": iw, "in_c": c, "out_h": oh, "out_w": ow,
        "k_h": op.kernel[0], "k_w": op.kernel[1], "stride_h": op.stride[0], "stride_w": op.stride[1],
        "pad_t": op.padding[0], "pad_l": op.padding[1],
    }  # fmt: skip


def params(node: Node) -> Mapping[str, ParamValue]:
    assert isinstance(node.op, MaxPool2D | AveragePool2D)
    lo, hi = int_bounds(node.op.clamp, node.output.type.dtype)
    return {**_window(node), "act_min": lo, "act_max": hi}


def params_rne(node: Node) -> Mapping[str, ParamValue]:
    """A multiplier for each divisor that occurs, the largest first: most windows lie inside the input."""
    op, x = node.op, node["x"].type
    assert isinstance(op, AveragePool2D)
    divisors = np.unique(op.counts(x))[::-1]
    mult, shift = op.count_multipliers(x, divisors.tolist())
    return {
        **_window(node), "in_offset": -x.zero_point, **output_params(node, op.clamp),
        "divisors": divisors.size, "divisor": divisors.astype(np.int32), "mult": mult, "shift": shift,
    }  # fmt: skip


def scalar_cost(node: Node, core: Core) -> float:
    op = node.op
    assert isinstance(op, MaxPool2D | AveragePool2D)
    return node.output.type.elements * (
        op.kernel[0] * op.kernel[1] * SCALAR_CYCLES_PER_ELEMENT + SCALAR_CYCLES_PER_OUTPUT
    )


def window_sum_fits(node: Node) -> bool:
    """The sum over a window, at most 255 an element with the zero point taken off, and its rounding fit 32 bits"""
    op = node.op
    assert isinstance(op, AveragePool2D)
    return 255 * op.kernel[0] * op.kernel[1] < 1 << 31


def four_channels(node: Node) -> bool:
    """There are at least four channels"""
    return node["x"].type.shape[3] >= 4


def shifted_sum_fits(node: Node) -> bool:
    """Twice the sum over a window, shifted left where a multiplier is above 1, fits 32 bits"""
    op, x = node.op, node["x"].type
    assert isinstance(op, AveragePool2D)
    counts = np.unique(op.counts(x))
    shift = op.count_multipliers(x, counts.tolist())[1].astype(np.int64)
    largest = np.int64(255 * op.kernel[0] * op.kernel[1])
    return bool((largest << (np.maximum(shift, 0) + 1)).max() < 1 << 31)


def dsp_cost(node: Node, core: Core) -> float:
    """Of every output position: blocks of 16 channels, blocks of 4, and the outputs' divisions or rescales."""
    op, (_, _, width, channels) = node.op, node["x"].type.shape
    assert isinstance(op, AveragePool2D)
    elements, rows = op.kernel[0] * op.kernel[1], op.kernel[0]
    large, small = channels // 16, -(-(channels % 16) // 4)
    if elements > 24:  # SMG_SMALL_WINDOW
        rows = 1 if op.kernel[1] == width else rows
        sums = large * (300 + rows * 30 + elements * 16.5) + small * (180 + rows * 30 + elements * 9)
    else:
        sums = large * (100 + rows * 18 + elements * 18) + small * (70 + rows * 12 + elements * 8)
    even = op.rounding == "even"
    finish = (large + small) * 100 * even + (16 * large + 4 * small) * (29 if even else 25)
    return 100 + node.output.type.elements // channels * (50 + sums + finish)


S16_SIZES: Sizes = {
    (16, 16, 32): (1460, 304), (16, 16, 64): (1068, 248), (16, 8, 32): (1256, 140), (8, 16, 32): (1416, 300),
}  # fmt: skip


def s16_cost(node: Node, core: Core) -> float:
    op = node.op
    assert isinstance(op, MaxPool2D | AveragePool2D)
    (kh, kw), (output, row, element) = op.kernel, S16_CYCLES
    return node.output.type.elements * (output + kh * (row + kw * element))


def s16_footprint(node: Node) -> tuple[int, int]:
    return measured(node, pooled_widths(node), S16_SIZES)


_DSP = (int8_elements, four_channels, window_sum_fits)
_INCLUDES = ("smg_window_sums.inc.h",)


def max_dsp_cost(node: Node, core: Core) -> float:
    """Of every output position: blocks of 16 channels and blocks of 4."""
    op, channels = node.op, node["x"].type.shape[3]
    assert isinstance(op, MaxPool2D)
    elements, rows = op.kernel[0] * op.kernel[1], op.kernel[0]
    large, small = channels // 16, -(-(channels % 16) // 4)
    each = large * (55 + rows * 26 + elements * 22) + small * (47 + rows * 15 + elements * 9)
    return 100 + node.output.type.elements // channels * (50 + each)


KERNELS = (
    Kernel("smg_maxpool_s8_scalar", "pool", "pool", MaxPool2D, scalar_cost, params,
           requires=(int8_elements,), includes=("smg_maxpool.inc.h",)),
    Kernel("smg_maxpool_s8_dsp", "pool", "pool", MaxPool2D, max_dsp_cost, params, frozenset(("dsp",)),
           (int8_elements, four_channels)),
    Kernel("smg_avgpool_s8_scalar", "pool", "pool", AveragePool2D, scalar_cost, params,
           requires=(double_rounding, int8_elements, window_sum_fits)),
    Kernel("smg_avgpool_s8rne_scalar", "pool", "avgpoolrne", AveragePool2D, scalar_cost, params_rne,
           requires=(even_rounding, int8_elements, window_sum_fits)),
    Kernel("smg_avgpool_s8_dsp", "pool", "pool", AveragePool2D, dsp_cost, params, frozenset(("dsp",)),
           (double_rounding, *_DSP), includes=_INCLUDES),
    Kernel("smg_avgpool_s8rne_dsp", "pool", "avgpoolrne", AveragePool2D, dsp_cost, params_rne, frozenset(("dsp",)),
           (even_rounding, *_DSP, shifted_sum_fits), includes=_INCLUDES),
    Kernel("smg_maxpool_s16_scalar", "pool", "maxpool_s16", MaxPool2D, s16_cost, params,
           requires=(int16_throughout,), includes=("smg_maxpool.inc.h",)),
    Kernel("smg_avgpool_s16_scalar", "pool", "avgpool_s16", AveragePool2D, s16_cost, params_rne,
           requires=(even_rounding, int16_elements, pooled_sum_fits),
           constants=pooled_widths, footprint=s16_footprint),
    *float32.KERNELS,
)  # fmt: skip
