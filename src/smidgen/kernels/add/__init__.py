# SPDX-License-Identifier: Apache-2.0
"""int8 addition and subtraction."""

from __future__ import annotations

from collections.abc import Mapping

from smidgen.ir import Node
from smidgen.kernels.add import float32, linear
from smidgen.kernels.common import (
    broadcast_in_four,
    broadcast_params,
    double_rounding,
    even_rounding,
    int8_elements,
    output_params,
    same_shape,
)
from smidgen.kernels.int16 import int16_elements, widths
from smidgen.kernels.kernel import Kernel, ParamValue
from smidgen.ops import Add
from smidgen.targets.target import Core

# Fitted to modelled cycles of the MLPerf Tiny models' layers on a Cortex-M4, zero wait states, zig cc 0.17.1 -O3.
SCALAR_CYCLES = 123.0
S16_CYCLES = 87.0
DSP_CYCLES, DSP_TABLES_CYCLES = 26.0, 12_400.0


def output_scale_sane(node: Node) -> bool:
    """The output scale is above a 2**18th of the larger input scale"""
    assert isinstance(node.op, Add)
    return node.op.rescale(node.types).out[1] <= 0


def _offsets(node: Node) -> dict[str, ParamValue]:
    return {
        "shape": broadcast_params(node),
        "a_offset": -node["a"].type.zero_point,
        "b_offset": -node["b"].type.zero_point,
    }


def params(node: Node) -> Mapping[str, ParamValue]:
    op = node.op
    assert isinstance(op, Add)
    r, (a_sign, b_sign) = op.rescale(node.types), op.signs
    return {
        **_offsets(node), "a_sign": a_sign, "b_sign": b_sign, "left_shift": r.left_shift,
        "a_mult": r.a[0], "a_shift": r.a[1], "b_mult": r.b[0], "b_shift": r.b[1],
        "out_mult": r.out[0], "out_shift": r.out[1], **output_params(node, op.clamp),
    }  # fmt: skip


def params_rne(node: Node) -> Mapping[str, ParamValue]:
    op = node.op
    assert isinstance(op, Add)
    r = op.rescale_rne(node.types)
    return {
        **_offsets(node), "a_mult": r.a_mult, "b_mult": r.b_mult, "shift": r.shift, **output_params(node, op.clamp),
    }  # fmt: skip


def scalar_cost(node: Node, core: Core) -> float:
    return node.output.type.elements * SCALAR_CYCLES


def s16_cost(node: Node, core: Core) -> float:
    return node.output.type.elements * S16_CYCLES


def s16_footprint(node: Node) -> tuple[int, int]:
    return (500, 124) if node.output.type.dtype == "int16" else (424, 60)


def common_shift_moderate(node: Node) -> bool:
    """The larger input scale is below 2**20 times the output scale"""
    assert isinstance(node.op, Add)
    return 10 <= node.op.rescale_rne(node.types).shift <= 61


def wide_tables_scratch(node: Node) -> int:
    """256 double words for each operand."""
    return 4096


def dsp_cost(node: Node, core: Core) -> float:
    return node.output.type.elements * DSP_CYCLES + DSP_TABLES_CYCLES


def tables_scratch(node: Node) -> int:
    """256 words for each operand."""
    return 2048


def linear_cost(node: Node, core: Core) -> float:
    """Groups of eight take 50 cycles, and 24 more with each clamp inside int8; what is left over goes one by one."""
    groups, rest = divmod(node.output.type.elements, 8)
    return groups * (50 + 24 * _inner_clamps(node)) + rest * 17 + 80


def linear_footprint(node: Node) -> tuple[int, int]:
    return 420 + 80 * _inner_clamps(node), 92


def _inner_clamps(node: Node) -> int:
    lo, hi = (linear.constants(node)[k] for k in ("SMG_ACT_MIN", "SMG_ACT_MAX"))
    return (lo > -128) + (hi < 127)


KERNELS = (
    Kernel(
        "smg_add_s8_scalar", "add", "add", Add, scalar_cost, params,
        requires=(double_rounding, int8_elements, broadcast_in_four, output_scale_sane),
    ),
    Kernel(
        "smg_add_s8rne_scalar", "add", "addrne", Add, scalar_cost, params_rne,
        requires=(even_rounding, int8_elements, broadcast_in_four),
    ),
    Kernel(
        "smg_add_same_s8_dsp", "add", "add", Add, dsp_cost, params, frozenset(("dsp",)),
        (double_rounding, int8_elements, same_shape, output_scale_sane), scratch=tables_scratch, inplace="a",
    ),
    Kernel(
        "smg_add_same_s8rne_dsp", "add", "addrne", Add, dsp_cost, params_rne, frozenset(("dsp",)),
        (even_rounding, int8_elements, same_shape, common_shift_moderate), scratch=wide_tables_scratch, inplace="a",
    ),
    Kernel(
        "smg_add_linear_s8_m4", "add", "add_linear", Add, linear_cost, linear.params, frozenset(("dsp", "fpu")),
        (int8_elements, same_shape, linear.has_linear_form), inplace="a",
        constants=linear.constants, footprint=linear_footprint,
    ),
    Kernel(
        "smg_add_s16_scalar", "add", "add_s16", Add, s16_cost, params_rne,
        requires=(even_rounding, int16_elements, broadcast_in_four), constants=widths, footprint=s16_footprint,
    ),
    *float32.KERNELS,
)  # fmt: skip
