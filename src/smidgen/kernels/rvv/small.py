# SPDX-License-Identifier: Apache-2.0
"""int8 addition, pools and means with vectors."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from smidgen.ir import Node
from smidgen.kernels import add, mean, pool
from smidgen.kernels.common import double_rounding, even_rounding, int8_elements, same_shape
from smidgen.kernels.kernel import Kernel
from smidgen.kernels.rvv.requantize import LANES, LEAST_EVEN_SHIFT, RVV
from smidgen.ops import Add, AveragePool2D, MaxPool2D, Mean
from smidgen.ops.arithmetic import int_bounds
from smidgen.targets.target import Core

_DROPPED = 13  # SMG_DROPPED of smg_add_s8rne_rvv.inc.h
_MOST_LEFT = 24


def _constants(node: Node, mode: int) -> Mapping[str, int]:
    op = node.op
    assert isinstance(op, Add | Mean | MaxPool2D | AveragePool2D)
    return {"SMG_ROUNDING_MODE": mode, "SMG_LEFT": 0, "SMG_CLAMPS": int(int_bounds(op.clamp) != (-128, 127))}


def add_constants(node: Node) -> Mapping[str, int]:
    assert isinstance(node.op, Add)
    a_sign, b_sign = node.op.signs
    return {**_constants(node, 0), "SMG_A_NEGATIVE": int(a_sign < 0), "SMG_B_NEGATIVE": int(b_sign < 0)}


def even_constants(node: Node) -> Mapping[str, int]:
    return _constants(node, 2)


def pool_constants(node: Node) -> Mapping[str, int]:
    return _constants(node, 0)


def even_pool_constants(node: Node) -> Mapping[str, int]:
    return {**_constants(node, 2), "SMG_LEFT": 1}


def mean_constants(node: Node) -> Mapping[str, int]:
    assert isinstance(node.op, Mean)
    return {**_constants(node, 2 if node.op.rounding == "even" else 0), "SMG_LEFT": 1}


def inputs_shifted_right(node: Node) -> bool:
    """No operand is scaled up"""
    assert isinstance(node.op, Add)
    r = node.op.rescale(node.types)
    return max(r.a[1], r.b[1]) <= 0 and min(r.a[1], r.b[1], r.out[1]) > -32


def common_shift_in_range(node: Node) -> bool:
    """The larger input scale is between 2**-14 and 2**15 times the output scale"""
    assert isinstance(node.op, Add)
    return LEAST_EVEN_SHIFT <= node.op.rescale_rne(node.types).shift - _DROPPED < 32


def _left_fits(largest: int, shift: int, least: int) -> bool:
    """A sum stays in 32 bits when shifted left so that ``least`` bits or more are shifted right."""
    right = max(-shift, least)
    return right < 32 and right + shift <= _MOST_LEFT and largest << (right + shift) < 1 << 31


def mean_fits(node: Node) -> bool:
    """The sum, shifted left where its multiplier is large, fits 32 bits"""
    op, x = node.op, node["x"].type
    assert isinstance(op, Mean)
    return _left_fits(255 * op.count(x), op.multiplier(x)[1], LEAST_EVEN_SHIFT if op.rounding == "even" else 0)


def window_fits(node: Node) -> bool:
    """The sum over a window, shifted left where a multiplier is large, fits 32 bits"""
    op, x = node.op, node["x"].type
    assert isinstance(op, AveragePool2D)
    counts = np.unique(op.counts(x)).tolist()
    shifts = op.count_multipliers(x, counts)[1].tolist()
    return all(_left_fits(255 * c, s, LEAST_EVEN_SHIFT) for c, s in zip(counts, shifts, strict=True))


def _mixed(core: Core) -> float:
    """Cycles of an instruction, of loads, multiplications and others in equal parts."""
    return sum(core.cycles[name] for name in ("load", "multiply", "alu")) / 3


def add_cost(node: Node, core: Core) -> float:
    """Instructions at VLEN 128."""
    return (40 + 38 * -(-node.output.type.elements // LANES)) * _mixed(core)


def pool_cost(node: Node, core: Core) -> float:
    """Instructions at VLEN 128."""
    op, channels = node.op, node["x"].type.shape[3]
    assert isinstance(op, MaxPool2D | AveragePool2D)
    lanes = 4 * LANES if isinstance(op, MaxPool2D) else LANES
    strip = 30 + op.kernel[0] * (8 + 7 * op.kernel[1])
    return (40 + node.output.type.elements // channels * (30 + -(-channels // lanes) * strip)) * _mixed(core)


def mean_cost(node: Node, core: Core) -> float:
    """Instructions at VLEN 128."""
    op, x = node.op, node["x"].type
    assert isinstance(op, Mean)
    inner, count = math.prod(x.shape[op.last + 1 :]), op.count(x)
    outer = x.elements // max(inner * count, 1)
    return (40 + outer * (8 + -(-inner // LANES) * (36 + 6 * count))) * _mixed(core)


def footprint(node: Node) -> tuple[int, int]:
    """Code and stack bytes, from above."""
    return 768, 96


_SUMS = ("smg_rvv.h", "smg_rvv_sums.inc.h")
_POOL = "smg_rvv_pool.inc.h"

KERNELS = (
    Kernel("smg_add_s8_rvv", "rvv", "add", Add, add_cost, add.params, RVV,
           (double_rounding, int8_elements, same_shape, add.output_scale_sane, inputs_shifted_right), inplace="a",
           includes=("smg_rvv.h",), constants=add_constants, footprint=footprint),
    Kernel("smg_add_s8rne_rvv", "rvv", "addrne", Add, add_cost, add.params_rne, RVV,
           (even_rounding, int8_elements, same_shape, common_shift_in_range), inplace="a",
           includes=("smg_rvv.h",), constants=even_constants, footprint=footprint),
    Kernel("smg_mean_s8_rvv", "rvv", "mean", Mean, mean_cost, mean.params, RVV, (int8_elements, mean_fits),
           includes=_SUMS, constants=mean_constants, footprint=footprint),
    Kernel("smg_avgpool_s8_rvv", "rvv", "pool", AveragePool2D, pool_cost, pool.params, RVV,
           (double_rounding, int8_elements, pool.window_sum_fits),
           includes=(*_SUMS, _POOL), constants=pool_constants, footprint=footprint),
    Kernel("smg_avgpool_s8rne_rvv", "rvv", "avgpoolrne", AveragePool2D, pool_cost, pool.params_rne, RVV,
           (even_rounding, int8_elements, pool.window_sum_fits, window_fits),
           includes=(*_SUMS, _POOL), constants=even_pool_constants, footprint=footprint),
    Kernel("smg_maxpool_s8_rvv", "rvv", "pool", MaxPool2D, pool_cost, pool.params, RVV, (int8_elements,),
           includes=("smg_rvv.h", _POOL), constants=pool_constants, footprint=footprint),
)  # fmt: skip
