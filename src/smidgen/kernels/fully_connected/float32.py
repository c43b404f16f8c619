# SPDX-License-Identifier: Apache-2.0
"""float32 fully connected layers."""

from __future__ import annotations

from collections.abc import Mapping

from smidgen.ir import Node
from smidgen.kernels.float32 import clip_params, float_elements, per_mac
from smidgen.kernels.kernel import Kernel, ParamValue
from smidgen.ops import FullyConnected


def params(node: Node) -> Mapping[str, ParamValue]:
    assert isinstance(node.op, FullyConnected)
    out_c, in_c = node["w"].type.shape
    return {"rows": node["x"].type.elements // in_c, "in_c": in_c, "out_c": out_c, **clip_params(node.op.clamp)}


KERNELS = (
    Kernel("smg_fully_connected_f32_scalar", "fully_connected", "fully_connected_f32", FullyConnected, per_mac(8, 30),
           params, requires=(float_elements,)),
)  # fmt: skip
