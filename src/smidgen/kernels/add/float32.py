# SPDX-License-Identifier: Apache-2.0
"""float32 addition and subtraction."""

from __future__ import annotations

from collections.abc import Mapping

from smidgen.ir import Node
from smidgen.kernels.common import broadcast_in_four, broadcast_params
from smidgen.kernels.float32 import clip_params, float_elements, per_output
from smidgen.kernels.kernel import Kernel, ParamValue
from smidgen.ops import Add


def params(node: Node) -> Mapping[str, ParamValue]:
    op = node.op
    assert isinstance(op, Add)
    a_sign, b_sign = (float(s) for s in op.signs)
    return {"shape": broadcast_params(node), "a_sign": a_sign, "b_sign": b_sign, **clip_params(op.clamp)}


KERNELS = (
    Kernel("smg_add_f32_scalar", "add", "add_f32", Add, per_output(30), params,
           requires=(float_elements, broadcast_in_four)),
)  # fmt: skip
