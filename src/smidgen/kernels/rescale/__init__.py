# SPDX-License-Identifier: Apache-2.0
"""Elementwise functions of int16 that are a multiplication or a clamp; those of bytes are tables."""

from __future__ import annotations

from collections.abc import Mapping

from smidgen.ir import Node
from smidgen.kernels.common import even_rounding, output_params
from smidgen.kernels.int16 import int16_throughout, widths
from smidgen.kernels.kernel import Kernel, ParamValue
from smidgen.ops import Clamp, LeakyRelu, Requantize
from smidgen.ops.arithmetic import NO_CLAMP, int_bounds
from smidgen.targets.target import Core

RESCALE_CYCLES, CLAMP_CYCLES = 89.0, 14.5  # modelled on a Cortex-M4, zero wait states, zig cc 0.17.1 -O3


def from_int16(node: Node) -> bool:
    """The input is int16, the output int8 or int16"""
    return node["x"].type.dtype == "int16" and node.output.type.dtype in ("int8", "int16")


def requantize_params(node: Node) -> Mapping[str, ParamValue]:
    op = node.op
    assert isinstance(op, Requantize)
    mult, shift = op.multiplier(node.types)
    return {
        "count": node.output.type.elements, "mult": mult, "shift": shift, "negative_mult": mult,
        "negative_shift": shift, **output_params(node, op.clamp),
    }  # fmt: skip


def leaky_params(node: Node) -> Mapping[str, ParamValue]:
    """A negative alpha's sign lies in the multiplier: ties to even are the same on both sides of zero."""
    op = node.op
    assert isinstance(op, LeakyRelu)
    (mult, shift), (negative, negative_shift) = op.multipliers(node.types)
    return {
        "count": node.output.type.elements, "mult": mult, "shift": shift,
        "negative_mult": -negative if op.alpha < 0 else negative, "negative_shift": negative_shift,
        **output_params(node, NO_CLAMP),
    }  # fmt: skip


def clamp_params(node: Node) -> Mapping[str, ParamValue]:
    assert isinstance(node.op, Clamp)
    lo, hi = int_bounds(node.op.clamp, "int16")
    return {"count": node.output.type.elements, "act_min": lo, "act_max": hi}


def rescale_cost(node: Node, core: Core) -> float:
    return node.output.type.elements * RESCALE_CYCLES


def clamp_cost(node: Node, core: Core) -> float:
    return node.output.type.elements * CLAMP_CYCLES


def footprint(node: Node) -> tuple[int, int]:
    return (740, 76) if node.output.type.dtype == "int16" else (244, 36)


KERNELS = (
    Kernel(
        "smg_requantize_s16_scalar", "rescale", "rescale_s16", Requantize, rescale_cost, requantize_params,
        requires=(even_rounding, from_int16), includes=("smg_rescale_s16.inc.h",),
        constants=widths, footprint=footprint,
    ),
    Kernel(
        "smg_leaky_relu_s16_scalar", "rescale", "rescale_s16", LeakyRelu, rescale_cost, leaky_params,
        requires=(even_rounding, from_int16), includes=("smg_rescale_s16.inc.h",),
        constants=widths, footprint=footprint,
    ),
    Kernel(
        "smg_clamp_s16_scalar", "rescale", "clamp_s16", Clamp, clamp_cost, clamp_params,
        requires=(int16_throughout,), inplace="x",
    ),
)  # fmt: skip
