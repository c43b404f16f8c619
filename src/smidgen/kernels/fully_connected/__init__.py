# SPDX-License-Identifier: Apache-2.0
"""int8 fully connected layers."""

from __future__ import annotations

from collections.abc import Mapping

from smidgen.ir import Node
from smidgen.kernels.common import (
    accumulator_fits,
    constant_weights,
    double_rounding,
    even_rounding,
    int8_elements,
    multipliers,
    output_params,
)
from smidgen.kernels.kernel import Kernel, ParamValue
from smidgen.ops import FullyConnected
from smidgen.targets.target import Core

SCALAR_CYCLES_PER_MAC = 9.0


def params(node: Node) -> Mapping[str, ParamValue]:
    assert isinstance(node.op, FullyConnected)
    x, (out_c, in_c) = node["x"].type, node["w"].type.shape
    mult, shift = multipliers(node)
    return {
        "rows": x.elements // in_c, "in_c": in_c, "out_c": out_c,
        "in_offset": -x.zero_point, **output_params(node, node.op.clamp),
        "channel_step": int(mult.size > 1), "mult": mult, "shift": shift,
    }  # fmt: skip


def scalar_cost(node: Node, core: Core) -> float:
    return node.macs * SCALAR_CYCLES_PER_MAC


_ANY = (int8_elements, constant_weights, accumulator_fits)

KERNELS = (
    Kernel(
        "smg_fully_connected_s8_scalar", "fully_connected", "fully_connected", FullyConnected, scalar_cost, params,
        requires=(double_rounding, *_ANY), includes=("smg_fully_connected_scalar.inc.h",),
    ),
    Kernel(
        "smg_fully_connected_s8rne_scalar", "fully_connected", "fully_connected", FullyConnected, scalar_cost, params,
        requires=(even_rounding, *_ANY), includes=("smg_fully_connected_scalar.inc.h",),
    ),
)  # fmt: skip
