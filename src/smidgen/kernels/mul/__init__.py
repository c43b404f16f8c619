# SPDX-License-Identifier: Apache-2.0
"""int8 elementwise product."""

from __future__ import annotations

from collections.abc import Mapping

from smidgen.ir import Node
from smidgen.kernels.common import (
    broadcast_in_four,
    broadcast_params,
    double_rounding,
    even_rounding,
    int8_elements,
    output_params,
)
from smidgen.kernels.int16 import int16_elements, widths
from smidgen.kernels.kernel import Kernel, ParamValue
from smidgen.kernels.mul import float32
from smidgen.ops import Mul
from smidgen.targets.target import Core

SCALAR_CYCLES = 40.0  # estimated from the instructions of the loop, not fitted
S16_CYCLES = 80.0  # modelled on a Cortex-M4, zero wait states, zig cc 0.17.1 -O3


def product_fits(node: Node) -> bool:
    """The output multiplier is below 2**15"""
    assert isinstance(node.op, Mul)
    return node.op.multiplier(node.types)[1] <= 15


def params(node: Node) -> Mapping[str, ParamValue]:
    assert isinstance(node.op, Mul)
    mult, shift = node.op.multiplier(node.types)
    return {
        "shape": broadcast_params(node),
        "a_offset": -node["a"].type.zero_point,
        "b_offset": -node["b"].type.zero_point,
        "mult": mult,
        "shift": shift,
        **output_params(node, node.op.clamp),
    }


def scalar_cost(node: Node, core: Core) -> float:
    return node.output.type.elements * SCALAR_CYCLES


def s16_cost(node: Node, core: Core) -> float:
    return node.output.type.elements * S16_CYCLES


def s16_footprint(node: Node) -> tuple[int, int]:
    return (500, 128) if node.output.type.dtype == "int16" else (420, 68)


_ANY = (int8_elements, broadcast_in_four, product_fits)

KERNELS = (
    Kernel("smg_mul_s8_scalar", "mul", "mul", Mul, scalar_cost, params,
           requires=(double_rounding, *_ANY), includes=("smg_mul_scalar.inc.h",)),
    Kernel("smg_mul_s8rne_scalar", "mul", "mul", Mul, scalar_cost, params,
           requires=(even_rounding, *_ANY), includes=("smg_mul_scalar.inc.h",)),
    Kernel("smg_mul_s16_scalar", "mul", "mul_s16", Mul, s16_cost, params,
           requires=(even_rounding, int16_elements, broadcast_in_four), constants=widths, footprint=s16_footprint),
    *float32.KERNELS,
)  # fmt: skip
