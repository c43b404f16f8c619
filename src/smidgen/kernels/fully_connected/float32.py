# SPDX-License-Identifier: Apache-2.0
"""float32 fully connected layers."""

from __future__ import annotations

from collections.abc import Mapping

from smidgen.ir import Node
from smidgen.kernels.flash_use import FlashUse
from smidgen.kernels.float32 import clip_params, constant_parameters, float_elements, pack_quads, per_mac, slowed
from smidgen.kernels.kernel import Kernel, ParamValue
from smidgen.ops import FullyConnected
from smidgen.targets.target import Core


def params(node: Node) -> Mapping[str, ParamValue]:
    assert isinstance(node.op, FullyConnected)
    out_c, in_c = node["w"].type.shape
    return {"rows": node["x"].type.elements // in_c, "in_c": in_c, "out_c": out_c, **clip_params(node.op.clamp)}


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


KERNELS = (
    Kernel("smg_fully_connected_f32_scalar", "fully_connected", "fully_connected_f32", FullyConnected, per_mac(8, 30),
           params, requires=(float_elements,)),
    Kernel("smg_fully_connected_f32_fpu", "fully_connected", "fully_connected_f32", FullyConnected, cost, params,
           frozenset(("fpu",)), (float_elements, constant_parameters), pack_quads, flash_use=flash_use),
)  # fmt: skip
