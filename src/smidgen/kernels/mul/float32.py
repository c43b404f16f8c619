# SPDX-License-Identifier: Apache-2.0
"""float32 elementwise product."""

from __future__ import annotations

from collections.abc import Mapping

from smidgen.ir import Node
from smidgen.kernels.common import broadcast_in_four, broadcast_params
from smidgen.kernels.float32 import clip_params, float_elements, per_output
from smidgen.kernels.kernel import Kernel, ParamValue
from smidgen.ops import Mul


def params(node: Node) -> Mapping[str, ParamValue]:
    assert isinstance(node.op, Mul)
    return {"shape": broadcast_params(node), **clip_params(node.op.clamp)}


KERNELS = (
    Kernel("smg_mul_f32_scalar", "mul", "mul_f32", Mul, per_output(28), params,
           requires=(float_elements, broadcast_in_four)),
)  # fmt: skip
