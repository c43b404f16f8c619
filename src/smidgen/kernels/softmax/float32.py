# SPDX-License-Identifier: Apache-2.0
"""float32 softmax over the last dimension."""

from __future__ import annotations

from collections.abc import Mapping

from smidgen.ir import Node
from smidgen.kernels.float32 import float_elements, slowed
from smidgen.kernels.kernel import Kernel, ParamValue
from smidgen.ops import Softmax
from smidgen.targets.target import Core


def params(node: Node) -> Mapping[str, ParamValue]:
    assert isinstance(node.op, Softmax)
    x = node["x"].type
    return {"rows": x.elements // x.shape[-1], "depth": x.shape[-1], "beta": float(node.op.beta)}


def cost(node: Node, core: Core) -> float:
    x = node["x"].type
    return slowed(x.elements * 98 + x.elements // x.shape[-1] * 176, core)


KERNELS = (
    Kernel("smg_softmax_f32_scalar", "softmax", "softmax_f32", Softmax, cost, params,
           requires=(float_elements,), inplace="x"),
)  # fmt: skip
