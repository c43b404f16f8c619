# SPDX-License-Identifier: Apache-2.0
"""int8 mean over adjacent dimensions."""

from __future__ import annotations

import math
from collections.abc import Mapping

from smidgen.ir import Node
from smidgen.kernels.common import double_rounding, even_rounding, int8_elements, output_params
from smidgen.kernels.int16 import Sizes, int16_elements, measured, pooled_sum_fits, pooled_widths
from smidgen.kernels.kernel import Kernel, ParamValue
from smidgen.kernels.mean import float32
from smidgen.ops import Mean
from smidgen.targets.target import Core

SCALAR_CYCLES_PER_ELEMENT = 6.0  # estimated from the instructions of the loop, not fitted


def sum_fits(node: Node) -> bool:
    """The sum, shifted left where its multiplier is above 1, fits 32 bits"""
    op, x = node.op, node["x"].type
    assert isinstance(op, Mean)
    return (255 * op.count(x)) << max(op.multiplier(x)[1], 0) < 1 << 31


def doubled_sum_fits(node: Node) -> bool:
    """Twice the sum, shifted left where its multiplier is above 1, fits 32 bits"""
    op, x = node.op, node["x"].type
    assert isinstance(op, Mean)
    return (255 * op.count(x)) << max(op.multiplier(x)[1], 0) < 1 << 30


def four_behind(node: Node) -> bool:
    """At least four elements lie behind the mean's dimensions"""
    op = node.op
    assert isinstance(op, Mean)
    return math.prod(node["x"].type.shape[op.last + 1 :]) >= 4


def params(node: Node) -> Mapping[str, ParamValue]:
    op, x = node.op, node["x"].type
    assert isinstance(op, Mean)
    mult, shift = op.multiplier(x)
    return {
        "outer": math.prod(x.shape[: op.first]), "reduced": op.count(x), "inner": math.prod(x.shape[op.last + 1 :]),
        "in_offset": -x.zero_point, "mult": mult, "shift": shift, **output_params(node, op.clamp),
    }  # fmt: skip


def scalar_cost(node: Node, core: Core) -> float:
    return node["x"].type.elements * SCALAR_CYCLES_PER_ELEMENT + node.output.type.elements * 30


def dsp_cost(node: Node, core: Core) -> float:
    """Blocks of 16 elements, blocks of 4, and the rescale of each output."""
    op, x, outputs = node.op, node["x"].type, node.output.type.elements
    assert isinstance(op, Mean)
    inner, count = math.prod(x.shape[op.last + 1 :]), op.count(x)
    each = inner // 16 * (300 + count * 16.5) + -(-(inner % 16) // 4) * (180 + count * 9)
    return 100 + outputs // inner * each + outputs * 25


S16_SIZES: Sizes = {
    (16, 16, 32): (544, 112), (16, 16, 64): (680, 124), (16, 8, 32): (436, 44), (8, 16, 32): (536, 112),
}  # fmt: skip


def s16_footprint(node: Node) -> tuple[int, int]:
    return measured(node, pooled_widths(node), S16_SIZES)


_DSP = (int8_elements, four_behind, doubled_sum_fits)

KERNELS = (
    Kernel("smg_mean_s8_scalar", "mean", "mean", Mean, scalar_cost, params,
           requires=(double_rounding, int8_elements, sum_fits), includes=("smg_mean_scalar.inc.h",)),
    Kernel("smg_mean_s8rne_scalar", "mean", "mean", Mean, scalar_cost, params,
           requires=(even_rounding, int8_elements, sum_fits), includes=("smg_mean_scalar.inc.h",)),
    Kernel("smg_mean_s8_dsp", "mean", "mean", Mean, dsp_cost, params, frozenset(("dsp",)),
           (double_rounding, *_DSP), includes=("smg_mean_dsp.inc.h",)),
    Kernel("smg_mean_s8rne_dsp", "mean", "mean", Mean, dsp_cost, params, frozenset(("dsp",)),
           (even_rounding, *_DSP), includes=("smg_mean_dsp.inc.h",)),
    Kernel("smg_mean_s16_scalar", "mean", "mean_s16", Mean, scalar_cost, params,
           requires=(even_rounding, int16_elements, pooled_sum_fits), constants=pooled_widths, footprint=s16_footprint),
    *float32.KERNELS,
)  # fmt: skip
