# SPDX-License-Identifier: Apache-2.0
"""float32 fully connected layers."""

from __future__ import annotations

from collections.abc import Mapping

from smidgen.ir import Node
from smidgen.kernels import half
from smidgen.kernels.flash_use import FlashUse
from smidgen.kernels.float32 import (
    clip_params,
    constant_parameters,
    float_elements,
    pack_quads,
    per_mac,
    slowed,
    whole_weights,
)
from smidgen.kernels.kernel import Kernel, ParamValue
from smidgen.ops import FullyConnected
from smidgen.targets.target import Core


def params(node: Node) -> Mapping[str, ParamValue]:
    assert isinstance(node.op, FullyConnected)
    out_c, in_c = node["w"].type.shape
    return {"rows": node["x"].type.elements // in_c, "in_c": in_c, "out_c": out_c, **clip_params(node.op.clamp)}


scalar_cost = per_mac(8, 30)


def cost(node: Node, core: Core) -> float:
    """Rows by four and one by one, channels by four."""
    out_c, in_c = node["w"].type.shape
    fours, ones = divmod(node["x"].type.elements // in_c, 4)
    quads = -(-out_c // 4)
    return slowed(100 + quads * (fours * (in_c * 45 + 200) + ones * (in_c * 14.5 + 85)), core)


def flash_use(node: Node) -> FlashUse:
    """Every four rows, and every other row, read all weights."""
    fours, ones = divmod(node["x"].type.elements // node["w"].type.shape[1], 4)
    return FlashUse((fours + ones - 1) * node["w"].type.nbytes)


def half_scalar_cost(node: Node, core: Core) -> float:
    """And a conversion for each product."""
    return scalar_cost(node, core) + half.conversions(node, core)


def half_cost(node: Node, core: Core) -> float:
    """As for float32 weights, and a conversion for each four of them that is read."""
    out_c, in_c = node["w"].type.shape
    fours, ones = divmod(node["x"].type.elements // in_c, 4)
    return cost(node, core) + slowed(half.FOUR * -(-out_c // 4) * in_c * (fours + ones), core)


def half_flash_use(node: Node) -> FlashUse:
    """Half of it."""
    return half.flash_use(flash_use(node))


KERNELS = (
    Kernel("smg_fully_connected_f32_scalar", "fully_connected", "fully_connected_f32", FullyConnected, scalar_cost,
           params, requires=(float_elements, whole_weights),
           includes=("smg_fully_connected_f32_scalar.inc.h",)),
    Kernel("smg_fully_connected_f32_fpu", "fully_connected", "fully_connected_f32", FullyConnected, cost, params,
           frozenset(("fpu",)), (float_elements, whole_weights, constant_parameters), pack_quads, flash_use=flash_use,
           includes=("smg_fully_connected_f32_fpu.inc.h",)),
    Kernel("smg_fully_connected_half_f32_scalar", "fully_connected", "fully_connected_f16", FullyConnected,
           half_scalar_cost, params, requires=(float_elements, half.half_weights), pack=half.pack,
           includes=("smg_fully_connected_f32_scalar.inc.h",)),
    Kernel("smg_fully_connected_half_f32_fpu", "fully_connected", "fully_connected_f16", FullyConnected, half_cost,
           params, frozenset(("fpu",)), (float_elements, half.half_weights), half.pack_quads, flash_use=half_flash_use,
           includes=("smg_fully_connected_f32_fpu.inc.h",)),
)  # fmt: skip
